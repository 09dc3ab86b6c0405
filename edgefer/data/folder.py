"""Pictures in one folder for each expression: PATH/SPLIT/EXPRESSION/* or PATH/EXPRESSION/*."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from edgefer.data.faces import FaceSet
from edgefer.data.pictures import SUFFIXES, read_picture
from edgefer.errors import InputError
from edgefer.labels import ORDERS, Expression, parse_expression

LABELS = ORDERS["ferplus"]


def folder_splits(path: Path) -> tuple[str, ...]:
    """The names of the split folders; none where `path` holds the expressions themselves."""
    names = [folder.name for folder in _folders(path)]
    return () if any(_is_expression(name) for name in names) else tuple(names)


def read_folder(path: Path, split: str) -> FaceSet:
    """The faces of PATH/SPLIT, or of PATH where there is no such folder, labelled by folder name.

    Labels are the eight of FER+, in its order. Raises InputError where a folder's name is no
    expression, or has no pictures in it.
    """
    whole = not (path / split).is_dir()
    files: list[Path] = []
    classes: list[int] = []
    for folder in _folders(path if whole else path / split):
        label = _label(folder)
        pictures = [file for file in _visible(folder) if file.suffix.lower() in SUFFIXES]
        if not pictures:
            msg = f"{folder}: expected pictures ({', '.join(sorted(SUFFIXES))}), found none"
            raise InputError(msg)
        files += pictures
        classes += [LABELS.index(label)] * len(pictures)
    if not files:
        msg = f"{path}: expected folders named {', '.join(LABELS)}, found none"
        raise InputError(msg)
    name = f"folder:{path.resolve().name}" + ("" if whole else f"@{split}")
    targets = np.eye(len(LABELS), dtype=np.float32)[classes]
    return FaceSet(name, LABELS, targets, lambda index: read_picture(files[index]))


def _label(folder: Path) -> Expression:
    try:
        return parse_expression(folder.name)
    except InputError as error:
        msg = f"{folder}: {error}"
        raise InputError(msg) from error


def _is_expression(name: str) -> bool:
    try:
        parse_expression(name)
    except InputError:
        return False
    return True


def _folders(path: Path) -> list[Path]:
    return [entry for entry in _visible(path) if entry.is_dir()]


def _visible(path: Path) -> list[Path]:
    """What is in a folder, by name; hidden files are the file manager's own."""
    try:
        return sorted(entry for entry in path.iterdir() if not entry.name.startswith("."))
    except OSError as error:
        msg = f"{path}: expected a folder of pictures, cannot read it ({error.strerror})"
        raise InputError(msg) from error
