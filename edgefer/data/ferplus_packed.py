"""FER-2013 faces in a packed zip: lossless mosaics with the labels of FER-2013 and of FER+.

`labels.npz` has a row a face (`votes`, `usage`, `fer2013_label`), `tiles.json` the number of faces,
those in a row and the side of one, `tileNN.webp` the faces, row by row in the order of the names.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgefer.data.faces import Pixels
from edgefer.data.pictures import decode_picture
from edgefer.errors import InputError, MissingDependency, reason

PACKED_SPLITS = {"train": 0, "valid": 1}
_MEMBER_LIMIT = 64 << 20

Values = NDArray[np.int64]


def find_packed(path: Path) -> Path | None:
    """The packed zip at `path`: the file itself, or the first that a folder holds."""
    archives = sorted(path.glob("ferplus*.zip")) if path.is_dir() else [path]
    return archives[0] if archives and archives[0].is_file() else None


def read_packed(
    archive: Path, split: str, column: str, chosen: Callable[[Values], NDArray[np.bool_]]
) -> tuple[Values, Callable[[int], Pixels]]:
    """The `column` of the labels of the chosen faces of a split, and what loads these faces.

    `chosen` is given the column of every split, and raises ValueError where it is none.
    Raises InputError where it is no packed zip.
    """
    try:
        with zipfile.ZipFile(archive) as file:
            labels = np.load(io.BytesIO(_member(file, "labels.npz")), allow_pickle=False)
            values = labels[column].astype(np.int64)
            rows = np.flatnonzero((labels["usage"] == PACKED_SPLITS[split]) & chosen(values))
            layout = json.loads(_member(file, "tiles.json"))
            tiles = (int(layout[name]) for name in ("n", "cols", "size"))
            grey = _unpack(file, *tiles)[rows]
    except MissingDependency:
        raise
    except Exception as error:  # zipfile, zlib, numpy and json raise a dozen kinds
        parts = "labels.npz, tiles.json, tile*.webp"
        msg = f"{archive}: expected a packed ferplus zip ({parts}): {reason(error, 200)}"
        raise InputError(msg) from error
    return values[rows], lambda index: from_grey(grey[index])


def from_grey(face: Pixels) -> Pixels:
    """A face of one plane, [height, width], as RGB."""
    return np.repeat(face[:, :, None], 3, axis=2)


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
