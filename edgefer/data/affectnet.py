"""AffectNet (Mollahosseini, Hasani and Mahoor, 2017) as it was and is given out; eight labels.

* Lists: `training.csv` and `validation.csv` (the second at times without a heading) with the
  columns of `_COLUMNS`, in PATH or `Manually_Annotated_file_lists`, and whole pictures in
  `Manually_Annotated_Images`. The face box of the list is cut out.
* Annotations: `train_set` and `val_set`, each with faces as `images/ID.jpg` and the expression in
  `annotations/ID_exp.npy`.

Expressions 8 to 10 (none, uncertain, no face) are passed over; the reading of seven labels passes
over contempt too.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edgefer.data.broken import STRICT, Broken
from edgefer.data.faces import FaceSet, Pixels
from edgefer.data.listing import (
    Listing,
    check_folder,
    check_named,
    listed_faces,
    pictures_in,
    visible,
)
from edgefer.data.pictures import read_picture
from edgefer.data.tables import read_table, shown
from edgefer.errors import InputError
from edgefer.files import read_bytes
from edgefer.labels import ORDERS

AFFECTNET, AFFECTNET_7 = "affectnet", "affectnet-7"
_LISTS = {"train": "training.csv", "valid": "validation.csv"}
_LIST_FOLDERS = ("", "Manually_Annotated_file_lists")
_PICTURE_FOLDERS = (
    "Manually_Annotated_Images",
    "Manually_Annotated/Manually_Annotated_Images",
)
_SETS = {"train": "train_set", "valid": "val_set"}
_COLUMNS = (
    "subDirectory_filePath",
    "face_x",
    "face_y",
    "face_width",
    "face_height",
    "facial_landmarks",
    "expression",
    "valence",
    "arousal",
)
_WANTED = (_COLUMNS[0], "expression", *_COLUMNS[1:5])
_NUMBERS = [str(number) for number in range(11)]
_NOTE = "_exp.npy"
_NOTE_LIMIT = 4096

Box = tuple[int, int, int, int]  # left, top, width, height


@dataclass(frozen=True)
class _Places:
    """What stands for each split that there is: its list, or its folder of annotated images."""

    lists: dict[str, Path]
    sets: dict[str, Path]


def read_affectnet(
    path: Path, split: str, broken: Broken = STRICT, order: str = AFFECTNET
) -> FaceSet:
    """The faces of `split` (train or valid) in either layout, with the labels of `order`."""
    places, labels, name = _places(path), ORDERS[order], f"{order}@{split}"
    if split in places.sets:
        folder = places.sets[split]
        names, classes = _read_set(folder, len(labels), broken)
        images = folder / "images"
        return listed_faces(
            name, labels, classes, lambda index: read_picture(images / names[index]), folder, broken
        )
    table, pictures = places.lists[split], _pictures(path)
    names, boxes, classes = _read_list(table, pictures, len(labels), broken)
    return listed_faces(
        name,
        labels,
        classes,
        lambda index: _cut(pictures / names[index], boxes[index]),
        table,
        broken,
    )


def affectnet_splits(path: Path) -> tuple[str, ...]:
    """The splits that there are at `path`; InputError where it is not AffectNet."""
    places = _places(path)
    return tuple(places.sets or places.lists)


def _places(path: Path) -> _Places:
    sets = {split: path / name for split, name in _SETS.items() if (path / name).is_dir()}
    lists = {
        split: path / folder / name
        for folder in reversed(_LIST_FOLDERS)
        for split, name in _LISTS.items()
        if (path / folder / name).is_file()
    }
    if not sets and not lists:
        expected = f"{' or '.join(_LISTS.values())}, or {' or '.join(_SETS.values())}"
        msg = f"affectnet:{path}: expected {expected}, found none of them"
        raise InputError(msg)
    return _Places(lists, sets)


def _pictures(path: Path) -> Path:
    for folder in _PICTURE_FOLDERS:
        if (path / folder).is_dir():
            return path / folder
    msg = f"affectnet:{path}: expected the folder {' or '.join(_PICTURE_FOLDERS)}, found neither"
    raise InputError(msg)


def _read_list(
    table: Path, pictures: Path, count: int, broken: Broken
) -> tuple[list[str], list[Box], list[int]]:
    """The pictures, face boxes and classes of a list."""
    files = Listing(pictures)
    names: list[str] = []
    boxes: list[Box] = []
    classes: list[int] = []
    for where, (name, expression, *numbers) in read_table(table, _WANTED, broken, _COLUMNS):
        number = _class(expression, where, broken)
        if number is None or number >= count:
            continue
        box = _box(numbers, where, broken)
        if box and check_named(files, name, where, broken):
            names.append(name)
            boxes.append(box)
            classes.append(number)
    return names, boxes, classes


def _read_set(folder: Path, count: int, broken: Broken) -> tuple[list[str], list[int]]:
    """The pictures of a set and their classes."""
    images, notes = folder / "images", folder / "annotations"
    check_folder(images, "its pictures")
    check_folder(notes, "their expressions")
    names: list[str] = []
    classes: list[int] = []
    unused = {entry.name for entry in visible(notes) if entry.name.endswith(_NOTE)}
    for name in pictures_in(images):
        note = f"{name.rpartition('.')[0]}{_NOTE}"
        if note not in unused:
            broken.found(f"{notes / note}: expected the expression of {name}, found no such file")
            continue
        unused.remove(note)
        number = _annotation(notes / note, broken)
        if number is not None and number < count:
            names.append(name)
            classes.append(number)
    for note in sorted(unused):
        image = images / f"{note[: -len(_NOTE)]}.jpg"
        broken.found(f"{image}: named by {note}, expected a picture, found no such file")
    return names, classes


def _annotation(path: Path, broken: Broken) -> int | None:
    """The expression in an annotation file: a number, or one as text."""
    try:
        data = read_bytes(path, "an expression", _NOTE_LIMIT)
        value = np.load(io.BytesIO(data), allow_pickle=False).item()
    except InputError as error:
        broken.found(str(error))
        return None
    except Exception:  # numpy, zipfile and ast raise a dozen kinds
        value = "no number"
    return _class(str(value), str(path), broken)


def _class(text: str, where: str, broken: Broken) -> int | None:
    if text in _NUMBERS:
        return int(text)
    broken.found(f"{where}: expected an expression of 0 to {_NUMBERS[-1]}, found {shown([text])}")
    return None


def _box(numbers: Sequence[str], where: str, broken: Broken) -> Box | None:
    try:
        left, top, width, height = (int(number) for number in numbers)
    except ValueError:
        width = height = 0
    if width > 0 and height > 0:
        return left, top, width, height
    broken.found(f"{where}: expected a face box in whole pixels, found {shown(numbers)}")
    return None


def _cut(path: Path, box: Box) -> Pixels:
    left, top, width, height = box
    picture = read_picture(path)
    face = picture[max(top, 0) : max(top + height, 0), max(left, 0) : max(left + width, 0)]
    if not face.size:
        rows, columns = picture.shape[:2]
        msg = (
            f"{path}: expected a face of {width}x{height} at {left}, {top}, found a picture of "
            f"{columns}x{rows}"
        )
        raise InputError(msg)
    return np.ascontiguousarray(face)
