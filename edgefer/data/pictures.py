"""Pictures from files, with a clear error for what is not one."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from edgefer.data.faces import Pixels
from edgefer.errors import InputError, reason
from edgefer.files import read_bytes
from edgefer.imports import require

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff"})
_LIMIT = 256 << 20


def read_picture(path: Path) -> Pixels:
    """A picture file as uint8 [height, width, 3], RGB; InputError where it is not a picture."""
    return decode_picture(read_bytes(path, "a picture", _LIMIT), str(path))


def decode_picture(data: bytes, name: str) -> Pixels:
    """Encoded bytes as uint8 [height, width, 3], RGB; InputError names the picture."""
    cv2 = require("cv2", "cpu")
    try:
        picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error as error:
        msg = f"{name}: OpenCV cannot decode this picture ({reason(error)})"
        raise InputError(msg) from error
    if picture is None:
        msg = f"{name}: expected a picture, found {len(data):,} bytes that OpenCV cannot decode"
        raise InputError(msg)
    return np.ascontiguousarray(picture[:, :, ::-1])
