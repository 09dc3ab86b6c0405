"""How often answers are right: accuracy, macro-F1, each expression, the confusion matrix."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgefer.errors import InputError
from edgefer.labels import Expression

Probabilities = NDArray[np.float32]


@dataclass(frozen=True)
class ClassAccuracy:
    """Figures of one expression over its `support` faces.

    All are None where there are no such faces: no data is not the same as zero. `precision` is
    None too where the answer was never given.
    """

    label: Expression
    support: int
    precision: float | None
    recall: float | None
    f1: float | None


@dataclass(frozen=True)
class Accuracy:
    """Figures over `faces` faces; shares are 0 to 1.

    `macro_f1` is the mean over the expressions that have faces. `confidence` is the mean
    probability of the answers. `confusion` is int64 [labels, labels]: a row for each label of the
    data, a column for each answer.
    """

    faces: int
    accuracy: float
    macro_f1: float
    confidence: float
    labels: tuple[Expression, ...]
    classes: tuple[ClassAccuracy, ...]
    confusion: NDArray[np.int64]


def score(
    answers: Probabilities, classes: NDArray[np.int64], labels: tuple[Expression, ...]
) -> Accuracy:
    """The figures of `answers` [faces, labels] against the right `classes` [faces]."""
    if not len(answers):
        msg = "expected at least one face to measure accuracy on, found none"
        raise InputError(msg)
    confusion = np.zeros((len(labels), len(labels)), np.int64)
    np.add.at(confusion, (classes, answers.argmax(axis=1)), 1)
    figures = tuple(_class_accuracy(label, i, confusion) for i, label in enumerate(labels))
    return Accuracy(
        faces=len(answers),
        accuracy=float(confusion.trace() / len(answers)),
        macro_f1=float(np.mean([one.f1 for one in figures if one.f1 is not None])),
        confidence=float(answers.max(axis=1).mean(dtype=np.float64)),
        labels=labels,
        classes=figures,
        confusion=confusion,
    )


def _class_accuracy(label: Expression, index: int, confusion: NDArray[np.int64]) -> ClassAccuracy:
    support, answered = int(confusion[index].sum()), int(confusion[:, index].sum())
    if not support:
        return ClassAccuracy(label, 0, None, None, None)
    right = int(confusion[index, index])
    precision = right / answered if answered else None
    return ClassAccuracy(
        label, support, precision, right / support, 2 * right / (support + answered)
    )


def agreement(a: Probabilities, b: Probabilities) -> float:
    """The share of faces on which two sets of probabilities [faces, labels] have one winner."""
    if a.shape != b.shape or not len(a):
        msg = f"agreement: expected answers to the same faces, found {a.shape} and {b.shape}"
        raise InputError(msg)
    return float((a.argmax(axis=1) == b.argmax(axis=1)).mean())
