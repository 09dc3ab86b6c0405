"""How queries come, on a clock of our own: a stall is in the latencies of all that it held up."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from edgefer.benchmarks.clock import RealClock
from edgefer.benchmarks.scenarios import (
    BackToBack,
    Camera,
    Poisson,
    Scenario,
    Turn,
    faces_a_query,
)
from edgefer.errors import InputError
from tests.benchmarks.clocks import FakeClock

MS = 1_000_000


def working(clock: FakeClock, milliseconds: Callable[[int], float]) -> Callable[[int], None]:
    """Asks that take so long by their number."""

    def ask(number: int) -> None:
        clock.time += round(milliseconds(number) * MS)

    return ask


def test_back_to_back_every_nanosecond_is_in_a_latency() -> None:
    clock = FakeClock()
    turn = BackToBack(0.1).turn(working(clock, lambda number: 1 + number % 3), clock, 0)
    assert sum(turn.latencies) == turn.ended - turn.begun >= 100 * MS
    assert turn.latencies[:4] == [1 * MS, 2 * MS, 3 * MS, 1 * MS]


def test_one_query_at_least() -> None:
    clock = FakeClock()
    for pace in (BackToBack(0.001), BackToBack(1e-12), Poisson(0.01, 0.001), Camera(0.01, 0.001)):
        assert len(pace.turn(working(clock, lambda _: 500), clock, 0).latencies) == 1


def test_queries_are_numbered_from_the_first() -> None:
    for pace in (BackToBack(0.01), Poisson(1000, 0.01), Camera(1000, 0.01)):
        clock, asked = FakeClock(), []

        def ask(number: int, clock: FakeClock = clock, asked: list[int] = asked) -> None:
            asked.append(number)
            clock.time += MS // 10

        pace.turn(ask, clock, 40)
        assert asked == list(range(40, 40 + len(asked)))


def test_poisson_comes_at_the_rate_with_exponential_gaps() -> None:
    clock, came = FakeClock(), []
    Poisson(1000, 20.0).turn(lambda _: came.append(clock.time), clock, 0)
    gaps = np.diff(came)
    assert len(came) == pytest.approx(20_000, rel=0.03)
    assert gaps.mean() == pytest.approx(MS, rel=0.03)
    assert gaps.std() == pytest.approx(MS, rel=0.05)


def test_poisson_is_the_same_for_every_contender_and_other_in_the_next_turn() -> None:
    def arrivals(first: int) -> list[int]:
        clock, came = FakeClock(), []
        Poisson(100, 1.0).turn(lambda _: came.append(clock.time), clock, first)
        return came

    assert arrivals(0) == arrivals(0)
    assert arrivals(0) != arrivals(100)


def _stalled(pace: Poisson | Camera) -> tuple[Turn, Turn]:
    """A turn of 1 ms queries, and one in which the twentieth query takes half a second."""
    calm, stalled = FakeClock(), FakeClock()
    quiet = pace.turn(working(calm, lambda _: 1), calm, 0)
    held_up = pace.turn(working(stalled, lambda number: 500 if number == 20 else 1), stalled, 0)
    return quiet, held_up


def test_a_stall_is_not_hidden_in_server() -> None:
    """Asking only when there is time would leave 1 slow query of 200."""
    calm, stalled = _stalled(Poisson(100, 2.0))
    assert np.percentile(calm.latencies, 90) < 5 * MS
    late = [latency for latency in stalled.latencies if latency > 50 * MS]
    assert 40 <= len(late) <= 60
    assert np.percentile(stalled.latencies, 90) > 200 * MS
    assert len(stalled.latencies) == len(calm.latencies)


def test_a_stall_is_not_hidden_by_a_camera() -> None:
    calm, stalled = _stalled(Camera(100, 2.0))
    assert set(calm.latencies) == {MS}
    assert len(stalled.latencies) == len(calm.latencies) == 200
    late = sorted(latency // MS for latency in stalled.latencies if latency > 5 * MS)
    assert late[-1] == 500
    # Each of the 49 frames that nobody looked at was known only when the next was.
    assert len(late) == 50
    assert stalled.overtaken == 49


def test_a_camera_faster_than_the_answers_is_answered_with_its_newest_frames() -> None:
    clock, asked = FakeClock(), []

    def ask(number: int) -> None:
        asked.append(number)
        clock.time += 25 * MS

    turn = Camera(100, 1.0).turn(ask, clock, 0)
    assert len(turn.latencies) == 100
    assert turn.overtaken == 100 - len(asked)
    assert set(np.diff(asked[:-1])) <= {2, 3}
    # Two at most were skipped: no answer is older than the frames that it stands for allow.
    assert max(turn.latencies) <= 60 * MS


def test_a_turn_goes_on_until_the_last_is_answered() -> None:
    clock = FakeClock()
    turn = Poisson(1000, 0.1).turn(working(clock, lambda _: 5), clock, 0)
    assert turn.ended == clock.time
    assert turn.ended > 400 * MS
    assert max(turn.latencies) > 300 * MS


@pytest.mark.parametrize("pace", [Camera(30, 2.0), Camera(0.25, 2.0), Poisson(100, 2.0)])
def test_a_turn_lasts_as_long_as_its_queries_come(pace: Camera | Poisson) -> None:
    """Or a camera would seem to give more frames a second than it does."""
    clock = FakeClock()
    turn = pace.turn(working(clock, lambda _: 1), clock, 0)
    seconds = (turn.ended - turn.begun) / 1e9
    if isinstance(pace, Camera):
        assert len(turn.latencies) / seconds == pytest.approx(pace.rate)
    else:
        assert seconds == pytest.approx(2)


def test_the_real_clock_waits_as_long_as_asked() -> None:
    clock = RealClock()
    for wanted in (clock.now() + 3 * MS, clock.now() + MS // 10, clock.now() - MS):
        clock.wait_until(wanted)
        assert clock.now() >= wanted


def test_faces_a_query() -> None:
    found = {scenario: faces_a_query(scenario, 2, 8) for scenario in Scenario}
    assert found[Scenario.MULTI] == 8
    assert found[Scenario.OFFLINE] == 16
    assert found[Scenario.SINGLE] == found[Scenario.SERVER] == found[Scenario.CAMERA] == 2


def test_an_unknown_scenario_names_those_there_are() -> None:
    with pytest.raises(InputError, match="scenario 'burst': expected one of single, multi"):
        Scenario.parse("burst")
