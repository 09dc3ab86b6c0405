"""Readings drawn into pictures of every size."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("cv2")

from edgefer.cli.annotate import annotate
from edgefer.labels import ORDERS, Expression
from edgefer.runtime.recognizer import Reading

LABELS = ORDERS["ferplus"]


def reading(box: tuple[float, float, float, float], winner: int = 1) -> Reading:
    """A reading that is sure of itself."""
    shares = np.full(len(LABELS), 0.01, np.float32)
    shares[winner] = 0.93
    return Reading(box, LABELS[winner], 0.93, shares, None, "onnxruntime")


@pytest.mark.parametrize(
    "shape", [(1, 1), (1, 5000), (5000, 1), (48, 48), (60, 300), (480, 640), (1080, 1920)]
)
def test_any_size_can_be_drawn_on(shape: tuple[int, int]) -> None:
    height, width = shape
    picture = np.full((height, width, 3), 90, np.uint8)
    drawn = annotate(picture, [reading((width / 4, height / 4, width / 2, height / 2))], LABELS)
    assert drawn.dtype == np.uint8
    assert drawn.size < 50_000_000
    assert (picture == 90).all(), "the picture itself stays as it is"
    assert len(np.unique(drawn.reshape(-1, 3), axis=0)) > 3


def test_a_large_picture_keeps_its_size() -> None:
    drawn = annotate(np.zeros((600, 900, 3), np.uint8), [reading((50, 50, 200, 200))], LABELS)
    assert drawn.shape == (600, 900, 3)


def test_a_face_that_fills_the_picture_gets_its_bars_beside_it() -> None:
    drawn = annotate(np.zeros((600, 600, 3), np.uint8), [reading((0, 0, 600, 600))], LABELS)
    assert drawn.shape[0] == 600
    assert drawn.shape[1] > 700


def test_bars_hide_no_face() -> None:
    picture = np.full((500, 1000, 3), 77, np.uint8)
    boxes = [
        (50.0, 150.0, 300.0, 300.0),
        (400.0, 150.0, 250.0, 250.0),
        (700.0, 200.0, 200.0, 200.0),
    ]
    drawn = annotate(picture, [reading(box, n) for n, box in enumerate(boxes)], LABELS)
    for x, y, width, height in boxes:
        inside = drawn[int(y) + 5 : int(y + height) - 5, int(x) + 5 : int(x + width) - 5]
        assert (inside == 77).all()


def test_a_box_beyond_the_picture_is_no_error() -> None:
    boxes = [(-50.0, -60.0, 200.0, 200.0), (550.0, 400.0, 300.0, 300.0)]
    annotate(np.zeros((480, 640, 3), np.uint8), [reading(box) for box in boxes], LABELS)


def test_seven_labels_serve_as_well() -> None:
    labels = tuple(label for label in LABELS if label is not Expression.CONTEMPT)
    face = reading((10, 10, 100, 100))
    seven = Reading(face.box, labels[1], 0.9, face.probabilities[:7], None, "onnxruntime")
    assert annotate(np.zeros((480, 640, 3), np.uint8), [seven], labels).any()
