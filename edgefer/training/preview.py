"""A sheet of faces for people to look at, before they train on them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from edgefer.data.faces import FaceSet, Pixels
from edgefer.errors import InputError
from edgefer.files import write_atomically
from edgefer.imports import require
from edgefer.training.batches import Batches
from edgefer.training.options import TrainingOptions
from edgefer.training.trainer import check_faces, find_device
from edgefer.zoo.registry import Network

_COLUMNS = 8
_MOST = 4 * _COLUMNS


def write_preview(path: Path, network: Network, faces: FaceSet, options: TrainingOptions) -> int:
    """Write a PNG with rows of faces as they are, each over the same, varied; how many it shows."""
    check_faces(faces, network, options.batch)
    before, after = Batches(network, faces, options, find_device(), keep=0).preview(_MOST)
    encoded, data = require("cv2", "cpu").imencode(".png", sheet(before, after)[:, :, ::-1])
    if not encoded:
        msg = f"{path}: expected a picture, found one that OpenCV cannot encode; use smaller faces"
        raise InputError(msg)
    write_atomically(path, bytes(data))
    return len(before)


def sheet(before: Pixels, after: Pixels) -> Pixels:
    """uint8 [n, size, size, 3], twice, to one picture of eight columns."""
    size, rows = before.shape[1], -(-len(before) // _COLUMNS)
    made = np.full((rows, 2, _COLUMNS, size, size, 3), 255, np.uint8)
    for index in range(len(before)):
        row, column = divmod(index, _COLUMNS)
        made[row, :, column] = before[index], after[index]
    lines = made.transpose(0, 1, 3, 2, 4, 5)
    return np.asarray(lines.reshape(2 * rows * size, _COLUMNS * size, 3), dtype=np.uint8)
