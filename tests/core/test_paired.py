"""Two networks on the same faces: counts, interval, and McNemar's test."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgefer.errors import InputError
from edgefer.paired import pair

rights = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=200)


def test_a_known_case() -> None:
    first = np.array([True] * 100 + [False] * 25)
    second = np.array([True] * 85 + [False] * 15 + [True] * 10 + [False] * 15)
    found = pair(first, second)
    assert (found.faces, found.lost, found.won) == (125, 15, 10)
    assert found.change == pytest.approx(-0.04)
    deviation = math.sqrt(25 - 25 / 125) / 125
    assert found.low == pytest.approx(-0.04 - 1.96 * deviation, abs=1e-5)
    assert found.high == pytest.approx(-0.04 + 1.96 * deviation, abs=1e-5)
    tail = sum(math.comb(25, k) for k in range(11)) / 2**25
    assert found.p == pytest.approx(2 * tail)


@given(rights)
def test_the_other_way_round_is_its_mirror(faces: list[tuple[bool, bool]]) -> None:
    first, second = np.array(faces, dtype=bool).T
    there, back = pair(first, second), pair(second, first)
    assert (there.lost, there.won, there.p) == (back.won, back.lost, back.p)
    assert there.change == pytest.approx(second.mean() - first.mean())
    assert there.low == pytest.approx(-back.high)
    assert 0 < there.p <= 1


def test_the_same_answers_differ_in_nothing() -> None:
    found = pair(np.ones(3, dtype=bool), np.ones(3, dtype=bool))
    assert (found.lost, found.won, found.low, found.high, found.p) == (0, 0, 0, 0, 1)


def test_other_faces_do_not_compare() -> None:
    for first, second in ((3, 4), (0, 0)):
        with pytest.raises(InputError, match="the same faces"):
            pair(np.ones(first, dtype=bool), np.ones(second, dtype=bool))
