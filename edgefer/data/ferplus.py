"""FER+ (Barsoum et al., ICMI 2016): FER-2013 faces of 48x48 with the votes of ten taggers.

Two layouts are read: the original (`fer2013new.csv` beside `FER2013Train`, `FER2013Valid` and
`FER2013Test`, whose PNG files it names) and a packed zip of lossless mosaics with `labels.npz`.

The protocol is "majority": the class with the most votes; a face whose winner is `unknown` or
`not a face` is dropped, and outside the training split so is a tie. Targets are the votes for the
eight expressions, as shares.
"""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgefer.data.faces import FaceSet, Pixels
from edgefer.data.pictures import decode_picture, read_picture
from edgefer.errors import InputError, MissingDependency
from edgefer.labels import ORDERS

LABELS = ORDERS["ferplus"]
_COLUMNS = [*(str(label) for label in LABELS), "unknown", "NF"]
_FOLDERS = {"train": "FER2013Train", "valid": "FER2013Valid", "test": "FER2013Test"}
_USAGES = {"train": "Training", "valid": "PublicTest", "test": "PrivateTest"}
_PACKED_SPLITS = {"train": 0, "valid": 1}
_TABLE = "fer2013new.csv"
_MEMBER_LIMIT = 64 << 20


def read_ferplus(path: Path, split: str) -> FaceSet:
    """The faces of `split` (train, valid or test) from a packed zip, or the original folder.

    `path` is the zip, a folder that holds one, or the folder (or file) of `fer2013new.csv`.
    Raises InputError where it is none of these, or has no such split.
    """
    if split not in ferplus_splits(path):
        msg = f"ferplus:{path}: expected one of {', '.join(ferplus_splits(path))}, found @{split}"
        raise InputError(msg)
    home = _home(path)
    return _read_original(home, split) if home.is_dir() else _read_packed(home, split)


def ferplus_splits(path: Path) -> tuple[str, ...]:
    """The splits that there are at `path`; InputError where it is not FER+."""
    home = _home(path)
    if not home.is_dir():
        return tuple(_PACKED_SPLITS)
    found = tuple(split for split, folder in _FOLDERS.items() if (home / folder).is_dir())
    if not found:
        msg = f"ferplus:{home}: expected {', '.join(_FOLDERS.values())} beside {_TABLE}, found none"
        raise InputError(msg)
    return found


def _home(path: Path) -> Path:
    """The packed zip, or the folder of the original table."""
    if path.name == _TABLE:
        path = path.parent
    if (path / _TABLE).is_file():
        return path
    archives = sorted(path.glob("ferplus*.zip")) if path.is_dir() else [path]
    if archives and archives[0].is_file():
        return archives[0]
    msg = f"ferplus:{path}: expected {_TABLE} or a packed ferplus zip, found neither"
    raise InputError(msg)


def _chosen(votes: NDArray[np.int64], split: str) -> NDArray[np.bool_]:
    winner = votes.argmax(axis=1)
    most = votes.max(axis=1, keepdims=True)
    keep = (winner < len(LABELS)) & (most[:, 0] > 0)
    if split != "train":
        keep &= (votes == most).sum(axis=1) == 1
    return np.asarray(keep, dtype=np.bool_)


def _face_set(split: str, votes: NDArray[np.int64], load: Callable[[int], Pixels]) -> FaceSet:
    shares = votes[:, : len(LABELS)].astype(np.float32)
    targets: NDArray[np.float32] = shares / shares.sum(axis=1, keepdims=True)
    return FaceSet(f"ferplus@{split}", LABELS, targets, load)


def _read_original(folder: Path, split: str) -> FaceSet:
    table = folder / _TABLE
    try:
        with table.open(newline="", encoding="utf-8-sig") as file:
            rows = [row for row in csv.DictReader(file) if row["Usage"] == _USAGES[split]]
        rows = [row for row in rows if row["Image name"]]
        votes = np.array([[int(row[name]) for name in _COLUMNS] for row in rows], np.int64)
        votes = _checked(votes.reshape(-1, len(_COLUMNS)))
    except (KeyError, ValueError, TypeError, OverflowError, OSError, csv.Error) as error:
        columns = f"Usage, Image name, {', '.join(_COLUMNS)}"
        msg = f"{table}: expected the columns {columns} ({error!r})"
        raise InputError(msg) from error
    keep = _chosen(votes, split)
    files = [folder / _FOLDERS[split] / row["Image name"] for row, k in zip(rows, keep) if k]
    if files and not files[0].is_file():
        msg = f"{files[0]}: named in {table.name}, expected a picture, found no such file"
        raise InputError(msg)
    return _face_set(split, votes[keep], lambda index: read_picture(files[index]))


def _read_packed(archive: Path, split: str) -> FaceSet:
    try:
        with zipfile.ZipFile(archive) as file:
            labels = np.load(io.BytesIO(_member(file, "labels.npz")), allow_pickle=False)
            votes = _checked(labels["votes"].astype(np.int64))
            rows = np.flatnonzero(
                (labels["usage"] == _PACKED_SPLITS[split]) & _chosen(votes, split)
            )
            layout = json.loads(_member(file, "tiles.json"))
            tiles = (int(layout[name]) for name in ("n", "cols", "size"))
            grey = _unpack(file, *tiles)[rows]
    except MissingDependency:
        raise
    except Exception as error:  # zipfile, zlib, numpy and json raise a dozen kinds
        parts = "labels.npz, tiles.json, tile*.webp"
        msg = f"{archive}: expected a packed ferplus zip ({parts}): {error}"
        raise InputError(msg) from error
    return _face_set(
        split, votes[rows], lambda index: np.repeat(grey[index][:, :, None], 3, axis=2)
    )


def _checked(votes: NDArray[np.int64]) -> NDArray[np.int64]:
    if votes.ndim != 2 or votes.shape[1] != len(_COLUMNS) or (votes < 0).any():
        msg = f"expected {len(_COLUMNS)} votes of 0 or more for each face"
        raise ValueError(msg)
    return votes


def _member(file: zipfile.ZipFile, name: str) -> bytes:
    if file.getinfo(name).file_size > _MEMBER_LIMIT:
        msg = f"{name} is larger than {_MEMBER_LIMIT:,} bytes"
        raise ValueError(msg)
    return file.read(name)


def _unpack(file: zipfile.ZipFile, count: int, columns: int, size: int) -> Pixels:
    """Cut the mosaics row by row, in the order of their names: uint8 [count, size, size]."""
    pieces = []
    for name in sorted(name for name in file.namelist() if name.startswith("tile")):
        if name.endswith(".webp"):
            mosaic = decode_picture(_member(file, name), name)[:, :, 0]
            rows = mosaic.shape[0] // size
            grid = mosaic.reshape(rows, size, columns, size).swapaxes(1, 2)
            pieces.append(grid.reshape(-1, size, size))
    return np.concatenate(pieces)[:count]
