"""Joules from a meter or from power, for each query, with and without idling."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgefer.benchmarks.samples import Reading, Sample, no_data, unknown_sample
from edgefer.benchmarks.telemetry_energy import Energy, energy
from edgefer.errors import InputError
from tests.benchmarks.telemetry_trees import drawing


def constant(watts: float, count: int = 11, covers: str = "module") -> list[Sample]:
    """So many samples, ten a second."""
    return [drawing(n / 10, watts, covers) for n in range(count)]


def found(samples: list[Sample], queries: int, idle: list[Sample] | None = None) -> Energy:
    reading = energy(samples, queries, idle)
    assert reading.value is not None, reading.reason
    return reading.value


def test_constant_power() -> None:
    figure = found(constant(6), 3)
    assert figure.joules == pytest.approx(6)
    assert figure.per_query == pytest.approx(2)
    assert (figure.seconds, figure.covered) == (pytest.approx(1), pytest.approx(1))
    assert figure.covers == "module"
    assert not figure.metered
    assert not figure.idle_subtracted
    assert figure.idle == no_data("idling was not measured")


def test_power_that_rises_is_a_trapezoid() -> None:
    assert found([drawing(0, 2), drawing(1, 4), drawing(2, 10)], 1).joules == pytest.approx(10)


@given(st.lists(st.floats(0.1, 1), min_size=1, max_size=20), st.floats(1, 100))
def test_uneven_samples_of_constant_power(steps: list[float], watts: float) -> None:
    times = [sum(steps[:n]) for n in range(len(steps) + 1)]
    reading = energy([drawing(time, watts) for time in times], 1)
    if reading.value is None:
        assert reading.reason.startswith("expected power for 90% of the time")
    else:
        assert reading.value.joules == pytest.approx(watts * times[-1])


def test_idling_is_taken_off() -> None:
    figure = found(constant(6), 2, constant(4, count=31))
    assert figure.joules == pytest.approx(2)
    assert figure.per_query == pytest.approx(1)
    assert figure.idle_subtracted
    assert figure.idle.value == pytest.approx(4)
    assert figure.mean_watts == pytest.approx(6)


@pytest.mark.parametrize(
    ("idle", "reason"),
    [
        ([], "idling: no samples were taken"),
        ([unknown_sample(0, "no rails")], "idling: no rails"),
        (constant(4, covers="GPU alone"), "idling covers GPU alone, the run module"),
    ],
)
def test_idling_that_is_not_known_stays_in(idle: list[Sample], reason: str) -> None:
    figure = found(constant(6), 1, idle)
    assert figure.joules == pytest.approx(6)
    assert not figure.idle_subtracted
    assert figure.idle == no_data(reason)


def test_less_than_idling_is_no_figure() -> None:
    assert energy(constant(3), 1, constant(4)).reason.startswith(
        "expected the run to draw more than idling, found 3.00 W against 4.00 W"
    )


def test_a_short_gap_has_the_mean_of_the_rest() -> None:
    samples = constant(6, count=101)
    del samples[50:56]  # 0.7 s of 10
    figure = found(samples, 1)
    assert figure.covered == pytest.approx(0.93)
    assert figure.joules == pytest.approx(60)


def test_samples_without_power_are_a_gap_too() -> None:
    samples = constant(6, count=101)
    samples[20:40] = [unknown_sample(n / 10, "busy") for n in range(20, 40)]
    reason = energy(samples, 1).reason
    assert reason == "expected power for 90% of the time, found it for 79%"


def test_a_meter_is_believed() -> None:
    samples = [replace(s, counted=Reading(500 + 7 * s.time)) for s in constant(6)]
    figure = found(samples, 1)
    assert figure.metered
    assert figure.joules == pytest.approx(7)
    begun_anew = [*samples, replace(drawing(1.1, 6), counted=Reading(0.0))]
    assert not found(begun_anew, 1).metered


@pytest.mark.parametrize(
    ("samples", "reason"),
    [
        ([], "no samples were taken"),
        ([unknown_sample(0, "no rails")], "no rails"),
        ([drawing(0, 5)], "expected power at 2 moments or more, found 1"),
        ([drawing(0, 5), drawing(0, 5)], "expected power at 2 moments or more, found 2"),
        (
            [drawing(0, 5, "a"), drawing(1, 5, "b")],
            "expected one kind of power, found a; b",
        ),
    ],
)
def test_no_figure(samples: list[Sample], reason: str) -> None:
    assert energy(samples, 1) == no_data(reason)


def test_no_queries() -> None:
    with pytest.raises(InputError, match="queries: expected 1 or more, found 0"):
        energy(constant(6), 0)
