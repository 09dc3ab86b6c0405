"""Which faces set the ranges: spread over the classes, whatever order the data is in."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgefer.calibration.calibrators import CalibrationOptions, Calibrator
from edgefer.calibration.chosen import chosen_faces, concerns, held_back
from edgefer.data.faces import FaceSet
from edgefer.errors import InputError
from edgefer.labels import ORDERS

LABELS = ORDERS["ferplus"]


def plain(classes: list[int], pictures: list[int] | None = None) -> FaceSet:
    """Faces of one colour each, by the number of the picture; default: all different."""
    targets = np.eye(len(LABELS), dtype=np.float32)[np.asarray(classes, np.int64)]
    shown = list(range(len(classes))) if pictures is None else pictures

    def load(index: int) -> np.ndarray:
        colour = [shown[index] // 256, shown[index] % 256, 7]
        return np.broadcast_to(np.array(colour, np.uint8), (2, 2, 3)).copy()

    return FaceSet("plain", LABELS, targets, load)


CLASSES = st.lists(st.integers(0, 7), min_size=1, max_size=60)


@given(CLASSES, st.integers(1, 40), st.randoms(use_true_random=False), st.booleans())
def test_the_order_of_the_data_makes_no_difference(
    classes: list[int], count: int, random: object, hold: bool
) -> None:
    options = CalibrationOptions(faces=count, hold_back=hold)
    pictures = [index // 2 for index in range(len(classes))]  # each stands there twice
    faces = plain(classes, pictures)
    order = list(range(len(classes)))
    random.shuffle(order)  # type: ignore[attr-defined]
    again = faces.select(order)
    assert chosen_faces(faces, options).digest() == chosen_faces(again, options).digest()


@given(CLASSES, st.integers(1, 40), st.booleans())
def test_classes_are_as_even_as_they_can_be(classes: list[int], count: int, hold: bool) -> None:
    options = CalibrationOptions(faces=count, hold_back=hold)
    faces = plain(classes)
    chosen = chosen_faces(faces, options)
    assert len(chosen) <= count
    if not hold:
        assert len(chosen) == min(count, len(classes))
    there, taken = Counter(classes), Counter(chosen.classes.tolist())
    most = max(taken.values())
    # one more or less where some of the class are held back instead
    for label, found in there.items():
        assert taken[label] >= min(found, most) // 2 - 1


def test_those_held_back_set_no_range() -> None:
    faces = plain([index % 8 for index in range(100)])
    few = CalibrationOptions(Calibrator.AUTO, faces=90)
    assert len(chosen_faces(faces, few)) == 75
    assert len(held_back(faces, few)) == 25
    enough = CalibrationOptions(Calibrator.MSE, faces=40)
    setting, back = chosen_faces(faces, enough), held_back(faces, enough)
    assert (len(setting), len(back)) == (40, 40)
    assert not set(setting.face_hashes()) & set(back.face_hashes())
    for found in (setting, back):
        assert set(Counter(found.classes.tolist()).values()) == {5}


@given(CLASSES, st.integers(1, 40), st.integers(1, 30))
def test_no_picture_is_on_both_sides(classes: list[int], count: int, different: int) -> None:
    options = CalibrationOptions(faces=count, hold_back=True)
    faces = plain(classes, [index % different for index in range(len(classes))])
    setting = set(chosen_faces(faces, options).face_hashes())
    with suppress(InputError):  # every picture may be needed for the ranges
        assert not setting & set(held_back(faces, options).face_hashes())


def test_no_faces_is_an_input_error() -> None:
    with pytest.raises(InputError, match="plain: expected faces to calibrate on, found none"):
        chosen_faces(plain([]), CalibrationOptions())
    with pytest.raises(InputError, match="of at least 4 different pictures"):
        held_back(plain([0, 1, 2]), CalibrationOptions(Calibrator.AUTO))


@pytest.mark.parametrize(
    ("pixels", "found"),
    [
        (np.full((4, 5, 3), np.nan), r"float64 \[4, 5, 3\]"),
        (np.zeros((4, 5), np.uint8), r"uint8 \[4, 5\]"),
        (np.zeros((4, 5, 4), np.uint8), r"uint8 \[4, 5, 4\]"),
        (np.zeros((0, 5, 3), np.uint8), r"uint8 \[0, 5, 3\]"),
        (b"no array", r"bytes \[\]"),
    ],
)
@pytest.mark.parametrize("hashed", [False, True])
def test_pixels_that_are_none_name_the_face(pixels: object, found: str, hashed: bool) -> None:
    good = plain([0, 1, 2])
    bad = FaceSet(
        "bad", good.labels, good.targets, lambda index: pixels if index == 1 else good.load(index)
    )
    if hashed:
        bad.hashes[:] = ["a", "b", "c"]
    with pytest.raises(InputError, match=rf"bad: face 1: expected pixels uint8 .* found {found}"):
        chosen_faces(bad, CalibrationOptions()).pixels(2)


def test_concerns_are_told_in_words() -> None:
    many = plain([index % 8 for index in range(200)])
    assert concerns(many, CalibrationOptions()) == ()
    (few,) = concerns(many, CalibrationOptions(faces=50))
    assert few == "plain: 50 faces set the ranges; give 100 or more"
    first, second = concerns(plain([1] * 20), CalibrationOptions())
    assert first.startswith("plain: 20 faces set the ranges")
    assert second.startswith("plain: all faces are of one class, happiness")
