"""A frame in, the expression of every face out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

import numpy as np

from edgefer.errors import InputError
from edgefer.golden import Probabilities
from edgefer.labels import Expression
from edgefer.runtime.align import crop
from edgefer.runtime.backend import Pixels
from edgefer.runtime.detector import Box, Detector, Face, Landmarks, find_detector
from edgefer.runtime.session import Session, load

_LONGEST_SIDE = 32_766  # OpenCV counts pixels in 16 bits where it warps


@dataclass(frozen=True, eq=False)
class Reading:
    """The expression of one face.

    `box` is x, y, width, height in pixels of the frame; `confidence` is the winner's probability;
    `probabilities` are float32 [labels], in the order of the session's labels; `landmarks` are
    float32 [5, 2] as in Face, None where the detector gives none; `backend` computed it.
    """

    box: Box
    expression: Expression
    confidence: float
    probabilities: Probabilities
    landmarks: Landmarks | None
    backend: str


class Recognizer:
    """Finds, aligns and reads the faces of a frame. Close it, or use it as a context manager.

    `bundle` is a file, or a session that is already open and stays its owner's to close (`backend`
    and `threads` are for a file). `detector` is one that is made already, a YuNet model file, or
    None for what `find_detector` finds. Threads may share it; they take turns.

    Raises what `load` and `find_detector` raise.
    """

    def __init__(
        self,
        bundle: str | Path | Session,
        *,
        detector: Detector | str | Path | None = None,
        backend: str = "auto",
        threads: int | None = None,
    ) -> None:
        if isinstance(detector, str):
            detector = Path(detector)
        if detector is None or isinstance(detector, Path):
            detector = find_detector(detector)
        self.detector: Detector = detector
        self._owns_session = not isinstance(bundle, Session)
        if not isinstance(bundle, Session):
            bundle = load(bundle, backend=backend, threads=threads)
        self.session: Session = bundle
        self._lock = Lock()

    def __call__(self, frame: Pixels) -> list[Reading]:
        """The readings of a frame uint8 [height, width, 3], BGR, the largest face first.

        Raises InputError for another shape or type, and what `Session.run` raises.
        """
        faces = self.find(frame)
        answers = self.session.run(self.align(frame, faces))
        return [self._reading(face, answer) for face, answer in zip(faces, answers)]

    def find(self, frame: Pixels) -> list[Face]:
        """The faces of a frame, the largest first; what a call begins with."""
        _check_frame(frame)
        with self._lock:
            return sorted(self.detector.find(frame), key=_area, reverse=True)

    def align(self, frame: Pixels, faces: Sequence[Face]) -> Pixels:
        """The faces as the network takes them, uint8 [n, size, size, 3], RGB: what comes next."""
        size = self.session.size
        crops = np.empty((len(faces), size, size, 3), np.uint8)
        for row, face in zip(crops, faces):
            row[:] = crop(frame, face, size)
        return crops

    def _reading(self, face: Face, answer: Probabilities) -> Reading:
        winner = int(answer.argmax())
        return Reading(
            box=face.box,
            expression=self.session.labels[winner],
            confidence=float(answer[winner]),
            probabilities=answer,
            landmarks=face.landmarks,
            backend=self.session.backend,
        )

    def close(self) -> None:
        """Close the session if it was opened here; again is no error."""
        if self._owns_session:
            self.session.close()

    def __enter__(self) -> Recognizer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _area(face: Face) -> float:
    return face.box[2] * face.box[3]


def _check_frame(frame: Pixels) -> None:
    if isinstance(frame, np.ndarray):
        sides = frame.shape[:2]
        fits = frame.ndim == 3 and frame.shape[2] == 3 and 1 <= min(sides) <= max(sides)
        if fits and frame.dtype == np.uint8 and max(sides) <= _LONGEST_SIDE:
            return
        found = f"{frame.dtype} {list(frame.shape)}"
    else:
        found = type(frame).__name__
    msg = (
        "frame: expected uint8 [height, width, 3], BGR, "
        f"of at most {_LONGEST_SIDE:,} pixels a side, found {found}"
    )
    raise InputError(msg)
