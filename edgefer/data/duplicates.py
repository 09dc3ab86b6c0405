"""Pictures that stand in a data set more than once, by the hash of their pixels."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

from edgefer.data.faces import FaceSet
from edgefer.labels import Expression
from edgefer.progress import Progress, silent

_Found = dict[str, list[Expression]]  # of each picture, the label of each face that shows it


@dataclass(frozen=True)
class Duplicates:
    """The pictures that are in both of two splits, or more than once in one.

    `different_labels` is how many of them do not bear the same label everywhere.
    """

    splits: tuple[str, ...]
    pictures: int
    different_labels: int


def find_duplicates(splits: Mapping[str, FaceSet], progress: Progress = silent) -> list[Duplicates]:
    """The duplicates between each pair of splits, then those inside each."""
    found = {name: _labels(faces, progress) for name, faces in splits.items()}
    pairs = [_between(pair, found) for pair in combinations(splits, 2)]
    return pairs + [_inside(name, found[name]) for name in splits]


def _labels(faces: FaceSet, progress: Progress) -> _Found:
    found: _Found = defaultdict(list)
    for digest, number in zip(faces.face_hashes(progress), faces.classes.tolist()):
        found[digest].append(faces.labels[number])
    return found


def _between(pair: tuple[str, str], found: Mapping[str, _Found]) -> Duplicates:
    first, second = (found[name] for name in pair)
    shared = first.keys() & second.keys()
    different = sum(len({*first[digest], *second[digest]}) > 1 for digest in shared)
    return Duplicates(pair, len(shared), different)


def _inside(name: str, found: _Found) -> Duplicates:
    repeated = [labels for labels in found.values() if len(labels) > 1]
    return Duplicates((name,), len(repeated), sum(len(set(labels)) > 1 for labels in repeated))
