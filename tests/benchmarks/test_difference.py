"""Whether one is faster, on times from chance: how often the verdict is right."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from edgefer.benchmarks.difference import (
    BETWEEN_RUNS,
    IN_ONE_RUN,
    Difference,
    Verdict,
    _rank_sums,
    _signed_ranks,
    paired,
    unpaired,
)

TRIES = 100


def in_turns(chance: np.random.Generator, slower: float, rounds: int = 400) -> Difference:
    """Two contenders on a machine whose speed wanders by a third, with wild turns now and then."""
    speed = np.exp(0.3 * np.sin(np.arange(rounds) / 30) + chance.normal(0, 0.05, rounds))
    noise = np.exp(chance.normal(0, 0.04, (2, rounds)))
    noise *= np.where(chance.random((2, rounds)) < 0.03, 8, 1)
    return paired(5 * speed * noise[0] * (1 + slower), 5 * speed * noise[1])


def share(verdict: Verdict, found: list[Difference]) -> float:
    return sum(one.verdict is verdict for one in found) / len(found)


def test_the_same_is_no_difference_and_five_per_cent_are_found() -> None:
    chance = np.random.default_rng(0)
    assert share(Verdict.NONE, [in_turns(chance, 0) for _ in range(TRIES)]) > 0.95
    assert share(Verdict.SLOWER, [in_turns(chance, 0.05) for _ in range(TRIES)]) > 0.95
    assert share(Verdict.FASTER, [in_turns(chance, -0.05) for _ in range(TRIES)]) > 0.95


def test_what_lies_at_the_margin_is_inconclusive_more_than_wrong() -> None:
    chance = np.random.default_rng(1)
    found = [in_turns(chance, IN_ONE_RUN) for _ in range(TRIES)]
    assert share(Verdict.INCONCLUSIVE, found) > 0.9


def test_the_interval_holds_the_truth_as_often_as_it_says() -> None:
    chance = np.random.default_rng(2)
    for rounds in (8, 25, 80):
        found = [in_turns(chance, 0.1, rounds) for _ in range(TRIES)]
        held = [one.low <= 1.1 <= one.high for one in found if one.low and one.high]
        assert len(held) == TRIES
        assert np.mean(held) > 0.9


def runs(chance: np.random.Generator, slower: float) -> Difference:
    """Two runs of sixty windows; the second is on a machine that is off by some per cent."""
    other = np.exp(chance.normal(0, 0.02))
    times = np.exp(chance.normal(0, 0.1, (2, 60)))
    return unpaired(times[0] * other * (1 + slower), times[1])


def test_two_runs_with_fifteen_per_cent_between_them() -> None:
    chance = np.random.default_rng(3)
    assert share(Verdict.SLOWER, [runs(chance, 0.15) for _ in range(TRIES)]) > 0.9
    same = [runs(chance, 0) for _ in range(TRIES)]
    assert share(Verdict.SLOWER, same) + share(Verdict.FASTER, same) < 0.02
    assert share(Verdict.NONE, same) > 0.5


def test_noise_that_hides_everything_is_inconclusive() -> None:
    chance = np.random.default_rng(4)
    wild = np.exp(chance.normal(0, 1, (2, 20)))
    found = unpaired(wild[0], wild[1])
    assert found.verdict is Verdict.INCONCLUSIVE
    assert found.high / found.low > 1 + 2 * BETWEEN_RUNS


@pytest.mark.parametrize("count", [1, 3, 5])
def test_few_turns_have_no_interval(count: int) -> None:
    found = paired(np.full(count, 2.0), np.full(count, 1.0))
    assert found == Difference(pytest.approx(2.0), None, None, Verdict.INCONCLUSIVE)


def test_six_equal_turns_are_enough_to_tell() -> None:
    found = paired(np.full(6, 2.0), np.full(6, 1.0))
    assert found.verdict is Verdict.SLOWER
    assert found.low == found.high == pytest.approx(2.0)


def test_many_rounds_are_no_matter_of_memory() -> None:
    times = np.exp(np.random.default_rng(5).normal(0, 0.1, 100_000))
    found = paired(times * 1.001, times)
    assert found.ratio == pytest.approx(1.001, abs=1e-6)
    assert found.verdict is Verdict.NONE


def test_one_wild_turn_moves_nothing() -> None:
    times = np.ones(50)
    wild = times.copy()
    wild[7] = 1000
    assert paired(wild, times).ratio == pytest.approx(1, abs=1e-9)
    assert unpaired(wild, times).ratio == pytest.approx(1, abs=1e-9)


def test_signed_ranks_are_counted() -> None:
    """By trying every choice of signs."""
    ranks = np.arange(1, 7)
    sums = [int(np.dot(signs, ranks)) for signs in product((0, 1), repeat=6)]
    expected = np.bincount(sums) / len(sums)
    np.testing.assert_allclose(_signed_ranks(6), expected)


@pytest.mark.parametrize("chances", [_signed_ranks(31), _rank_sums(20, 30)])
def test_the_normal_distribution_is_one(chances: np.ndarray) -> None:
    assert chances.sum() == pytest.approx(1)
    np.testing.assert_allclose(chances, chances[::-1])
    values = np.arange(len(chances))
    deviation = np.sqrt(np.dot(chances, (values - values.mean()) ** 2))
    known = {31 * 32 // 2: np.sqrt(31 * 32 * 63 / 24), 600: np.sqrt(600 * 51 / 12)}
    assert deviation == pytest.approx(known[len(chances) - 1], rel=0.01)
