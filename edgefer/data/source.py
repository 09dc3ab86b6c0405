"""Faces by name: `KIND:PATH[@SPLIT]`, or `synthetic[:COUNT][@SEED]` for drawn ones."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from edgefer.data import folder_sets
from edgefer.data.affectnet import AFFECTNET_7, affectnet_splits, read_affectnet
from edgefer.data.broken import STRICT, Broken, loadable
from edgefer.data.drawn import drawn_faces
from edgefer.data.faces import FaceSet
from edgefer.data.fer2013 import fer2013_splits, read_fer2013
from edgefer.data.ferplus import ferplus_splits, read_ferplus
from edgefer.data.folder import folder_splits, read_folder
from edgefer.data.raf_db import raf_db_splits, read_raf_db
from edgefer.data.votes import MAJORITY, MULTI_LABEL
from edgefer.errors import InputError
from edgefer.progress import Progress, silent

DRAWN_COUNT = 256
WHOLE = "all"
_DRAWN_LIMIT = 1_000_000
_DRAWN = re.compile(r"synthetic(?::([0-9]{1,9}))?(?:@([0-9]{1,9}))?")
# Another seed for each split, so that no face stands in two of them.
_DRAWN_SEEDS = {"train": 0, "valid": 1, "test": 2}
_NAMED = 6  # splits that a message names
_SPLIT = re.compile(r"[A-Za-z]\w*")


@dataclass(frozen=True)
class _Kind:
    """How one kind of data is read, and which splits there are at a path (none: it is whole)."""

    read: Callable[[Path, str, Broken], FaceSet]
    splits: Callable[[Path], tuple[str, ...]]


_KINDS = {
    "ferplus": _Kind(read_ferplus, ferplus_splits),
    "ferplus-majority": _Kind(partial(read_ferplus, protocol=MAJORITY), ferplus_splits),
    "ferplus-multi-label": _Kind(partial(read_ferplus, protocol=MULTI_LABEL), ferplus_splits),
    "fer2013": _Kind(read_fer2013, fer2013_splits),
    "raf-db": _Kind(read_raf_db, raf_db_splits),
    "affectnet": _Kind(read_affectnet, affectnet_splits),
    "affectnet-7": _Kind(partial(read_affectnet, order=AFFECTNET_7), affectnet_splits),
    "caer-s": _Kind(folder_sets.read_caer_s, folder_sets.caer_s_splits),
    "sfew": _Kind(folder_sets.read_sfew, folder_sets.sfew_splits),
    "fed-ro": _Kind(folder_sets.read_fed_ro, folder_sets.fed_ro_splits),
    "folder": _Kind(read_folder, folder_splits),
}


@dataclass(frozen=True)
class _Place:
    """A taken-apart `KIND:PATH[@SPLIT]`; `split` is None where none is named."""

    kind: _Kind
    path: Path
    split: str | None

    def read(self, split: str, broken: Broken, progress: Progress) -> FaceSet:
        """The faces of that split, less those that are `broken`; at times there are none."""
        faces = self.kind.read(self.path, split, broken)
        return loadable(faces, broken, progress) if broken.skip else faces


def read_data(
    text: str, split: str, broken: Broken = STRICT, progress: Progress = silent
) -> FaceSet:
    """The faces that `text` names; `split` is taken where it names none.

    Raises InputError for an unknown kind, an absent path or split, and where there are no faces;
    and for what is broken, unless that is to be skipped: then each face is loaded once.
    """
    if _is_drawn(text):
        return _drawn(text, split)
    place = _place(text)
    found = place.kind.splits(place.path)
    wanted = place.split or split
    if wanted not in found and (found or place.split):
        there = f"{' or '.join(found[:_NAMED])}; name one as @SPLIT"
        if not found:
            there = f"no splits there; leave out @{wanted}"
        msg = f"data '{text}': expected the split {wanted}, found {there}"
        raise InputError(msg)
    faces = place.read(wanted, broken, progress)
    if not len(faces):
        msg = f"data '{text}': expected faces in the split {wanted}, found none{_without(broken)}"
        raise InputError(msg)
    return faces


def read_sibling(
    text: str, split: str, broken: Broken = STRICT, progress: Progress = silent
) -> FaceSet | None:
    """The faces of that split of the same data; None where `text` names it or there is none.

    Raises InputError as `read_data` does.
    """
    drawn = _DRAWN.fullmatch(text)
    if drawn:
        return None if drawn[2] else read_data(text, split)
    place = _place(text)
    if place.split == split or split not in place.kind.splits(place.path):
        return None
    faces = place.read(split, broken, progress)
    return faces if len(faces) else None


def read_splits(
    text: str, broken: Broken = STRICT, progress: Progress = silent
) -> dict[str, FaceSet]:
    """The faces of each split of the data that has any, or of the one that `text` names.

    What has no splits is one, named `WHOLE`. Raises InputError as `read_data` does.
    """
    if _is_drawn(text):
        return {WHOLE: read_data(text, WHOLE)}
    place = _place(text)
    splits = () if place.split else place.kind.splits(place.path)
    if not splits:
        name = place.split or WHOLE
        return {name: read_data(text, name, broken, progress)}
    found = {split: place.read(split, broken, progress) for split in splits}
    kept = {split: faces for split, faces in found.items() if len(faces)}
    if not kept:
        there = " or ".join(splits[:_NAMED])
        msg = f"data '{text}': expected faces in {there}, found none{_without(broken)}"
        raise InputError(msg)
    return kept


def _without(broken: Broken) -> str:
    """What a message adds where all there was is left out."""
    left_out = broken.left_out
    return f"; left out {len(left_out)}, the first for {left_out[0]}" if left_out else ""


def _is_drawn(text: str) -> bool:
    return text.split(":")[0].split("@")[0] == "synthetic"


def _drawn(text: str, split: str) -> FaceSet:
    found = _DRAWN.fullmatch(text)
    count = int(found[1] or DRAWN_COUNT) if found else 0
    if not found or not 0 < count <= _DRAWN_LIMIT:
        msg = (
            f"data '{text}': expected synthetic[:COUNT][@SEED] with whole numbers and a COUNT of "
            f"1 to {_DRAWN_LIMIT:,}, for instance synthetic:64@7"
        )
        raise InputError(msg)
    return drawn_faces(count, int(found[2] or _DRAWN_SEEDS.get(split, 0)))


def _place(text: str) -> _Place:
    name, colon, path = text.partition(":")
    if name not in _KINDS:
        known = ", ".join(_KINDS)
        msg = (
            f"data '{text}': expected KIND:PATH[@SPLIT] with a KIND of {known}, or "
            f"synthetic[:COUNT][@SEED]; found '{name}'"
        )
        raise InputError(msg)
    if not path:
        msg = f"data '{text}': expected a path, found none; write {name}:PATH[@SPLIT]"
        raise InputError(msg)
    # A path may have an @ of its own: what is there as it stands has no split in its name.
    front, at, split = path.rpartition("@")
    if front and _SPLIT.fullmatch(split) and not _exists(path):
        place = _Place(_KINDS[name], _home(front), split)
    else:
        place = _Place(_KINDS[name], _home(path), None)
    if not _exists(str(place.path)):
        msg = f"data '{text}': expected a file or folder, found nothing at {place.path}"
        raise InputError(msg)
    return place


def _exists(path: str) -> bool:
    # unlike Path.exists, False for a name too long and for a folder without permission
    return os.path.exists(_home(path))  # noqa: PTH110


def _home(path: str) -> Path:
    # no shell does it behind "KIND:"; unlike Path.expanduser, leaves it where there is no home
    return Path(os.path.expanduser(path))  # noqa: PTH111
