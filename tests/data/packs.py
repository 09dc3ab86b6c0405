"""Votes of ten taggers, and a packed zip of faces with them."""

from __future__ import annotations

import io
import json
import zipfile

import numpy as np
import pytest
from numpy.typing import NDArray

from edgefer.data.drawn import draw_face
from edgefer.labels import Expression

cv2 = pytest.importorskip("cv2")

SIZE = 48
NAMES = ["neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt"]
HEADER = ["Usage", "Image name", *NAMES, "unknown", "NF"]
# One row a face: split, and the votes of ten taggers.
VOTES = [
    ("Training", [8, 2, 0, 0, 0, 0, 0, 0, 0, 0]),  # neutral
    ("Training", [0, 4, 0, 0, 4, 0, 0, 0, 2, 0]),  # a tie of happiness and anger
    ("Training", [1, 0, 0, 0, 0, 0, 0, 0, 9, 0]),  # unknown
    ("Training", [0, 0, 0, 0, 0, 0, 0, 0, 1, 9]),  # not a face
    ("PublicTest", [0, 0, 0, 0, 0, 0, 0, 10, 0, 0]),  # contempt
    ("PublicTest", [0, 5, 5, 0, 0, 0, 0, 0, 0, 0]),  # a tie
    ("PublicTest", [0, 0, 0, 4, 0, 0, 0, 0, 4, 2]),  # a tie with unknown
    ("PrivateTest", [0, 0, 0, 0, 0, 7, 1, 0, 2, 0]),  # disgust
    ("Training", [0, 0, 0, 0, 0, 1, 6, 1, 2, 0]),  # fear
]
ROWS = [row for row, (usage, _) in enumerate(VOTES) if usage != "PrivateTest"]


def face(row: int) -> NDArray[np.uint8]:
    """Grey, [48, 48]."""
    return draw_face(Expression.NEUTRAL, SIZE, 3, row)[:, :, 1]


def packed(rows: list[int], columns: int = 2, **changes: object) -> bytes:
    """A zip of mosaics of at most two rows each."""
    usages = {"Training": 0, "PublicTest": 1}
    votes = np.array([VOTES[row][1] for row in rows], np.uint8)
    usage = np.array([usages[VOTES[row][0]] for row in rows], np.uint8)
    fer2013 = np.arange(len(rows), dtype=np.uint8) % 7
    labels = {"votes": votes, "usage": usage, "fer2013_label": fer2013, **changes}
    buffer, arrays = io.BytesIO(), io.BytesIO()
    np.savez(arrays, **{name: labels[name] for name in ("votes", "usage", "fer2013_label")})
    layout = {"n": len(rows), "cols": columns, "size": SIZE}
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("labels.npz", arrays.getvalue())
        archive.writestr("tiles.json", json.dumps({**layout, **changes.get("tiles", {})}))
        for start in range(0, len(rows), 2 * columns):
            mosaic = np.zeros((2 * SIZE, columns * SIZE), np.uint8)
            for place, row in enumerate(rows[start : start + 2 * columns]):
                y, x = divmod(place, columns)
                mosaic[y * SIZE : (y + 1) * SIZE, x * SIZE : (x + 1) * SIZE] = face(row)
            quality = [cv2.IMWRITE_WEBP_QUALITY, 101]
            _, data = cv2.imencode(".webp", mosaic, quality)
            archive.writestr(f"tile{start // (2 * columns):02}.webp", bytes(data))
    return buffer.getvalue()
