"""FER-2013 (Goodfellow et al., ICONIP 2013): grey faces of 48x48 with one of seven labels.

Kaggle gives it out as a table whose rows have the pixels in them: `fer2013.csv` with the columns
emotion, pixels and Usage, or `icml_face_data.csv` with the same in another order. The faces and
labels are in a packed ferplus zip too, less its test split.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgefer.data.broken import STRICT, Broken
from edgefer.data.faces import FaceSet
from edgefer.data.ferplus import USAGES, check_usage
from edgefer.data.ferplus_packed import (
    PACKED_SPLITS,
    Values,
    find_packed,
    from_grey,
    read_packed,
)
from edgefer.data.listing import listed_faces
from edgefer.data.tables import read_table, shown
from edgefer.errors import InputError
from edgefer.labels import ORDERS

LABELS = ORDERS["fer2013"]
_TABLES = ("fer2013.csv", "icml_face_data.csv")
_SIDE = 48
_NUMBERS = [str(number) for number in range(len(LABELS))]


def read_fer2013(path: Path, split: str, broken: Broken = STRICT) -> FaceSet:
    """The faces of `split` (train, valid or test: Training, PublicTest or PrivateTest).

    `path` is one of Kaggle's tables, a packed ferplus zip, or a folder that holds either.
    """
    home, name = _home(path), f"fer2013@{split}"
    if home.suffix == ".csv":
        return _read_table(home, name, split, broken)
    classes, load = read_packed(home, split, "fer2013_label", _all_labels)
    return listed_faces(name, LABELS, classes.tolist(), load, home, broken)


def fer2013_splits(path: Path) -> tuple[str, ...]:
    """The splits of what is at `path`; InputError where it is not FER-2013."""
    return tuple(USAGES if _home(path).suffix == ".csv" else PACKED_SPLITS)


def _home(path: Path) -> Path:
    tables = (path / name for name in _TABLES)
    home = next((table for table in tables if table.is_file()), None) or find_packed(path)
    if home is None:
        expected = f"{' or '.join(_TABLES)} or a packed ferplus zip"
        msg = f"fer2013:{path}: expected {expected}, found none of them"
        raise InputError(msg)
    return home


def _all_labels(values: Values) -> NDArray[np.bool_]:
    if values.ndim != 1 or not np.isin(values, range(len(LABELS))).all():
        msg = f"expected one label of 0 to {len(LABELS) - 1} for each face"
        raise ValueError(msg)
    return np.ones(len(values), np.bool_)


def _read_table(table: Path, name: str, split: str, broken: Broken) -> FaceSet:
    classes: list[int] = []
    faces: list[bytes] = []
    for where, row in read_table(table, ("emotion", "pixels", "Usage"), broken):
        emotion, text, usage = row
        if not check_usage(usage, where, broken) or usage != USAGES[split]:
            continue
        pixels = _pixels(text)
        if emotion not in _NUMBERS:
            expected = f"a label of 0 to {_NUMBERS[-1]}"
            broken.found(f"{where}: expected {expected}, found {shown([emotion])}")
        elif len(pixels) != _SIDE * _SIDE:
            broken.found(
                f"{where}: expected {_SIDE * _SIDE} pixels of 0 to 255, found {shown([text])}"
            )
        else:
            classes.append(int(emotion))
            faces.append(pixels)
    shape = (_SIDE, _SIDE)
    return listed_faces(
        name,
        LABELS,
        classes,
        lambda index: from_grey(np.frombuffer(faces[index], np.uint8).reshape(shape)),
        table,
        broken,
    )


def _pixels(text: str) -> bytes:
    """The numbers of a row; none where one of them is no byte."""
    try:
        return bytes(map(int, text.split()))
    except ValueError:
        return b""
