"""The search for layers that stay high: enough of them, none too many, few questions."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from edgefer.export.mixed import fewest_kept

LAYERS = [f"layer {number}" for number in range(40)]


class Asked:
    """Holds where all of `needed` are kept; counts the questions."""

    def __init__(self, needed: set[str]) -> None:
        self.needed, self.count = needed, 0

    def __call__(self, kept: frozenset[str]) -> bool:
        self.count += 1
        return self.needed <= kept


@given(st.sets(st.sampled_from(LAYERS), min_size=1), st.permutations(range(1, 41)))
def test_exactly_what_is_needed_stays_high(needed: set[str], sizes: list[int]) -> None:
    asked = Asked(needed)
    kept = fewest_kept(LAYERS, dict(zip(LAYERS, sizes)), asked)
    assert kept == needed
    last = max(LAYERS.index(layer) for layer in needed)
    assert asked.count <= 2 * 6 + 1 + last


def test_there_may_be_no_answer() -> None:
    assert fewest_kept(LAYERS, dict.fromkeys(LAYERS, 1), lambda _: False) is None
    every = frozenset(LAYERS)
    assert fewest_kept(LAYERS, dict.fromkeys(LAYERS, 1), every.__eq__) == every


def test_the_larger_of_two_that_would_do_goes_to_int8() -> None:
    sizes = {"small": 1, "large": 100, "last": 10}

    def holds(kept: frozenset[str]) -> bool:
        return "last" in kept and bool(kept & {"small", "large"})

    assert fewest_kept(["small", "large", "last"], sizes, holds) == {"small", "last"}
