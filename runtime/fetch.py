"""Fetches the YuNet face detector from OpenCV Zoo into the user's cache folder, once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from edgefer.errors import MachineError
from edgefer.files import sha256, write_atomically
from edgefer.progress import Progress, silent
from edgefer.runtime.cache import cache_folder
from edgefer.runtime.detector import YUNET, YUNET_SHA256

if TYPE_CHECKING:
    from http.client import HTTPResponse

# The media address: the ordinary one serves a Git LFS pointer.
URL = (
    "https://media.githubusercontent.com/media/opencv/opencv_zoo/main/models/"
    f"face_detection_yunet/{YUNET}"
)
SIZE = 232_589
_TIMEOUT = 30.0  # seconds without a byte
_STEP = 1 << 15


def fetch_detector(progress: Progress = silent) -> Path:
    """Download YuNet (MIT licence), check its SHA-256, and give the path of the cached file.

    Raises MachineError where it cannot be had, InputError where the cache cannot be written.
    """
    import http.client
    import urllib.request

    target = cache_folder() / YUNET
    try:
        with urllib.request.urlopen(URL, timeout=_TIMEOUT) as response:
            data = _read(response, progress)
    except (OSError, http.client.HTTPException) as error:
        msg = (
            f"{URL}: expected the YuNet face detector, cannot download it ({error}); "
            f"fetch it on another machine and copy it to {target}"
        )
        raise MachineError(msg) from error
    found = sha256(data)
    if found != YUNET_SHA256:
        msg = (
            f"{URL}: expected sha256 {YUNET_SHA256[:12]}…, found {found[:12]}…; "
            f"fetch it on another machine and copy it to {target}"
        )
        raise MachineError(msg)
    try:
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        msg = f"{target.parent}: cannot make the cache folder ({error.strerror})"
        raise MachineError(msg) from error
    write_atomically(target, data)
    return target


def _read(response: HTTPResponse, progress: Progress) -> bytes:
    """The body, but never much more than the file that is expected."""
    data = b""
    while len(data) <= SIZE:
        progress("fetch", len(data), SIZE)
        step = response.read(_STEP)
        if not step:
            break
        data += step
    return data
