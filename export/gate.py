"""The gate: what a graph in INT8 or FP16 has lost against FP32 on labelled faces, and whether that
is too much.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from edgefer.accuracy import Accuracy, agreement, score
from edgefer.choice import Choice
from edgefer.data.faces import FaceSet
from edgefer.errors import CheckFailed, InputError
from edgefer.export.answers import Floats, probabilities
from edgefer.export.graph import SourceGraph
from edgefer.files import sha256
from edgefer.manifest import Flavour
from edgefer.paired import Paired, pair
from edgefer.progress import Progress, silent
from edgefer.training.feed import Feed

_BATCH = 16
# Our choice: macro-F1 rests on the rarest expression, and recall on one alone.
_MACRO_F1, _RECALL = 3, 10
_FEW_FACES = 2


class Metric(Choice):
    """What `--max-drop` is a drop of."""

    ACCURACY = "accuracy"
    MACRO_F1 = "macro-f1"


@dataclass(frozen=True)
class Limits:
    """The most that may be lost against FP32.

    `drop` in points (hundredths) of `metric`. With accuracy as the metric macro-F1 may lose three
    times as much; the recall of each expression ten times, and two faces whatever their number.
    `confidence` is the most by which the mean probability of FP32's winners may shift, and
    `agreement` the least share of faces with FP32's winner. All defaults are our choice.
    """

    drop: float = 1.0
    metric: Metric = Metric.ACCURACY
    confidence: float = 0.05
    agreement: float = 0.9

    def __post_init__(self) -> None:
        if not (0 <= self.drop <= 100 and math.isfinite(self.drop)):
            msg = f"max drop: expected 0 to 100 points, found {self.drop}"
            raise InputError(msg)
        for name, share in (("confidence shift", self.confidence), ("agreement", self.agreement)):
            if not 0 <= share <= 1:
                msg = f"{name}: expected a share of 0 to 1, found {share}"
                raise InputError(msg)

    @property
    def macro_f1(self) -> float:
        """The most points of macro-F1."""
        return self.drop * (_MACRO_F1 if self.metric is Metric.ACCURACY else 1)

    def __str__(self) -> str:
        return (
            f"a drop of {self.drop:g} (points of {self.metric}), a confidence shift of "
            f"{self.confidence:g}, {1 - self.agreement:.0%} other winners"
        )

    def recall(self, faces: int) -> float:
        """The most points of the recall of an expression with so many faces."""
        return max(self.drop * _RECALL, 100 * _FEW_FACES / faces)


@dataclass(frozen=True)
class Loss:
    """One figure past its limit; all are in points (hundredths), and `limit` is how far it may be.

    A shift may be either way, the others may not fall.
    """

    flavour: Flavour
    what: str
    fp32: float
    found: float
    limit: float


@dataclass(frozen=True)
class Compared:
    """One graph beside FP32 on the same faces; shares are 0 to 1.

    `confidence_shift` is the mean change of the probability of FP32's winner, `divergence` the mean
    Kullback-Leibler divergence of its probabilities from FP32's, in nats.
    """

    accuracy: Accuracy
    paired: Paired
    confidence_shift: float
    agreement: float
    divergence: float


class Evaluation:
    """Labelled faces, and what the FP32 network answers to them.

    Faces with a label that the network lacks are `left_out`; InputError where all are.
    """

    def __init__(self, graph: SourceGraph, faces: FaceSet, progress: Progress = silent) -> None:
        given, faces = len(faces), faces.relabelled(graph.labels)
        self.left_out = given - len(faces)
        self.name, self.labels, self.digest = faces.name, graph.labels, faces.digest()
        self.classes = faces.classes_among(graph.labels)
        self.faces, self.size = faces, graph.size
        self._feed = Feed(faces, graph.size, progress=progress)
        self._compared: dict[str, Compared] = {}
        self.reference = self.answers(graph.data, "FP32")
        self.fp32 = score(self.reference, self.classes, graph.labels)

    def answers(self, graph: bytes, what: str) -> Floats:
        """The probabilities of all faces by another graph of the same labels."""
        return probabilities(graph, self._feed.pixels(_BATCH, f"evaluating {what}"))

    def compare(self, graph: bytes, what: str) -> Compared:
        """Another graph beside FP32; the same one again is not run again."""
        key = sha256(graph)
        if key not in self._compared:
            self._compared[key] = self._compare(graph, what)
        return self._compared[key]

    def _compare(self, graph: bytes, what: str) -> Compared:
        found = self.answers(graph, what)
        winners, rows = self.reference.argmax(axis=1), np.arange(len(found))
        shift = found[rows, winners] - self.reference[rows, winners]
        return Compared(
            accuracy=score(found, self.classes, self.labels),
            paired=pair(winners == self.classes, found.argmax(axis=1) == self.classes),
            confidence_shift=float(shift.mean(dtype=np.float64)),
            agreement=agreement(self.reference, found),
            divergence=float(divergences(self.reference, found).mean()),
        )

    def report(self, compared: Mapping[Flavour, Compared], limits: Limits) -> dict[str, Any]:
        """For the manifest, as JSON."""
        return {
            "data": {
                "name": self.name,
                "faces": len(self.classes),
                "sha256": self.digest,
                "left_out": self.left_out,
            },
            "fp32": _figures(self.fp32),
            **{str(flavour): _compared(entry) for flavour, entry in compared.items()},
            "limits": {**asdict(limits), "metric": str(limits.metric)} if compared else None,
        }


def divergences(reference: Floats, found: Floats) -> Floats:
    """KL(reference || found) of each face in nats: float32 [faces]; probabilities [faces, k]."""
    least = np.finfo(np.float32).tiny
    ratio = np.log(np.maximum(reference, least)) - np.log(np.maximum(found, least))
    return np.asarray((reference * ratio).sum(axis=1), dtype=np.float32)


def mean_divergence(reference: Floats, found: Floats) -> float:
    """The mean of `divergences`; infinite where an answer is not a number."""
    mean = float(divergences(reference, found).mean(dtype=np.float64))
    return max(0.0, mean) if math.isfinite(mean) else math.inf


def losses(fp32: Accuracy, flavour: Flavour, entry: Compared, limits: Limits) -> list[Loss]:
    """What of a graph's figures is past its limit, the accuracy first."""
    found = entry.accuracy
    drops = [
        ("accuracy", fp32.accuracy, found.accuracy, limits.drop),
        ("macro-F1", fp32.macro_f1, found.macro_f1, limits.macro_f1),
    ]
    drops += [
        (f"recall of {before.label}", before.recall, now.recall, limits.recall(before.support))
        for before, now in zip(fp32.classes, found.classes)
        if before.recall is not None and now.recall is not None
    ]
    past = [
        Loss(flavour, what, 100 * before, 100 * now, limit)
        for what, before, now, limit in drops
        if not 100 * (before - now) <= limit + 1e-9
    ]
    shift = entry.confidence_shift
    if not abs(shift) <= limits.confidence:
        past.append(Loss(flavour, "mean confidence shift", 0, 100 * shift, 100 * limits.confidence))
    if not entry.agreement >= limits.agreement:
        allowed = 100 * (1 - limits.agreement)
        past.append(Loss(flavour, "agreement with FP32", 100, 100 * entry.agreement, allowed))
    return past


def in_points(value: float) -> str:
    """With two digits behind the point, or as many as show that it is not 0."""
    return f"{value:.2f}" if not value or abs(value) >= 0.01 else f"{value:.1g}"


class GateFailed(CheckFailed):
    """A graph lost more than its limits allow: `losses` says what, `advice` what may help.

    `searched` is what a search for layers to leave high has found of them.
    """

    def __init__(
        self, lost: Sequence[Loss], data: str, advice: Sequence[str], searched: str = ""
    ) -> None:
        first, found = lost[0], f" {searched}" if searched else ""
        super().__init__(
            f"{first.flavour.member} lost too much on {data}{found}, no bundle is written: "
            f"{first.what} {in_points(first.found)} against FP32's {in_points(first.fp32)} points, "
            f"with a limit of {first.limit:g}; figures past their limits: {len(lost)}; "
            f"try {', or '.join(advice)}"
        )
        self.losses, self.advice = lost, advice


def _figures(found: Accuracy) -> dict[str, Any]:
    return {
        "accuracy": found.accuracy,
        "macro_f1": found.macro_f1,
        "confidence": found.confidence,
        "recall": {str(one.label): one.recall for one in found.classes},
    }


def _compared(entry: Compared) -> dict[str, Any]:
    return {
        **_figures(entry.accuracy),
        "confidence_shift": entry.confidence_shift,
        "agreement": entry.agreement,
        "divergence": entry.divergence,
        "lost": entry.paired.lost,
        "won": entry.paired.won,
        "change_95": [entry.paired.low, entry.paired.high],
        "mcnemar_p": entry.paired.p,
    }
