"""Finds the faces in a frame: YuNet with its five landmarks, or OpenCV's Haar cascade."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from edgefer.errors import InputError, MachineError, reason
from edgefer.files import read_bytes, sha256, utf8_name
from edgefer.imports import require
from edgefer.runtime.backend import Pixels
from edgefer.runtime.cache import cache_folder

Box = tuple[float, float, float, float]
Landmarks = NDArray[np.float32]

YUNET = "face_detection_yunet_2023mar.onnx"
YUNET_SHA256 = "8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4"
_MODEL_LIMIT = 64 << 20

# Frames are shrunk until their longer side is this, in pixels.
_SIDE = 640
# Our choice: of the FER+ faces that score above 0.5, 95 % score above 0.74.
_SCORE = 0.7
_OVERLAP, _CANDIDATES = 0.3, 500
# In pixels. OpenCV 4.8 to 4.14 gives infinite boxes from memory that was never written where a
# side has one cell of YuNet's coarsest grid only, which is 32 pixels.
_LEAST_SIDE = 64
# In pixels of the shrunk frame.
_SMALLEST_HAAR = 30

_CASCADE = "haarcascade_frontalface_alt2.xml"
_CASCADE_FOLDERS = ("/usr/share/opencv4/haarcascades", "/usr/local/share/opencv4/haarcascades")


@dataclass(frozen=True, eq=False)
class Face:
    """A face in a frame, in its pixels.

    `box` is x, y, width, height and may reach beyond the frame; `score` is from 0 to 1, None where
    the detector gives none; `landmarks` are float32 [5, 2], x and y of the right and left eye, the
    nose, the right and left corner of the mouth (right is the person's own), or None.
    """

    box: Box
    score: float | None = None
    landmarks: Landmarks | None = None


class Detector(Protocol):
    """Whatever finds faces."""

    @property
    def name(self) -> str:
        """What to call it in a report."""

    def find(self, frame: Pixels) -> list[Face]:
        """The faces in a frame uint8 [height, width, 3], BGR."""


class YunetDetector:
    """YuNet (Wu et al., Machine Intelligence Research 2023) through OpenCV's FaceDetectorYN.

    Its landmarks show little of a head's tilt: of 40 degrees, 3 to 22 in a picture that was turned.
    Not for several threads at once. Raises InputError for a file that is not YuNet, MachineError
    where OpenCV cannot run it.
    """

    name = "yunet"

    def __init__(self, model: Path) -> None:
        read_bytes(model, "a YuNet face detector (ONNX)", _MODEL_LIMIT)
        name = utf8_name(model)
        cv2 = require("cv2", "cpu")
        if not hasattr(cv2, "FaceDetectorYN"):
            msg = f"OpenCV {cv2.__version__}: expected FaceDetectorYN, found none; use 4.8 or newer"
            raise MachineError(msg)
        try:
            self._detector: Any = cv2.FaceDetectorYN.create(
                name, "", (_SIDE, _SIDE), _SCORE, _OVERLAP, _CANDIDATES
            )
            self.find(np.zeros((64, 64, 3), np.uint8))
        except cv2.error as error:
            msg = f"{model}: expected a YuNet face detector, OpenCV refused it ({reason(error)})"
            raise InputError(msg) from error

    def find(self, frame: Pixels) -> list[Face]:
        """The faces that score above 0.7, with landmarks."""
        small, factor = _shrink(frame)
        small = _padded(small)
        self._detector.setInputSize((small.shape[1], small.shape[0]))
        _, rows = self._detector.detect(small)
        return [] if rows is None else [_yunet_face(row, factor) for row in rows]


class HaarDetector:
    """OpenCV 4's frontal-face cascade (Viola and Jones, CVPR 2001): no model file, no landmarks.

    Not for several threads at once. Raises MachineError where OpenCV has no cascade.
    """

    name = "haar"

    def __init__(self) -> None:
        cv2 = require("cv2", "cpu")
        own = [cv2.data.haarcascades] if hasattr(cv2, "data") else []
        paths = (Path(folder, _CASCADE) for folder in (*own, *_CASCADE_FOLDERS))
        files = [path for path in paths if path.is_file()]
        if not files or not hasattr(cv2, "CascadeClassifier"):
            msg = (
                f"OpenCV {cv2.__version__}: expected {_CASCADE} of OpenCV 4, found none; "
                "give a YuNet model file"
            )
            raise MachineError(msg)
        self._cascade: Any = cv2.CascadeClassifier(str(files[0]))

    def find(self, frame: Pixels) -> list[Face]:
        """The faces that look into the camera, without a score."""
        cv2 = require("cv2", "cpu")
        small, factor = _shrink(frame)
        boxes = self._cascade.detectMultiScale(
            cv2.cvtColor(small, cv2.COLOR_BGR2GRAY),
            scaleFactor=1.1,
            minNeighbors=5,
            minSize=(_SMALLEST_HAAR, _SMALLEST_HAAR),
        )
        return [Face(_box(box, factor)) for box in boxes]


def find_detector(model: Path | None = None) -> Detector:
    """YuNet from `model`, else the one that was fetched before, else the Haar cascade.

    Raises InputError where the file is not YuNet or the fetched one is damaged.
    """
    if model is not None:
        return YunetDetector(model)
    cached = cache_folder() / YUNET
    if not cached.is_file():
        return HaarDetector()
    found = sha256(read_bytes(cached, "the fetched face detector", _MODEL_LIMIT))
    if found != YUNET_SHA256:
        msg = (
            f"{cached}: damaged; expected sha256 {YUNET_SHA256[:12]}…, found {found[:12]}…; "
            "delete it and fetch it again"
        )
        raise InputError(msg)
    return YunetDetector(cached)


def _shrink(frame: Pixels) -> tuple[Pixels, float]:
    """The frame with its longer side at most _SIDE, and how many times smaller it is."""
    factor = max(frame.shape[:2]) / _SIDE
    if factor <= 1:
        return frame, 1.0
    cv2 = require("cv2", "cpu")
    height, width = (max(1, round(side / factor)) for side in frame.shape[:2])
    return cv2.resize(frame, (width, height), interpolation=cv2.INTER_AREA), factor


def _padded(frame: Pixels) -> Pixels:
    """The frame with black to its right and below where a side is short."""
    height, width = frame.shape[:2]
    if min(height, width) >= _LEAST_SIDE:
        return frame
    cv2 = require("cv2", "cpu")
    below, right = max(0, _LEAST_SIDE - height), max(0, _LEAST_SIDE - width)
    return np.asarray(cv2.copyMakeBorder(frame, 0, below, 0, right, cv2.BORDER_CONSTANT), np.uint8)


def _yunet_face(row: NDArray[np.float32], factor: float) -> Face:
    landmarks = row[4:14].reshape(5, 2) * np.float32(factor)
    return Face(_box(row, factor), float(row[14]), landmarks)


def _box(row: NDArray[Any], factor: float) -> Box:
    x, y, width, height = (float(number) * factor for number in row[:4])
    return x, y, width, height
