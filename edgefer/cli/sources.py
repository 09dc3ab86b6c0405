"""What `edgefer run` reads: pictures, videos and cameras, told apart before any work begins."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from edgefer.data.pictures import read_picture
from edgefer.errors import InputError, MachineError
from edgefer.files import check_readable, utf8_name
from edgefer.imports import require

if TYPE_CHECKING:
    import cv2

Frame = NDArray[np.uint8]

# FFmpeg films the characters of a .txt file.
_TEXT = int.from_bytes(b"ansi", "little")
_CAMERA_DIGITS = 4  # OpenCV takes its hundreds for a kind of camera, and has fewer than 99 kinds


@dataclass(frozen=True)
class Picture:
    """A picture file."""

    path: Path

    def frame(self) -> Frame:
        """uint8 [h, w, 3], BGR; InputError where the file is damaged."""
        return np.ascontiguousarray(read_picture(self.path)[:, :, ::-1])


@dataclass(frozen=True)
class Video:
    """A video file; `count` is the number of frames that its header promises, 0 if none."""

    path: Path
    count: int

    def frames(self) -> Iterator[tuple[float, Frame]]:
        """Each frame (uint8 [h, w, 3], BGR) with its time in seconds, until the file ends."""
        milliseconds = require("cv2", "cpu").CAP_PROP_POS_MSEC
        with _capture(str(self.path)) as capture:
            for frame in _read(capture):
                yield float(capture.get(milliseconds)) / 1000, frame


@dataclass(frozen=True)
class Camera:
    """A camera by the number that OpenCV gives it."""

    number: int

    def frames(self) -> Iterator[tuple[float, Frame]]:
        """Each frame (uint8 [h, w, 3], BGR) with the seconds since the start; never ends.

        Raises MachineError where there is no such camera, or when it gives no more frames.
        """
        cv2 = require("cv2", "cpu")
        with _capture(self.number) as capture:
            if not capture.isOpened():
                msg = f"camera {self.number}: cannot be opened; give the number, 0 for /dev/video0"
                raise MachineError(msg)
            capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)  # the newest frame, not the oldest unread
            started = time.monotonic()
            for frame in _read(capture):
                yield time.monotonic() - started, frame
        msg = f"camera {self.number}: gives no more frames; is it still plugged in?"
        raise MachineError(msg)


Source = Picture | Video | Camera


def find_source(name: str) -> Source:
    """The picture, video or camera called `name`; InputError where it is none of them."""
    if name.isdecimal():
        return _find_camera(name)
    path = Path(name)
    file = utf8_name(path)
    check_readable(path, "a picture, a video or the number of a camera (0 for /dev/video0)")
    cv2 = require("cv2", "cpu")
    if cv2.haveImageReader(file):
        return Picture(path)
    with _capture(file) as capture:
        text = int(capture.get(cv2.CAP_PROP_FOURCC)) == _TEXT
        readable = capture.isOpened() and not text and capture.grab()
        count = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
    if not readable:
        msg = f"{path}: expected a picture or a video, found a file that OpenCV cannot decode"
        raise InputError(msg)
    return Video(path, max(0, count))


def _find_camera(name: str) -> Camera:
    if len(name) > _CAMERA_DIGITS:
        msg = (
            f"camera {name:.20}: expected a number of at most {_CAMERA_DIGITS} digits, "
            f"found {len(name)}; give 0 for /dev/video0"
        )
        raise InputError(msg)
    return Camera(int(name))


@contextmanager
def _capture(source: str | int) -> Iterator[cv2.VideoCapture]:
    """OpenCV's reader, released in the end."""
    cv2 = require("cv2", "cpu")
    capture = cv2.VideoCapture(source)
    try:
        yield capture
    finally:
        capture.release()


def _read(capture: cv2.VideoCapture) -> Iterator[Frame]:
    while True:
        there, frame = capture.read()
        if not there:
            return
        yield frame
