"""What a bundle answers to labelled faces, and how often it is right."""

from __future__ import annotations

import numpy as np

from edgefer.accuracy import Accuracy, Probabilities, score
from edgefer.data.faces import FaceSet
from edgefer.progress import Progress, silent
from edgefer.runtime.session import Session

_BATCH = 64


def evaluate(session: Session, faces: FaceSet, progress: Progress = silent) -> Accuracy:
    """Run every face and compare with its label; labels are matched by name.

    Raises InputError where there are no faces, or faces with labels that the session has not.
    """
    classes = faces.classes_among(session.labels)
    return score(probabilities(session, faces, progress), classes, session.labels)


def probabilities(session: Session, faces: FaceSet, progress: Progress = silent) -> Probabilities:
    """The session's answers to all faces in order: float32 [faces, labels of the session]."""
    answers = np.empty((len(faces), len(session.labels)), np.float32)
    done = 0
    for pixels, _ in faces.batches(session.size, _BATCH):
        answers[done : done + len(pixels)] = session.run(pixels)
        done += len(pixels)
        progress("faces", done, len(faces))
    return answers
