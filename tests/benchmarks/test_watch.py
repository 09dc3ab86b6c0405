"""Samples between turns, and what the record says of them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edgefer.benchmarks.samples import Provider, Reading, Sample, no_data, unknown_sample
from edgefer.benchmarks.telemetry import Found, NoProvider
from edgefer.benchmarks.watch import Watch, telemetry_record
from tests.benchmarks.telemetry_trees import Clock, drawing


class Slow(Provider):
    """Takes a hundredth of a second, and gives a fresh sample."""

    name = "rapl"

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def sample(self) -> Sample:
        self._clock.now += 0.01
        return drawing(self._clock.now, 5)


def told(*samples: Sample, origin: float = 0.0) -> dict[str, object]:
    """The record of a watch that has these samples."""
    clock = Clock()
    watch = Watch(Slow(clock), clock)
    watch.samples += samples
    return telemetry_record(Found(Slow(clock), {"jetson": "no rails"}), watch, origin)


def test_a_sample_is_taken_when_one_is_due() -> None:
    clock = Clock()
    watch = Watch(Slow(clock), clock, rate=10.0)
    for _ in range(100):
        watch()
        clock.now += 0.03
    times = [sample.time for sample in watch.samples]
    steps = [after - before for before, after in zip(times, times[1:])]
    assert min(steps) >= 0.1
    assert max(steps) <= 0.15


def test_cost_is_the_share_of_the_time() -> None:
    clock = Clock()
    watch = Watch(Slow(clock), clock)
    assert watch.cost is None
    watch()
    clock.now += 0.99
    assert watch.cost == pytest.approx(0.01)


def test_series_have_a_value_for_each_time() -> None:
    hot = replace(drawing(12, 6), temperatures=Reading({"cpu": 50.0, "gpu": 40.0}))
    later = replace(drawing(13, 7), temperatures=Reading({"cpu": 51.0}), power=no_data("busy"))
    found = told(hot, later, drawing(14, 8), origin=10.0)
    assert found["series"] == {
        "time_s": [2, 3, 4],
        "watts": [6, None, 8],
        "temperatures_c": {"cpu": [50, 51, None], "gpu": [40, None, None]},
        **dict.fromkeys(("gpu_clock_mhz", "gpu_load", "cpu_clock_mhz", "power_mode")),
    }
    assert found["missing"]["gpu_load"] == "this source does not tell"
    assert "watts" not in found["missing"]
    assert found["provider"] == "rapl"
    assert found["passed_over"] == {"jetson": "no rails"}


def test_samples_come_in_the_order_of_their_times() -> None:
    """Those of the energy come from a thread of their own."""
    found = told(drawing(3, 1), drawing(1, 2), drawing(2, 3))
    assert found["series"]["time_s"] == [1, 2, 3]
    assert found["series"]["watts"] == [2, 3, 1]


def test_a_gpu_that_was_held_down_makes_it_invalid() -> None:
    slowed = [
        replace(drawing(n, 5), slowed=Reading(("heat",)), gpu_load=Reading(1.0)) for n in range(9)
    ]
    found = told(*slowed)
    assert found["valid"] is False
    assert found["reasons"] == ["throttling: the GPU was slowed in 100%: heat"]
    free = [replace(sample, slowed=Reading(())) for sample in slowed]
    assert told(*free)["valid"] is True


def test_where_nothing_is_told_it_is_neither_valid_nor_invalid() -> None:
    found = told(unknown_sample(1, "no rails"))
    assert found["valid"] is None
    assert found["reasons"] == []
    assert "power mode: no rails" in found["unchecked"]
    assert found["unchecked"][-1] == "throttling could not be judged: GPU load: no rails"
    assert len(found["unchecked"]) == len(set(found["unchecked"]))
    assert set(found["missing"].values()) == {"no rails"}


def test_no_sample_is_no_data() -> None:
    found = told()
    assert found["series"]["time_s"] == []
    assert found["missing"]["watts"] == "no sample was taken"
    assert found["valid"] is None
    assert found["unchecked"] == ["no samples were taken"]


def test_a_machine_that_tells_nothing_has_its_reason() -> None:
    provider = NoProvider("nothing here", lambda: 5.0)
    watch = Watch(provider, lambda: 5.0)
    watch()
    found = telemetry_record(Found(provider, {}), watch, 0.0)
    assert found["provider"] == "none"
    assert set(found["missing"].values()) == {"nothing here"}
