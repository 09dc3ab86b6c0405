"""The gate: what is compared with FP32, which limits there are, and what is past them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edgefer.accuracy import score
from edgefer.data.drawn import drawn_faces
from edgefer.data.faces import FaceSet
from edgefer.errors import InputError
from edgefer.export.answers import Floats
from edgefer.export.gate import (
    Compared,
    Evaluation,
    GateFailed,
    Limits,
    Metric,
    divergences,
    in_points,
    losses,
)
from edgefer.export.graph import read_graph
from edgefer.export.shipped import shipped_graph
from edgefer.labels import ORDERS
from edgefer.manifest import Flavour
from edgefer.paired import pair
from tests.export.graphs import residual

LABELS = ORDERS["ferplus"]


@pytest.fixture(scope="module")
def faces() -> FaceSet:
    return drawn_faces(200, seed=5)


@pytest.fixture(scope="module")
def evaluation(faces: FaceSet) -> Evaluation:
    return Evaluation(shipped_graph(), faces)


def compared(reference: Floats, found: Floats, classes: np.ndarray) -> Compared:
    """As an evaluation does it, of answers that are made up."""
    return Compared(
        accuracy=score(found, classes, LABELS),
        paired=pair(reference.argmax(1) == classes, found.argmax(1) == classes),
        confidence_shift=0.0,
        agreement=1.0,
        divergence=0.0,
    )


def sure(classes: np.ndarray) -> Floats:
    """Answers that are sure of these classes."""
    return np.eye(len(LABELS), dtype=np.float32)[classes]


def test_fp32_has_lost_nothing_against_itself(evaluation: Evaluation) -> None:
    found = evaluation.compare(shipped_graph().data, "itself")
    assert (found.paired.lost, found.paired.won, found.agreement) == (0, 0, 1)
    assert found.confidence_shift == pytest.approx(0, abs=1e-6)
    assert found.divergence == pytest.approx(0, abs=1e-6)
    nothing = Limits(drop=0, confidence=1e-5, agreement=1)
    assert not losses(evaluation.fp32, Flavour.CPU, found, nothing)


def test_no_graph_is_run_twice(faces: FaceSet) -> None:
    phases: list[str] = []
    some = Evaluation(shipped_graph(), faces, lambda phase, *_: phases.append(phase))
    first = some.compare(shipped_graph().data, "once")
    assert some.compare(shipped_graph().data, "again") is first
    assert "evaluating once" in phases
    assert "evaluating again" not in phases


def test_the_report_says_what_was_measured_on_what(evaluation: Evaluation, faces: FaceSet) -> None:
    found = evaluation.compare(shipped_graph().data, "itself")
    report = evaluation.report({Flavour.GPU: found}, Limits())
    about = {"name": faces.name, "faces": 200, "sha256": faces.digest(), "left_out": 0}
    assert report["data"] == about
    assert report["fp32"]["accuracy"] == report["gpu"]["accuracy"] == evaluation.fp32.accuracy
    assert set(report["gpu"]["recall"]) == set(LABELS)
    assert report["limits"]["metric"] == "accuracy"
    assert evaluation.report({}, Limits())["limits"] is None


def test_faces_of_labels_that_the_network_lacks_are_left_out(faces: FaceSet) -> None:
    three = read_graph(residual().SerializeToString(), "three labels")
    found = Evaluation(three, faces)
    assert len(found.classes) == sum(faces.labels[n] in three.labels for n in faces.classes)
    assert 0 < len(found.classes) < len(faces)
    with pytest.raises(InputError, match="neutral, happiness, surprise"):
        Evaluation(three, faces.select(np.flatnonzero(faces.classes == LABELS.index("fear"))))


@pytest.mark.parametrize(("wrong", "past"), [(9, []), (11, ["accuracy"])])
def test_the_drop_is_in_points_of_accuracy(wrong: int, past: list[str]) -> None:
    classes = np.arange(1000) % 8
    answers = classes.copy()
    answers[:wrong] = (classes[:wrong] + 1) % 8
    entry = compared(sure(classes), sure(answers), classes)
    fp32 = score(sure(classes), classes, LABELS)
    assert [loss.what for loss in losses(fp32, Flavour.GPU, entry, Limits())] == past


def test_a_rare_expression_is_seen_where_accuracy_is_not_moved() -> None:
    classes = np.zeros(2000, np.int64)
    classes[:20] = 5
    answers = classes.copy()
    answers[:10] = 0
    entry = compared(sure(classes), sure(answers), classes)
    fp32 = score(sure(classes), classes, LABELS)
    (macro, recall) = losses(fp32, Flavour.CPU, entry, Limits())
    assert (macro.what, recall.what) == ("macro-F1", "recall of disgust")
    assert (recall.fp32, recall.found, recall.limit) == (100, 50, 10)
    loose = losses(fp32, Flavour.CPU, entry, Limits(drop=10))
    assert not loose
    strict = losses(fp32, Flavour.CPU, entry, Limits(drop=10, metric=Metric.MACRO_F1))
    assert [loss.what for loss in strict] == ["macro-F1"]


def test_two_faces_of_a_rare_expression_are_no_finding() -> None:
    assert Limits().recall(8) == 25
    assert Limits().recall(1000) == 10


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"confidence_shift": -0.06}, "mean confidence shift"),
        ({"confidence_shift": 0.06}, "mean confidence shift"),
        ({"confidence_shift": float("nan")}, "mean confidence shift"),
        ({"agreement": 0.89}, "agreement with FP32"),
    ],
)
def test_confidence_and_winners_have_limits_too(change: dict[str, float], what: str) -> None:
    classes = np.arange(80) % 8
    entry = replace(compared(sure(classes), sure(classes), classes), **change)
    fp32 = score(sure(classes), classes, LABELS)
    assert [loss.what for loss in losses(fp32, Flavour.GPU, entry, Limits())] == [what]


def test_the_error_names_graph_figure_and_what_to_do() -> None:
    classes = np.arange(80) % 8
    entry = compared(sure(classes), sure((classes + 1) % 8), classes)
    lost = losses(score(sure(classes), classes, LABELS), Flavour.GPU, entry, Limits())
    error = GateFailed(lost, "faces@valid", ["try this"])
    assert error.exit_status == 1
    text = str(error)
    assert text.startswith("gpu.onnx lost too much on faces@valid, no bundle is written: accuracy")
    assert "0.00 against FP32's 100.00 points" in text
    assert text.endswith("try try this")
    searched = str(GateFailed(lost, "faces@valid", ["x"], "whichever layers stay high"))
    assert "on faces@valid whichever layers stay high, no bundle" in searched


@pytest.mark.parametrize(
    ("value", "text"), [(71.837, "71.84"), (0.0, "0.00"), (-0.0023, "-0.002"), (0.05, "0.05")]
)
def test_what_is_not_0_does_not_look_like_it(value: float, text: str) -> None:
    assert in_points(value) == text


@pytest.mark.parametrize(
    "wrong", [{"drop": -1}, {"drop": float("nan")}, {"confidence": 2}, {"agreement": -0.1}]
)
def test_limits_that_cannot_be(wrong: dict[str, float]) -> None:
    with pytest.raises(InputError, match="expected"):
        Limits(**wrong)


def test_metrics_are_named() -> None:
    assert Metric.parse("Macro-F1") is Metric.MACRO_F1
    with pytest.raises(InputError, match="accuracy, macro-f1"):
        Metric.parse("recall")


def test_divergence_is_zero_only_for_the_same_answers() -> None:
    one = np.array([[0.5, 0.5, 0.0], [1, 0, 0]], np.float32)
    other = np.array([[0.25, 0.75, 0.0], [1, 0, 0]], np.float32)
    np.testing.assert_allclose(divergences(one, one), 0, atol=1e-7)
    expected = 0.5 * np.log(2) + 0.5 * np.log(2 / 3)
    np.testing.assert_allclose(divergences(one, other), [expected, 0], atol=1e-6)
