"""The energy of a query: one contender alone, beside a meter whose joules are known."""

from __future__ import annotations

import threading

import pytest

from edgefer.benchmarks.energy_run import IDLE_S, LEAST_S, at_rest, run_alone
from edgefer.benchmarks.samples import Provider, Sample, no_data, unknown_sample
from edgefer.benchmarks.scenarios import BackToBack, Camera, Pace
from edgefer.benchmarks.turns import Contender
from tests.benchmarks.clocks import FakeClock, Work
from tests.benchmarks.entrants import Meter
from tests.benchmarks.telemetry_trees import drawing

NOTHING = unknown_sample(0, "no rails")


class Given(Provider):
    """Gives these samples, and the last one over and over."""

    name = "given"

    def __init__(self, *samples: Sample) -> None:
        self._samples = list(samples)

    def sample(self) -> Sample:
        return self._samples.pop(0) if len(self._samples) > 1 else self._samples[0]


def alone(watts: float, joules: float, seconds: float, pace: Pace) -> tuple[float, int, float]:
    """Joules a query, the queries and the seconds of the clock, beside so many watts at rest."""
    clock = FakeClock()
    work = Work(clock, [5])
    contender = Contender(work, range(8), pace)
    meter = Meter(lambda time: watts * time + joules * len(work.took))
    idle = (meter.sample(), meter.sample())
    found, samples = run_alone(contender, meter, idle, seconds, clock)
    assert found.value is not None, found.reason
    assert found.value.idle_subtracted
    assert len(samples) >= 2
    return found.value.per_query, found.value.queries, clock.time / 1e9


def test_what_idling_takes_is_no_query() -> None:
    per_query, queries, seconds = alone(4.0, 0.003, 5.0, BackToBack(0.005))
    assert per_query == pytest.approx(0.003)
    assert queries == 1000
    assert seconds == pytest.approx(5)


def test_a_sensor_needs_some_seconds() -> None:
    _, queries, seconds = alone(4.0, 0.003, 0.01, BackToBack(0.005))
    assert seconds == pytest.approx(LEAST_S)
    assert queries == 200 * LEAST_S


def test_a_camera_waits_in_its_own_pace() -> None:
    per_query, queries, seconds = alone(4.0, 0.003, 3.0, Camera(20.0, 1.0))
    assert per_query == pytest.approx(0.003)
    assert (queries, seconds) == (60, pytest.approx(3))


def test_at_rest_it_sleeps_and_asks() -> None:
    slept: list[float] = []
    found = at_rest(Meter(lambda time: 7 * time), slept.append)
    assert slept == [IDLE_S]
    assert found.value is not None
    assert len(found.value) >= 2


def test_where_nothing_tells_the_power_nobody_sleeps() -> None:
    slept: list[float] = []
    assert at_rest(Given(NOTHING), slept.append) == no_data("no rails")
    assert slept == []


def test_power_that_is_gone_while_at_rest_is_no_energy() -> None:
    given = Given(drawing(0, 5), NOTHING)
    assert at_rest(given, lambda seconds: None) == no_data("no rails")


def test_a_meter_has_no_power_at_first() -> None:
    """It counts, and power is what it counted since."""
    first = Meter(lambda time: 7 * time).sample()
    meter = Meter(lambda time: 7 * time)
    samples = Given(Sample(0.0, counted=first.counted), meter.sample(), meter.sample())
    assert at_rest(samples, lambda seconds: None).is_known


def test_the_thread_ends_where_a_query_fails() -> None:
    clock = FakeClock()

    def failing(query: int) -> None:
        raise KeyboardInterrupt

    contender = Contender(failing, range(8), BackToBack(0.005))
    with pytest.raises(KeyboardInterrupt):
        run_alone(contender, Meter(lambda time: time), (), 1.0, clock)
    assert "telemetry" not in [thread.name for thread in threading.enumerate()]
