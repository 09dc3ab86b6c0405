"""That answers are computed anew, and are right while the clock runs."""

from __future__ import annotations

import numpy as np
import pytest

from edgefer.benchmarks.checks import answer_all, check_answers, check_cache
from edgefer.benchmarks.scenarios import BackToBack
from edgefer.benchmarks.turns import Contender, Length, take_turns
from tests.benchmarks.clocks import FakeClock

MS = 1_000_000
QUERIES = [np.full((2, 4, 4, 3), number, np.uint8) for number in range(8)]


class Network:
    """Answers by the first pixel in 5 ms."""

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock

    def __call__(self, query: np.ndarray) -> np.ndarray:
        self._clock.time += 5 * MS
        return np.eye(8, dtype=np.float32)[query[:, 0, 0, 0] % 8]


class Caching(Network):
    """Knows one query by heart."""

    def __call__(self, query: np.ndarray) -> np.ndarray:
        before = self._clock.time
        answer = super().__call__(query)
        if not query.any():
            self._clock.time = before + MS // 10
        return answer


def asked(network: Network) -> Contender:
    return Contender(network, QUERIES, BackToBack(0.05), batch=2)


def test_work_that_is_done_anew_is_no_cache() -> None:
    clock = FakeClock()
    found = check_cache(asked(Network(clock)), clock)
    assert found.ratio == pytest.approx(1)
    assert not found.found


def test_a_cache_is_found() -> None:
    clock = FakeClock()
    found = check_cache(asked(Caching(clock)), clock)
    assert found.ratio < 0.1
    assert found.found


def test_a_machine_that_is_busy_is_no_cache() -> None:
    """Every other call takes thrice as long, whatever is asked."""
    clock, chance = FakeClock(), np.random.default_rng(0)
    wild = asked(Network(clock))
    wild.run = lambda query: setattr(clock, "time", clock.time + int(chance.choice([2, 6]) * MS))
    assert not any(check_cache(wild, clock).found for _ in range(50))


def test_a_slow_network_is_not_asked_for_long() -> None:
    clock = FakeClock()
    slow = asked(Network(clock))
    slow.run = lambda query: setattr(clock, "time", clock.time + 400 * MS)
    check_cache(slow, clock)
    assert clock.time <= 6 * 2 * 400 * MS


def test_right_answers_hold() -> None:
    clock = FakeClock()
    contender = asked(Network(clock))
    expected = answer_all(contender.run, QUERIES)
    take_turns([contender], Length(1.0, 100), clock=clock)
    classes = np.array([[number, number] for number in range(8)])
    found = check_answers(contender, expected, classes)
    assert found.hold
    assert found.largest_difference == 0
    assert found.right == 1
    assert found.sampled == len(contender.kept) >= 6
    half = check_answers(contender, expected, np.stack([classes[:, 0], classes[:, 0] + 1], axis=1))
    assert half.right == pytest.approx(0.5)
    assert check_answers(contender, expected, None).right is None


def test_answers_that_change_under_the_clock_do_not_hold() -> None:
    clock = FakeClock()
    contender = asked(Network(clock))
    expected = answer_all(contender.run, QUERIES)
    honest = contender.run
    contender.run = lambda query: honest(query) * np.float32(0.9)
    take_turns([contender], Length(0.2, 20), clock=clock)
    found = check_answers(contender, expected, None)
    assert not found.hold
    assert found.largest_difference == pytest.approx(0.1)


@pytest.mark.parametrize("broken", [[0, 1, 2, 3], [1, 2, 3], [2]])
def test_an_answer_that_is_no_number_does_not_hold(broken: list[int]) -> None:
    """Whichever of those that were kept it is."""
    clock = FakeClock()
    contender = asked(Network(clock))
    expected = answer_all(contender.run, QUERIES)
    take_turns([contender], Length(0.5, 60), clock=clock)
    for number in broken:
        place, answer = contender.kept[number]
        contender.kept[number] = place, answer * np.float32("nan")
    assert not check_answers(contender, expected, None).hold
