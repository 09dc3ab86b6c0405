"""Contenders in turns, and what their turns say, on a clock of our own."""

from __future__ import annotations

import numpy as np
import pytest

from edgefer.benchmarks.clock import RealClock
from edgefer.benchmarks.latency import timed
from edgefer.benchmarks.scenarios import BackToBack, Camera, Poisson
from edgefer.benchmarks.turns import (
    QUICK,
    THREADED,
    Contender,
    Length,
    measuring_cost,
    take_turns,
)
from edgefer.errors import InputError
from tests.benchmarks.clocks import FakeClock, Work, spiky

MS = 1_000_000


def contender(clock: FakeClock, *milliseconds: float) -> tuple[Contender, Work]:
    work = Work(clock, milliseconds)
    return Contender(work, range(8), BackToBack(QUICK.seconds)), work


@pytest.mark.parametrize("pace", [BackToBack(0.005), Camera(20, 1.0)])
def test_a_known_distribution_is_found_within_one_per_cent(pace: BackToBack | Camera) -> None:
    """Frames that come more rarely than they take have the times of the work itself."""
    clock = FakeClock()
    work = Work(clock, list(spiky(20_000)))
    asked = Contender(work, range(8), pace)
    take_turns([asked], Length(100.0, 2000), clock=clock)
    found = timed(asked, 0).latency
    truth = np.array(work.took) / 1e6
    assert found.queries == len(truth) - found.warm_up
    for percent, value in ((50, found.p50), (90, found.p90), (95, found.p95), (99, found.p99)):
        assert value == pytest.approx(np.percentile(truth, percent), rel=0.01)
    assert found.mean == pytest.approx(truth.mean(), rel=0.01)
    assert found.max >= 25


def test_queries_of_a_server_wait_for_those_before_them() -> None:
    """Each latency is what Lindley's recursion gives for the arrivals and the times of the work."""
    clock, pace = FakeClock(), Poisson(100, 20.0)
    work = Work(clock, list(spiky(5000)))
    came: list[int] = []
    begun = clock.time
    arrivals = [begun + moment for moment in pace._arrivals(0)]
    turn = pace.turn(work, clock, 0)
    ended = 0
    for arrival, took in zip(arrivals, work.took):
        ended = max(ended, arrival) + took
        came.append(ended - arrival)
    assert turn.latencies == came
    assert np.percentile(came, 90) > 2 * np.percentile(work.took, 50)  # they did wait


def test_under_the_real_clock_latencies_are_what_the_work_itself_took() -> None:
    """Never less, and more by what measuring costs; a slow machine slows both."""
    clock, took = RealClock(), []

    def work(query: int) -> int:
        begun = clock.now()
        sum(range(2000 * (1 + query)))
        took.append(clock.now() - begun)
        return query

    asked = Contender(work, range(8), BackToBack(0.005))
    take_turns([asked], Length(0.05, 200), clock=clock)
    found = [latency for turn in asked.turns for latency in turn.latencies]
    timed_only = len(took) - asked.warm_up
    assert len(found) == timed_only
    # Each turn begins with a settling call, which is not among the latencies.
    own = iter(took)
    more = []
    for turn in asked.turns:
        own_of_turn = [next(own) for _ in range(len(turn.latencies) + _settling(asked, turn))]
        more += np.subtract(turn.latencies, own_of_turn[-len(turn.latencies) :]).tolist()
    assert min(more) >= 0
    assert np.median(more) < 0.1 * np.median(found)


def _settling(asked: Contender, turn: object) -> int:
    place = next(number for number, each in enumerate(asked.turns) if each is turn)
    many = place == 0 or len(asked.turns[place - 1].latencies) > 1
    return QUICK.settling if many else 0


def test_each_has_its_time_and_its_queries() -> None:
    clock = FakeClock()
    slow, fast = contender(clock, 40)[0], contender(clock, 0.5)[0]
    take_turns([slow, fast], Length(0.1, 30), clock=clock)
    assert len(slow.turns) == len(fast.turns)
    assert slow.asked == 30
    assert fast.asked == 30 * 10
    quick = contender(clock, 0.5)[0]
    take_turns([quick], Length(2.0, 30), clock=clock)
    assert quick.spent >= 2000 * MS


def test_another_begins_in_each_round() -> None:
    clock = FakeClock()
    first, second = contender(clock, 5)[0], contender(clock, 5)[0]
    take_turns([first, second], Length(0.1, 1), clock=clock)
    begins = [one.begun < other.begun for one, other in zip(first.turns, second.turns)]
    assert begins[:4] == [True, False, True, False]


def test_who_answers_once_a_turn_does_not_settle() -> None:
    clock = FakeClock()
    slow, work = contender(clock, 40)
    take_turns([slow], Length(0.4, 10), clock=clock)
    assert len(work.took) == 10 + slow.warm_up
    assert slow.warm_up == 1


def test_a_rest_and_the_reference_come_before_each_turn() -> None:
    clock = FakeClock()
    asked, _ = contender(clock, 5)
    moments: list[int] = []

    def reference(clock: FakeClock) -> int:
        moments.append(clock.time)
        clock.time += MS
        return MS

    take_turns([asked], Length(0.02, 1), THREADED, clock=clock, reference=reference)
    assert asked.references == [MS] * len(asked.turns)
    assert moments[0] == THREADED.rest * 1e9
    assert asked.turns[0].begun >= moments[0] + MS


def test_between_is_called_before_each_turn() -> None:
    clock, calls = FakeClock(), []
    asked, _ = contender(clock, 5)
    take_turns([asked], Length(0.1, 1), clock=clock, between=lambda: calls.append(clock.time))
    assert len(calls) == len(asked.turns)


def test_going_on_keeps_what_was_measured() -> None:
    clock = FakeClock()
    asked, _ = contender(clock, 5)
    take_turns([asked], Length(0.1, 1), clock=clock)
    before = len(asked.turns)
    take_turns([asked], Length(0.1, 1), clock=clock)
    assert len(asked.turns) == before + 1  # a round at least
    take_turns([asked], Length(0.2, 1), clock=clock)
    assert asked.spent >= 200 * MS


def test_warm_up_goes_on_until_times_are_stable() -> None:
    clock = FakeClock()
    falling, work = contender(clock, *range(100, 70, -2), *[70] * 500)
    falling.warm(clock)
    assert falling.warm_up == len(work.took) > 15
    wild, _ = contender(clock, *[2.0**step for step in range(10) for _ in range(5)])
    wild.warm(clock)
    assert wild.warm_up == 50


def test_answers_are_kept_with_the_place_of_their_query() -> None:
    clock = FakeClock()
    asked, _ = contender(clock, 1)
    asked.run = lambda query: query
    for number in range(100):
        asked.ask(number)
    assert list(asked.kept) == [(number % 8, number % 8) for number in range(0, 100, 17)]


def test_one_answer_is_kept_at_least() -> None:
    """A camera's frames that are overtaken are not answered."""
    asked, _ = contender(FakeClock(), 1)
    asked.ask(5)
    asked.ask(6)
    assert [place for place, _ in asked.kept] == [5]


def test_progress_ends_where_it_said() -> None:
    clock, calls = FakeClock(), []
    asked, _ = contender(clock, 10)
    take_turns([asked], Length(0.5, 1), clock=clock, progress=lambda *call: calls.append(call))
    assert calls[-1] == ("turns", 1000, 1000)
    assert all(done <= total for _, done, total in calls)


@pytest.mark.parametrize("seconds", [0.0, -1.0, float("nan"), float("inf")])
def test_a_length_is_above_nothing(seconds: float) -> None:
    with pytest.raises(InputError, match="duration: expected a number of seconds above 0"):
        Length(seconds)
    with pytest.raises(InputError, match="queries: expected 1 or more, found 0"):
        Length(1.0, 0)


def test_the_cost_of_measuring_is_that_of_the_loop() -> None:
    class Ticking(FakeClock):
        """Every look at the clock takes 300 ns."""

        def now(self) -> int:
            self.time += 300
            return self.time

    assert measuring_cost(Ticking()) == pytest.approx(0.3, rel=0.01)
    assert measuring_cost() > 0
