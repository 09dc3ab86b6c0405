"""Accuracy and its parts, against figures made by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from edgefer.accuracy import agreement, score
from edgefer.benchmarks.accuracy import evaluate, probabilities
from edgefer.data.drawn import drawn_faces
from edgefer.data.faces import FaceSet, Pixels
from edgefer.errors import InputError
from edgefer.labels import ORDERS, Expression
from tests.benchmarks.sessions import LABELS, SIZE, session_of, uniform

THREE = (Expression.NEUTRAL, Expression.ANGER, Expression.FEAR)


def answering(classes: list[int], labels: int = 3, sure: float = 0.8) -> NDArray[np.float32]:
    """Probabilities whose winners are `classes`."""
    rest = (1 - sure) / (labels - 1)
    answers = np.full((len(classes), labels), rest, np.float32)
    answers[np.arange(len(classes)), classes] = sure
    return answers


def coded(classes: list[int], labels: tuple[Expression, ...] = LABELS) -> FaceSet:
    """Faces filled with the number of their expression among the eight."""

    def load(index: int) -> Pixels:
        return np.full((SIZE, SIZE, 3), LABELS.index(labels[classes[index]]), np.uint8)

    targets = np.eye(len(labels), dtype=np.float32)[classes]
    return FaceSet("coded", labels, targets, load)


def read_code(labels: tuple[Expression, ...]):
    """A network that reads the number that `coded` wrote."""

    def answer(faces: Pixels) -> NDArray[np.float32]:
        winners = [labels.index(LABELS[number]) for number in faces[:, 0, 0, 0]]
        return answering(winners, len(labels))

    return answer


def test_figures_by_hand() -> None:
    right = np.array([0, 0, 0, 1, 1, 2])
    found = score(answering([0, 0, 1, 1, 0, 2]), right, THREE)
    assert found.faces == 6
    assert found.confusion.tolist() == [[2, 1, 0], [1, 1, 0], [0, 0, 1]]
    assert found.accuracy == pytest.approx(4 / 6)
    assert found.confidence == pytest.approx(0.8)
    neutral, anger, fear = found.classes
    assert (neutral.label, neutral.support) == (Expression.NEUTRAL, 3)
    assert (neutral.precision, neutral.recall) == (pytest.approx(2 / 3), pytest.approx(2 / 3))
    assert (anger.precision, anger.recall, anger.f1) == (0.5, 0.5, 0.5)
    assert (fear.precision, fear.recall, fear.f1) == (1, 1, 1)
    assert found.macro_f1 == pytest.approx((2 / 3 + 0.5 + 1) / 3)


def test_a_class_without_faces_is_no_data() -> None:
    found = score(answering([0, 1, 1]), np.array([0, 1, 0]), THREE)
    fear = found.classes[2]
    assert (fear.support, fear.precision, fear.recall, fear.f1) == (0, None, None, None)
    assert found.macro_f1 == pytest.approx(2 / 3)


def test_a_class_without_faces_is_no_data_where_it_was_answered() -> None:
    found = score(answering([0, 2]), np.array([0, 0]), THREE)
    assert found.classes[2].precision is None
    assert found.macro_f1 == pytest.approx(2 / 3)


def test_a_class_that_is_never_answered_has_zero_recall() -> None:
    fear = score(answering([0, 0]), np.array([0, 2]), THREE).classes[2]
    assert (fear.support, fear.precision, fear.recall, fear.f1) == (1, None, 0, 0)


CLASSES = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=50)


@given(CLASSES)
def test_figures_agree_with_their_definitions(pairs: list[tuple[int, int]]) -> None:
    right, given_answers = np.array(pairs).T
    found = score(answering(given_answers.tolist()), right, THREE)
    assert found.confusion.sum() == found.faces == len(pairs)
    assert found.accuracy == pytest.approx((right == given_answers).mean())
    for number, one in enumerate(found.classes):
        members, answered = right == number, given_answers == number
        assert one.support == members.sum()
        if not one.support:
            assert one.f1 is None
            continue
        assert one.recall == pytest.approx(answered[members].mean())
        if one.precision is None:
            assert not answered.any()
            assert one.f1 == 0
        else:
            assert one.precision == pytest.approx(members[answered].mean())
            total = one.precision + one.recall
            expected = 2 * one.precision * one.recall / total if total else 0
            assert one.f1 == pytest.approx(expected)


def test_every_face_is_run_once_and_in_order() -> None:
    classes = list(range(8)) * 20
    calls: list[tuple[str, int, int]] = []
    session = session_of(read_code(LABELS))
    found = evaluate(session, coded(classes), lambda *call: calls.append(call))
    assert (found.accuracy, found.macro_f1) == (1, 1)
    assert found.labels == LABELS
    assert calls[-1] == ("faces", 160, 160)
    answers = probabilities(session, coded([3, 1]))
    assert answers.argmax(axis=1).tolist() == [3, 1]


def test_labels_are_matched_by_name() -> None:
    faces = coded([0, 1, 2, 2], THREE[::-1])
    turned = (*LABELS[4:], *LABELS[:4])
    for labels in (LABELS, turned, THREE):
        found = evaluate(session_of(read_code(labels), labels), faces)
        assert found.accuracy == 1
        assert {one.label: one.support for one in found.classes if one.support} == {
            Expression.FEAR: 1,
            Expression.ANGER: 1,
            Expression.NEUTRAL: 2,
        }


def test_a_name_without_faces_does_not_matter() -> None:
    seven = ORDERS["fer2013"]
    assert coded([0, 4]).classes_among(seven).tolist() == [6, 0]


def test_labels_that_the_bundle_has_not_are_refused() -> None:
    with pytest.raises(InputError) as refused:
        evaluate(session_of(uniform, THREE), coded([0, 7]))
    assert "expected faces labelled neutral, anger, fear" in str(refused.value)
    assert "found neutral, contempt" in str(refused.value)


def test_no_faces_are_refused() -> None:
    with pytest.raises(InputError, match="expected at least one face"):
        evaluate(session_of(uniform), coded([0]).select([]))


def test_drawn_faces_of_any_size_are_resized() -> None:
    faces = drawn_faces(3, size=48)
    assert evaluate(session_of(uniform), faces).faces == 3


def test_soft_labels_count_by_their_winner() -> None:
    faces = coded([0, 1])
    soft = replace(faces, targets=np.array([[0.4, 0.6] + [0] * 6, [0.9, 0.1] + [0] * 6], "f4"))
    assert evaluate(session_of(read_code(LABELS)), soft).accuracy == 0


def test_agreement() -> None:
    first = answering([0, 1, 2, 0])
    assert agreement(first, first) == 1
    assert agreement(first, answering([0, 1, 0, 1], sure=0.5)) == 0.5


@pytest.mark.parametrize("other", [answering([0, 1]), answering([0], 4), answering([])])
def test_agreement_of_other_faces_is_refused(other: NDArray[np.float32]) -> None:
    with pytest.raises(InputError, match="expected answers to the same faces"):
        agreement(answering([0]) if len(other) else other, other)
