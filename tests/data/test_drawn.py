from __future__ import annotations

import subprocess
import sys
from dataclasses import astuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edgefer.data.drawn import SIZES, draw_face, drawn_faces
from edgefer.data.drawn_actions import PROTOTYPES, act
from edgefer.data.drawn_people import person
from edgefer.data.drawn_shapes import Canvas, Pose
from edgefer.data.faces import Pixels
from edgefer.errors import InputError
from edgefer.labels import ORDERS, Expression

# Of 16 faces of 48x48. It has to be the same on every processor and with every numpy.
DIGEST = "a5e90f6c4870bf9faa3916c6e25c44d7374a5f8ef9764824b7ec1c230ed799f6"

EXPRESSIONS = st.sampled_from(Expression)
SEEDS = st.integers(0, 2**40)


def shrunk(face: Pixels, size: int) -> NDArray[np.float64]:
    """The mean of each block of pixels: float64 [size, size, 3]."""
    factor = len(face) // size
    blocks = face.reshape(size, factor, size, factor, 3).astype(np.float64)
    return np.asarray(blocks.mean(axis=(1, 3)))


def change(expression: Expression, index: int) -> NDArray[np.float64]:
    """How much each pixel differs from the neutral face of the same person: [48, 48]."""
    moved = draw_face(expression, 48, 1, index).astype(np.float64)
    still = draw_face(Expression.NEUTRAL, 48, 1, index)
    return np.asarray(abs(moved - still).mean(axis=2))


@settings(max_examples=40, deadline=None)
@given(EXPRESSIONS, st.integers(SIZES[0], 160), SEEDS, st.integers(0, 2**20))
def test_a_face_has_the_asked_size_and_is_drawn_alike_again(
    expression: Expression, size: int, seed: int, index: int
) -> None:
    face = draw_face(expression, size, seed, index)
    assert face.shape == (size, size, 3)
    assert face.dtype == np.uint8
    assert face.flags.c_contiguous
    assert face.std() > 8
    np.testing.assert_array_equal(face, draw_face(expression, size, seed, index))


@settings(max_examples=20, deadline=None)
@given(EXPRESSIONS, SEEDS)
def test_another_size_shows_the_same_face(expression: Expression, seed: int) -> None:
    small = draw_face(expression, 48, seed)
    large = shrunk(draw_face(expression, 192, seed), 48)
    assert abs(small - large).mean() < 8
    stranger = shrunk(draw_face(expression, 192, seed + 1), 48)
    assert abs(small - stranger).mean() > 2 * abs(small - large).mean()


@pytest.mark.parametrize("size", [SIZES[0], SIZES[-1]])
def test_the_smallest_and_the_largest_face(size: int) -> None:
    assert draw_face(Expression.FEAR, size, 0).shape == (size, size, 3)


@pytest.mark.parametrize(
    ("size", "seed", "index"), [(23, 0, 0), (513, 0, 0), (48, -1, 0), (48, 0, -1)]
)
def test_what_cannot_be_drawn_is_refused(size: int, seed: int, index: int) -> None:
    with pytest.raises(InputError, match=r"^drawn face: expected .*, found "):
        draw_face(Expression.NEUTRAL, size, seed, index)


def test_the_bits_are_the_same_everywhere() -> None:
    assert drawn_faces(16, seed=0, size=48).digest() == DIGEST


def test_numpy_is_all_that_drawing_needs() -> None:
    code = (
        "import sys; from edgefer.data.drawn import drawn_faces; drawn_faces(1).load(0);"
        "sys.exit(any(name in sys.modules for name in ('cv2', 'torch', 'onnxruntime')))"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


# Rows of a 48x48 face: brows and eyes, nose, mouth and chin.
EYES, NOSE, MOUTH = slice(8, 24), slice(18, 30), slice(29, 46)


@pytest.mark.parametrize(
    ("expression", "moving", "resting"),
    [
        (Expression.HAPPINESS, MOUTH, slice(0, 8)),
        (Expression.SURPRISE, EYES, NOSE),
        (Expression.SURPRISE, MOUTH, NOSE),
        (Expression.SADNESS, EYES, slice(0, 8)),
        (Expression.SADNESS, MOUTH, slice(0, 8)),
        (Expression.ANGER, EYES, slice(0, 8)),
        (Expression.DISGUST, NOSE, slice(0, 8)),
        (Expression.DISGUST, MOUTH, slice(0, 8)),
        (Expression.FEAR, EYES, NOSE),
        (Expression.FEAR, MOUTH, NOSE),
        (Expression.CONTEMPT, MOUTH, EYES),
    ],
)
def test_an_expression_moves_its_part_of_the_face(
    expression: Expression, moving: slice, resting: slice
) -> None:
    changes = np.mean([change(expression, index) for index in range(16)], axis=0)
    inner = slice(8, 40)
    assert changes[moving, inner].mean() > 1.5 * changes[resting, inner].mean()
    assert changes[moving, inner].mean() > 1


def test_contempt_is_on_one_side_and_the_other_expressions_on_both() -> None:
    for expression in Expression:
        for seed in range(20):
            left, right = act(expression, np.random.default_rng(seed))
            strong, weak = sorted((sum(astuple(left)), sum(astuple(right))), reverse=True)
            if expression is Expression.NEUTRAL:
                assert strong == 0
            elif expression is Expression.CONTEMPT:
                assert weak < 0.2 * strong
            else:
                assert weak > 0.7 * strong


def test_every_expression_has_a_prototype_within_what_muscles_can_do() -> None:
    assert set(PROTOTYPES) == set(Expression)
    for ways in PROTOTYPES.values():
        assert all(0 <= unit <= 1 for way in ways for unit in astuple(way))


def test_chance_gives_plain_floats() -> None:
    # A float64 of numpy would turn the pixels into float64 with numpy 2, and not with numpy 1.
    rng = np.random.default_rng(0)
    left, right = act(Expression.FEAR, rng)
    numbers = [*astuple(left), *astuple(right), *astuple(person(rng))]
    assert not any(isinstance(number, np.generic) for number in numbers)


def test_skin_spans_the_human_range() -> None:
    tones = [sum(person(np.random.default_rng(seed)).skin) / 3 for seed in range(100)]
    assert min(tones) < 0.25
    assert max(tones) > 0.8


def test_the_set_takes_the_expressions_in_turn() -> None:
    faces = drawn_faces(11, seed=3, size=32)
    assert len(faces) == 11
    assert (faces.name, faces.drawn, faces.labels) == ("synthetic", True, ORDERS["ferplus"])
    assert faces.classes.tolist() == [*range(8), 0, 1, 2]
    assert faces.targets.dtype == np.float32
    np.testing.assert_array_equal(faces.targets.sum(axis=1), 1)
    np.testing.assert_array_equal(faces.load(9), draw_face(faces.labels[1], 32, 3, 9))
    np.testing.assert_array_equal(faces.select([9]).load(0), faces.load(9))


def test_a_longer_set_begins_with_the_shorter_one() -> None:
    assert drawn_faces(9, size=24).face_hashes()[:4] == drawn_faces(4, size=24).face_hashes()


def test_a_set_of_a_size_out_of_range_is_refused_at_once() -> None:
    with pytest.raises(InputError, match="expected a size of 24 to 512 pixels, found 600"):
        drawn_faces(1, size=600)


def test_every_face_of_a_set_is_another() -> None:
    assert len(set(drawn_faces(64, size=24).face_hashes())) == 64


class TestCanvas:
    def test_a_shape_covers_its_area_at_any_size(self) -> None:
        for size in (24, 100, 400):
            canvas = Canvas.blank(size, Pose(), 0.0)
            pixel = (2 / size) ** 2
            assert canvas.oval(0.1, 0, 0.5, 0.3).sum() * pixel == pytest.approx(
                np.pi * 0.5 * 0.3, rel=0.02
            )
            assert canvas.band(-0.01, 0.02).sum() * pixel == pytest.approx(2 * 0.03, rel=0.02)

    def test_a_part_is_mirrored_and_shares_the_pixels(self) -> None:
        canvas = Canvas.blank(40, Pose(), 0.0)
        part = canvas.near(-0.5, 0.0, (0.3, 0.3), side=-1)
        part.fill((1.0, 1.0, 1.0), part.oval(0.2, 0.0, 0.05, 0.05))
        rows, columns = np.nonzero(canvas.rgb[0])
        assert (columns.mean() + 0.5) / 20 - 1 == pytest.approx(-0.7, abs=0.02)
        assert (rows.mean() + 0.5) / 20 - 1 == pytest.approx(0, abs=0.02)

    def test_a_part_outside_the_frame_is_one_pixel_that_nothing_covers(self) -> None:
        part = Canvas.blank(24, Pose(), 0.0).near(5.0, 0.0, (0.1, 0.1))
        assert part.x.shape == (1, 1)
        assert part.oval(0, 0, 0.1, 0.1).max() == 0

    def test_the_rim_of_a_turned_head_stays(self) -> None:
        ahead, turned = (Canvas.blank(80, Pose(yaw=yaw), 0.0) for yaw in (0.0, 0.16))
        moved = ahead.x - turned.x
        assert moved[:, 39].min() == pytest.approx(0.16, abs=0.01)
        assert moved[:, [0, -1]].max() == 0
        assert (np.diff(turned.x, axis=1) > 0).all()

    def test_pixels_stay_float32(self) -> None:
        canvas = Canvas.blank(24, Pose(0.01, 0.02, 0.9, 0.1, 0.1), 0.03)
        for plane in (
            canvas.x,
            canvas.y,
            canvas.rgb,
            canvas.oval(0, 0, 1, 1),
            canvas.glow(0, 0, 1, 1),
            canvas.line(0, 1, (0, 1, 1), 0.1),
        ):
            assert plane.dtype == np.float32
