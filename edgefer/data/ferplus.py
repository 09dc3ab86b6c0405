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
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgefer.data.faces import FaceSet, Pixels
from edgefer.data.pictures import decode_picture, read_picture
from edgefer.errors import InputError
from edgefer.labels import ORDERS

LABELS = ORDERS["ferplus"]
_COLUMNS = [*(str(label) for label in LABELS), "unknown", "NF"]
_FOLDERS = {"train": "FER2013Train", "valid": "FER2013Valid", "test": "FER2013Test"}
_USAGES = {"train": "Training", "valid": "PublicTest", "test": "PrivateTest"}
_PACKED_SPLITS = {"train": 0, "valid": 1}
_MOSAIC_LIMIT = 64 << 20


def read_ferplus(path: Path, split: str) -> FaceSet:
    """The faces of `split` (train, valid or test) from a packed zip, or the original folder.

    `path` is the zip, a folder that holds one, or the folder (or file) of `fer2013new.csv`.
    Raises InputError where it is none of these.
    """
    if path.name == "fer2013new.csv":
        path = path.parent
    archives = sorted(path.glob("ferplus*.zip")) if path.is_dir() else [path]
    if (path / "fer2013new.csv").is_file():
        return _read_original(path, split)
    if archives and archives[0].is_file():
        return _read_packed(archives[0], split)
    msg = f"ferplus:{path}: expected fer2013new.csv or a packed ferplus zip, found neither"
    raise InputError(msg)


def _chosen(votes: NDArray[np.int64], split: str) -> NDArray[np.bool_]:
    winner = votes.argmax(axis=1)
    keep = (winner < len(LABELS)) & (votes[:, : len(LABELS)].sum(axis=1) > 0)
    if split != "train":
        keep &= (votes == votes.max(axis=1, keepdims=True)).sum(axis=1) == 1
    return keep


def _targets(votes: NDArray[np.int64]) -> NDArray[np.float32]:
    shares = votes[:, : len(LABELS)].astype(np.float32)
    return shares / shares.sum(axis=1, keepdims=True)


def _read_original(folder: Path, split: str) -> FaceSet:
    if split not in _USAGES:
        msg = f"ferplus:{folder}@{split}: expected the split train, valid or test"
        raise InputError(msg)
    table = folder / "fer2013new.csv"
    try:
        with table.open(newline="") as file:
            rows = [row for row in csv.DictReader(file) if row["Usage"] == _USAGES[split]]
        rows = [row for row in rows if row["Image name"]]
        votes = np.array([[int(row[name]) for name in _COLUMNS] for row in rows], np.int64)
    except (KeyError, ValueError, TypeError, csv.Error) as error:
        msg = f"{table}: expected the columns Usage, Image name, {', '.join(_COLUMNS)} ({error})"
        raise InputError(msg) from error
    votes = votes.reshape(-1, len(_COLUMNS))
    keep = _chosen(votes, split)
    files = [folder / _FOLDERS[split] / row["Image name"] for row, k in zip(rows, keep) if k]
    if files and not files[0].is_file():
        msg = f"{files[0]}: named in {table.name}, expected a picture, found no such file"
        raise InputError(msg)
    return FaceSet(
        f"ferplus@{split}", LABELS, _targets(votes[keep]), lambda index: read_picture(files[index])
    )


def _read_packed(archive: Path, split: str) -> FaceSet:
    if split not in _PACKED_SPLITS:
        msg = f"ferplus:{archive}@{split}: the packed file has the splits train and valid only"
        raise InputError(msg)
    try:
        with zipfile.ZipFile(archive) as file:
            labels = np.load(io.BytesIO(file.read("labels.npz")), allow_pickle=False)
            votes, usage = labels["votes"].astype(np.int64), labels["usage"]
            layout = json.loads(file.read("tiles.json"))
            faces = _unpack(file, int(layout["n"]), int(layout["cols"]), int(layout["size"]))
    except (zipfile.BadZipFile, KeyError, ValueError, OSError) as error:
        msg = f"{archive}: expected a packed ferplus zip (labels.npz, tiles.json, tile*.webp): {error}"
        raise InputError(msg) from error
    rows = np.flatnonzero((usage == _PACKED_SPLITS[split]) & _chosen(votes, split))
    grey = faces[rows]
    return FaceSet(
        f"ferplus@{split}",
        LABELS,
        _targets(votes[rows]),
        lambda index: np.repeat(grey[index][:, :, None], 3, axis=2),
    )


def _unpack(file: zipfile.ZipFile, count: int, columns: int, size: int) -> Pixels:
    """Cut the mosaics row by row, in the order of their names: uint8 [count, size, size]."""
    names = sorted(name for name in file.namelist() if name.startswith("tile") and "." in name)
    pieces = []
    for name in (name for name in names if name.endswith(".webp")):
        if file.getinfo(name).file_size > _MOSAIC_LIMIT:
            msg = f"{name} is larger than {_MOSAIC_LIMIT:,} bytes"
            raise ValueError(msg)
        mosaic = decode_picture(file.read(name), name)[:, :, 0]
        rows = mosaic.shape[0] // size
        grid = mosaic.reshape(rows, size, columns, size).swapaxes(1, 2)
        pieces.append(grid.reshape(-1, size, size))
    return np.concatenate(pieces)[:count]
