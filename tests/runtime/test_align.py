"""Faces land where the networks expect them, whatever their size and turn."""

from __future__ import annotations

import cmath

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from edgefer.runtime.align import BOX_FACTOR, TEMPLATE, _transform, crop
from edgefer.runtime.detector import Box, Face

Pixels = NDArray[np.uint8]
NO_BOX = (0.0, 0.0, 1.0, 1.0)


def placed(scale: float, angle: float, x: float, y: float) -> NDArray[np.float32]:
    """The template as landmarks in a frame: turned, scaled to pixels, moved."""
    points = (TEMPLATE @ np.array([1, 1j])) * cmath.rect(scale, angle) + complex(x, y)
    return np.stack([points.real, points.imag], axis=1).astype(np.float32)


def box_of_crop(x: float, y: float, side: float) -> Box:
    """The box whose crop is exactly this square."""
    inner = side / BOX_FACTOR
    return x + (side - inner) / 2, y + (side - inner) / 2, inner, inner


def noise(height: int, width: int) -> Pixels:
    """A frame of random pixels."""
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)


@given(st.floats(8, 2000), st.floats(-3.1, 3.1), st.floats(-4000, 4000), st.floats(-4000, 4000))
def test_landmarks_land_on_the_template(scale: float, angle: float, x: float, y: float) -> None:
    landmarks = placed(scale, angle, x, y)
    turn, shift = _transform(Face(NO_BOX, landmarks=landmarks))
    found = turn * ((landmarks + 0.5).astype(np.float64) @ np.array([1, 1j])) + shift
    assert np.abs(found - TEMPLATE @ np.array([1, 1j])).max() < 1e-3
    assert cmath.isclose(turn, cmath.rect(1 / scale, -angle), rel_tol=1e-2)


def test_a_mirrored_face_is_not_mirrored_back() -> None:
    landmarks = placed(100, 0, 0, 0) * [-1, 1]
    turn, _ = _transform(Face(NO_BOX, landmarks=landmarks.astype(np.float32)))
    assert abs(turn) < 0.01


@pytest.mark.parametrize("angle", [-0.5, 0.0, 0.5])
@pytest.mark.parametrize("scale", [30.0, 100.0, 400.0])
def test_a_drawn_face_is_upright(scale: float, angle: float) -> None:
    """Dots at the landmarks of the frame come out at the template of the crop."""
    landmarks = placed(scale, angle, 400, 300)
    frame = np.zeros((900, 1200, 3), np.uint8)
    radius = max(2, int(scale / 25))
    for x, y in landmarks.round().astype(int).tolist():
        cv2.circle(frame, (x, y), radius, (255, 255, 255), -1)
    found = crop(frame, Face(NO_BOX, landmarks=landmarks), 96)
    light = found[:, :, 0].astype(float)
    for x, y in TEMPLATE * 96:
        rows, columns = slice(int(y) - 8, int(y) + 9), slice(int(x) - 8, int(x) + 9)
        spot = light[rows, columns]
        grid = np.mgrid[rows, columns] + 0.5
        centre = (grid * spot).sum(axis=(1, 2)) / spot.sum()
        # The dots are at whole pixels of the frame.
        assert np.abs(centre - [y, x]).max() < 0.5 + 0.5 * 96 / scale
    assert light.mean() < 30


def test_a_box_of_the_same_size_is_copied_as_rgb() -> None:
    frame = noise(60, 70)
    found = crop(frame, Face(box_of_crop(7, 5, 48)), 48)
    assert (found.dtype, found.shape) == (np.uint8, (48, 48, 3))
    assert np.abs(found.astype(int) - frame[5:53, 7:55, ::-1]).max() <= 1


@pytest.mark.parametrize("times", [2, 3, 8])
def test_a_large_face_is_averaged(times: int) -> None:
    side = 24 * times
    frame = noise(side + 10, side + 10)
    found = crop(frame, Face(box_of_crop(4, 6, side)), 24)
    blocks = frame[6 : 6 + side, 4 : 4 + side, ::-1].reshape(24, times, 24, times, 3)
    assert np.abs(found - blocks.mean(axis=(1, 3))).max() <= 1.5


def test_an_oblong_box_gives_a_square_crop() -> None:
    frame = noise(100, 100)
    x, y, width, height = box_of_crop(20, 30, 40)
    oblong = Face((x + width / 4, y, width / 2, height))
    assert (crop(frame, oblong, 40) == crop(frame, Face((x, y, width, height)), 40)).all()


def test_beyond_the_frame_its_border_goes_on() -> None:
    frame = noise(20, 20)
    found = crop(frame, Face(box_of_crop(-10, -10, 40)), 40)
    assert (found[:10, :10] == frame[0, 0, ::-1]).all()
    assert np.abs(found[10:30, 35].astype(int) - frame[:, 19, ::-1]).max() <= 1


@pytest.mark.parametrize(
    "landmarks",
    [np.full((5, 2), 30), np.full((5, 2), 30) + np.eye(5, 2) * 0.1, np.zeros((5, 2))],
    ids=["one point", "nearly one point", "origin"],
)
def test_landmarks_in_one_place_are_not_used(landmarks: NDArray[np.float64]) -> None:
    frame = noise(60, 60)
    box = (10.0, 10.0, 30.0, 30.0)
    face = Face(box, landmarks=landmarks.astype(np.float32))
    assert (crop(frame, face, 48) == crop(frame, Face(box), 48)).all()


@given(
    st.tuples(*[st.floats(-1e5, 1e5, width=32)] * 2, *[st.floats(0, 1e5, width=32)] * 2),
    st.lists(st.floats(-1e5, 1e5, width=32), min_size=10, max_size=10) | st.none(),
)
def test_any_face_gives_a_crop(box: Box, points: list[float] | None) -> None:
    landmarks = None if points is None else np.array(points, np.float32).reshape(5, 2)
    assert crop(noise(30, 40), Face(box, landmarks=landmarks), 16).shape == (16, 16, 3)
