"""Parity: figures, limits, and an error that shows them."""

from __future__ import annotations

import numpy as np
import pytest

from edgefer.errors import CheckFailed
from edgefer.export.parity import (
    GOLDEN_FACES,
    compare,
    golden_faces,
    require_agreement,
    require_parity,
)

ONE = np.array([[0.7, 0.3], [0.2, 0.8]], np.float32)


def test_difference_and_agreement() -> None:
    check = compare("it", np.array([[0.4, 0.6], [0.2, 0.8]], np.float32), ONE, 0.5)
    assert check.holds
    assert check.difference == pytest.approx(0.3)
    assert check.agreement == 0.5


def test_what_does_not_hold_is_told_with_its_figures() -> None:
    checks = (compare("near", ONE, ONE, 0.1), compare("far", 1 - ONE, ONE, 0.1))
    with pytest.raises(CheckFailed, match=r"far: a value differs by 0\.6000, at most 0\.1"):
        require_parity(checks)
    require_parity(checks[:1])


def test_nan_never_holds() -> None:
    with pytest.raises(CheckFailed):
        require_parity((compare("nan", ONE * np.nan, ONE, 1.0),))


def test_golden_faces_are_the_same_every_time() -> None:
    faces = golden_faces(48)
    assert faces.shape == (GOLDEN_FACES, 48, 48, 3)
    np.testing.assert_array_equal(faces, golden_faces(48))


def test_winners_have_to_agree_where_they_are_clear() -> None:
    expected = np.array([[0.5, 0.45, 0.05]] * 6 + [[0.6, 0.3, 0.1]] * 4, np.float32)
    require_agreement("it", expected, expected)
    unclear = expected.copy()
    unclear[:6] = [0.45, 0.5, 0.05]
    require_agreement("it", unclear, expected)
    unclear[8:] = [0.3, 0.6, 0.1]
    with pytest.raises(CheckFailed, match="it: 50% of 4 drawn faces with a clear answer agree"):
        require_agreement("it", unclear, expected)
    require_agreement("it", unclear[:6], expected[:6])
