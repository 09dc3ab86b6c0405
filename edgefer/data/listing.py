"""Lists of labelled pictures against the folders they name, each folder listed once."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgefer.data.broken import Broken
from edgefer.data.faces import FaceSet, Pixels
from edgefer.data.pictures import SUFFIXES
from edgefer.errors import InputError
from edgefer.labels import Expression


def visible(folder: Path | str) -> list[os.DirEntry[str]]:
    """What is in a folder, by name; hidden files are the file manager's own."""
    try:
        with os.scandir(folder) as entries:
            found = [entry for entry in entries if not entry.name.startswith(".")]
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        msg = f"{folder}: expected a folder of pictures, cannot read it ({reason})"
        raise InputError(msg) from error
    return sorted(found, key=lambda entry: entry.name)


def pictures_in(folder: Path | str) -> list[str]:
    """The names of the pictures in a folder, sorted."""
    names = (entry.name for entry in visible(folder))
    return [name for name in names if os.path.splitext(name)[1].lower() in SUFFIXES]  # noqa: PTH122


@dataclass(frozen=True)
class Listing:
    """The files below `root`: a folder is listed when first asked for."""

    root: Path
    _names: dict[str, frozenset[str]] = field(default_factory=dict, repr=False, compare=False)

    def has(self, name: str) -> bool:
        """Whether there is such a file; never for a name that leaves `root`."""
        folder, _, last = name.rpartition("/")
        if folder not in self._names:
            self._names[folder] = self._list(folder)
        return last in self._names[folder]

    def _list(self, folder: str) -> frozenset[str]:
        if folder.startswith("/") or ".." in folder.split("/"):
            return frozenset()
        try:
            return frozenset(entry.name for entry in visible(self.root / folder))
        except InputError:
            return frozenset()


def check_named(files: Listing, name: str, where: str, broken: Broken) -> bool:
    """Whether the picture is there that a line of a list names; otherwise it is `broken`."""
    there = files.has(name)
    if not there:
        line = where.rpartition(os.sep)[2]
        broken.found(
            f"{files.root / name}: named in {line}, expected a picture, found no such file"
        )
    return there


def check_folder(folder: Path, what: str) -> None:
    """InputError where there is no such folder."""
    if not folder.is_dir():
        msg = f"{folder}: expected the folder of {what}, found none"
        raise InputError(msg)


def one_hot(classes: Sequence[int] | NDArray[np.int64], count: int) -> NDArray[np.float32]:
    """A row for each class number: float32 [len(classes), count]."""
    targets = np.zeros((len(classes), count), np.float32)
    targets[np.arange(len(classes)), np.asarray(classes, np.int64)] = 1
    return targets


def listed_faces(
    name: str,
    labels: tuple[Expression, ...],
    classes: Sequence[int],
    load: Callable[[int], Pixels],
    source: Path,
    broken: Broken,
) -> FaceSet:
    """Faces of one label each, as the list or folder `source` has them.

    A class without faces is `broken`; a set without any is not.
    """
    targets = one_hot(classes, len(labels))
    for label, count in zip(labels, targets.sum(axis=0)):
        if classes and not count:
            broken.found(f"{source}: expected faces of {label} for {name}, found none")
    return FaceSet(name, labels, targets, load)
