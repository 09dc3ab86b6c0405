"""Pictures in one folder for each expression: PATH/SPLIT/EXPRESSION/* or PATH/EXPRESSION/*."""

from __future__ import annotations

import os
from pathlib import Path

from edgefer.data.broken import STRICT, Broken
from edgefer.data.faces import FaceSet
from edgefer.data.listing import one_hot, pictures_in, visible
from edgefer.data.pictures import SUFFIXES, read_picture
from edgefer.errors import InputError
from edgefer.labels import ORDERS, Expression, parse_expression

LABELS = ORDERS["ferplus"]


def folder_splits(path: Path) -> tuple[str, ...]:
    """The names of the split folders; none where `path` holds the expressions themselves."""
    names = [Path(folder).name for folder in _folders(path)]
    return () if any(_is_expression(name) for name in names) else tuple(names)


def read_folder(path: Path, split: str, broken: Broken = STRICT) -> FaceSet:
    """The faces of PATH/SPLIT, or of PATH where there is no such folder, labelled by folder name.

    Labels are the eight of FER+, in its order. A folder whose name is no expression, or that has
    no pictures in it, is `broken`.
    """
    whole = not (path / split).is_dir()
    name = f"folder:{path.resolve().name}" + ("" if whole else f"@{split}")
    return read_classes(path if whole else path / split, name, LABELS, broken)


def read_classes(path: Path, name: str, labels: tuple[Expression, ...], broken: Broken) -> FaceSet:
    """The pictures in the folders of `path`, each folder named by one of `labels` or a synonym.

    Raises InputError where `path` has no folders; one that cannot be used is `broken`.
    """
    files: list[str] = []
    classes: list[int] = []
    folders = _folders(path)
    if not folders:
        msg = f"{path}: expected folders named {', '.join(labels)}, found none"
        raise InputError(msg)
    for folder in folders:
        try:
            label = _label(folder, labels)
            pictures = _pictures(folder)
        except InputError as error:
            broken.found(str(error))
            continue
        files += pictures
        classes += [labels.index(label)] * len(pictures)
    targets = one_hot(classes, len(labels))
    return FaceSet(name, labels, targets, lambda index: read_picture(Path(files[index])))


def labels_in(path: Path) -> set[Expression]:
    """The expressions that have a folder in `path`."""
    names = [Path(folder).name for folder in _folders(path)]
    return {parse_expression(name) for name in names if _is_expression(name)}


def _label(folder: str, labels: tuple[Expression, ...]) -> Expression:
    try:
        label = parse_expression(Path(folder).name)
    except InputError as error:
        msg = f"{folder}: {error}"
        raise InputError(msg) from error
    if label not in labels:
        msg = f"{folder}: expected folders named {', '.join(labels)}, found {label}"
        raise InputError(msg)
    return label


def _pictures(folder: str) -> list[str]:
    names = pictures_in(folder)
    if not names:
        msg = f"{folder}: expected pictures ({', '.join(sorted(SUFFIXES))}), found none"
        raise InputError(msg)
    return [os.path.join(folder, name) for name in names]  # noqa: PTH118


def _is_expression(name: str) -> bool:
    try:
        parse_expression(name)
    except InputError:
        return False
    return True


def _folders(path: Path) -> list[str]:
    return [entry.path for entry in visible(path) if entry.is_dir()]
