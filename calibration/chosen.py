"""Which faces set the ranges, and which are held back to judge them.

Both are spread evenly over the classes. Which they are depends on the faces alone: they are put in
the order of their hashes first, so that another order of the data gives the same ranges.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgefer.calibration.calibrators import CalibrationOptions
from edgefer.data.faces import FaceSet, Pixels
from edgefer.errors import InputError
from edgefer.progress import Progress, silent

# Our choice: ranges of fewer faces than this still change from face to face.
_FEW = 100
_HELD_BACK = 4  # one face in so many, where there are few


def chosen_faces(
    faces: FaceSet, options: CalibrationOptions, progress: Progress = silent
) -> FaceSet:
    """The faces that set the ranges.

    Raises InputError where there are none, or one is not uint8 [height, width, 3].
    """
    return _split(faces, options, progress)[0]


def held_back(faces: FaceSet, options: CalibrationOptions, progress: Progress = silent) -> FaceSet:
    """Faces that set no range, nor show the same picture as one that does.

    As many as set the ranges where there are that many; where there are few, a quarter of all, if
    the options hold any back. Raises InputError as `chosen_faces` does, and where none is left.
    """
    found = _split(faces, options, progress)[1]
    if not len(found):
        msg = (
            f"{faces.name}: expected faces beside those that set the ranges, found none among "
            f"{len(faces)}; give more faces, of at least {_HELD_BACK} different pictures"
        )
        raise InputError(msg)
    return found


def concerns(faces: FaceSet, options: CalibrationOptions) -> tuple[str, ...]:
    """What speaks against trusting ranges from these faces, in words; empty where nothing does."""
    found = []
    count = min(len(faces), options.faces)
    if count < _FEW:
        found.append(f"{faces.name}: {count} faces set the ranges; give {_FEW} or more")
    present = np.unique(faces.classes)
    if len(present) == 1:
        found.append(
            f"{faces.name}: all faces are of one class, {faces.labels[present[0]]}; give faces of "
            "every expression"
        )
    return tuple(found)


def _split(
    faces: FaceSet, options: CalibrationOptions, progress: Progress
) -> tuple[FaceSet, FaceSet]:
    if not len(faces):
        msg = f"{faces.name}: expected faces to calibrate on, found none"
        raise InputError(msg)
    ordered = _in_order(_checked(faces), progress)
    count = len(ordered)
    held = max(count - options.faces, count // _HELD_BACK if options.holds_back else 0)
    held = max(0, min(held, options.faces))
    rows = _spread(ordered.classes, min(count, options.faces + held))
    # evenly along the classes, which lie one behind the other
    steps = np.arange(len(rows) + 1) * held // len(rows)
    back = np.diff(steps) > 0
    setting, others = ordered.select(np.sort(rows[~back])), ordered.select(np.sort(rows[back]))
    seen = set(setting.face_hashes())
    unseen = [row for row, digest in enumerate(others.face_hashes()) if digest not in seen]
    return setting, others.select(unseen)


def _in_order(faces: FaceSet, progress: Progress) -> FaceSet:
    """The same faces by their hashes; of the same picture by their targets."""
    hashes = faces.face_hashes(progress)
    targets = [row.tobytes() for row in faces.targets]
    return faces.select(sorted(range(len(faces)), key=lambda row: (hashes[row], targets[row])))


def _spread(classes: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """`count` rows, as many of each class as it has and the others leave, class by class."""
    seen: Counter[int] = Counter()
    ranks = []
    for label in classes.tolist():
        ranks.append(seen[label])
        seen[label] += 1
    first = np.argsort(ranks, kind="stable")[:count]
    return np.asarray(first[np.lexsort((first, classes[first]))], dtype=np.int64)


def _checked(faces: FaceSet) -> FaceSet:
    """The same faces, whose pixels are looked at when they are loaded."""

    def load(index: int) -> Pixels:
        face: Any = faces.load(index)
        kind = getattr(face, "dtype", type(face).__name__)
        shape: tuple[int, ...] = getattr(face, "shape", ())
        if kind != np.uint8 or len(shape) != 3 or shape[2] != 3 or not all(shape):
            msg = (
                f"{faces.name}: face {index}: expected pixels uint8 [height, width, 3], "
                f"found {kind} {list(shape)}"
            )
            raise InputError(msg)
        return np.asarray(face)

    return replace(faces, load=load)
