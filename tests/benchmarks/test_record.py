"""What is kept of one heat: units, nulls and reasons."""

from __future__ import annotations

from typing import Any

import pytest

from edgefer.benchmarks.checks import Answers, Cached
from edgefer.benchmarks.footprint import Footprint
from edgefer.benchmarks.record import memory_record, not_measured, result_record
from edgefer.benchmarks.scenarios import Scenario
from tests.benchmarks.clocks import FakeClock
from tests.benchmarks.entrants import MS, Network, a_heat, a_plan, entrant, run_heat


def result_of(*milliseconds: float, bound: float | None = None, **plan: Any) -> dict[str, Any]:
    """The result of one that takes these times."""
    clock = FakeClock()
    heat = a_heat(a_plan(bound=bound, **plan), clock)
    (one,), _ = run_heat(heat, clock, [entrant(Network(clock, *milliseconds))])
    return result_record(one, heat, one, "a CPU", 0)


def test_percentiles_of_few_queries_are_null() -> None:
    latency = result_of(5, seconds=0.05, queries=10)["latency_ms"]
    assert latency["queries"] == 10
    assert (latency["p90"], latency["p99"]) == (pytest.approx(5, rel=1e-3), None)
    assert result_of(5, seconds=0.5, queries=100)["latency_ms"]["p99"] is not None


@pytest.mark.parametrize(
    ("bound", "queries", "held"), [(5.1, 100, True), (4.9, 100, False), (5.1, 10, None)]
)
def test_a_bound_is_of_p99(bound: float, queries: int, held: bool | None) -> None:
    found = result_of(5, seconds=0.005 * queries, queries=queries, bound=bound)["bound"]
    assert found == {"ms": bound, "percentile": 99, "held": held}


def test_only_a_camera_overtakes_and_only_a_server_has_a_rate() -> None:
    camera = result_of(40, scenario=Scenario.CAMERA, fps=50.0)
    assert camera["overtaken"] > 0
    assert camera["rate"] is None
    server = result_of(5, scenario=Scenario.SERVER)
    assert (server["overtaken"], server["rate"]) == (None, pytest.approx(100))
    single = result_of(5)
    assert (single["overtaken"], single["rate"], single["bound"]) == (None, None, None)


def test_a_ratio_is_to_the_first_with_its_interval() -> None:
    clock = FakeClock()
    heat = a_heat(a_plan(seconds=0.5, queries=100), clock)
    entries = [entrant(Network(clock, 5)), entrant(Network(clock, 10), "second")]
    (first, second), _ = run_heat(heat, clock, entries)
    assert result_record(first, heat, first, "a CPU", 0)["ratio"] is None
    found = result_record(second, heat, first, "a CPU", 0)["ratio"]
    assert found["to"] == "first"
    assert found["verdict"] == "slower"
    assert found["low"] == found["median"] == found["high"] == pytest.approx(2)
    assert found["p99"] == pytest.approx(2, rel=2e-3)
    few = a_heat(a_plan(seconds=0.01, queries=1), clock)
    (first, second), _ = run_heat(few, clock, entries)
    unknown = result_record(second, few, first, "a CPU", 0)["ratio"]
    assert unknown["p99"] is None


def test_windows_are_in_the_units_of_their_names() -> None:
    clock = FakeClock()
    heat = a_heat(a_plan(), clock)
    (one,), _ = run_heat(heat, clock, [entrant(Network(clock, 5))])
    window = result_record(one, heat, one, "a CPU", one.contender.turns[0].begun - 2000 * MS)
    assert window["windows"][0] == {
        "begun_s": 2.0,
        "seconds": 0.005,
        "queries": 1,
        "p50_ms": 5.0,
        "p99_ms": 5.0,
        "reference_us": 500.0,
        "relative": 10.0,
    }


def test_checks_that_were_not_made_are_null() -> None:
    clock = FakeClock()
    heat = a_heat(a_plan(), clock)
    (one,), _ = run_heat(heat, clock, [entrant(Network(clock, 5), labelled=False)])
    one.cached = None
    found = result_record(one, heat, one, "a CPU", 0)
    assert (found["answers"], found["agreement"], found["cached"]) == (None, None, None)
    assert found["stages_ms"] is None
    one.cached, one.answers = Cached(0.5, True), Answers(3, 0.5, False, None)
    found = result_record(one, heat, one, "a CPU", 0)
    assert found["cached"] == {"ratio": 0.5, "found": True}
    assert found["answers"]["hold"] is False


def test_memory_that_is_not_known_has_its_reason() -> None:
    told = memory_record(Footprint(missing="its process was killed"))
    assert told == {"memory_bytes": None, "memory_reason": "no data: its process was killed"}


TOLD = {"provider": "rapl", "passed_over": {}, "missing": {}, "unchecked": ["alarms: none here"]}


def test_what_was_measured_is_not_among_what_was_not() -> None:
    measured = result_of(5, seconds=5.0, queries=1000) | memory_record(Footprint(2, 1))
    measured["energy"] = {"per_query_mj": 1.0}
    assert not_measured([measured], ["accuracy"], TOLD) == ["alarms: none here"]


def test_each_reason_is_given_once() -> None:
    result = result_of(5)
    telemetry = {**TOLD, "missing": {"gpu_load": "no GPU"}}
    assert not_measured([result, result], [], telemetry) == [
        "accuracy: no data: give --data DATA with labels",
        "gpu_load: no data: no GPU",
        "alarms: none here",
        "energy: no data: nothing tells",
        "memory: no data: give --memory",
        "p99.9: no data: it takes 1,000 queries, give a longer --duration or --queries",
    ]


def test_a_machine_that_tells_nothing_is_one_line() -> None:
    telemetry = {
        "provider": "none",
        "passed_over": {"jetson": "no rails", "rapl": "no permission"},
        "missing": {"watts": "nothing tells"},
        "unchecked": ["alarms: nothing tells"],
    }
    assert not_measured([], ["accuracy"], telemetry) == [
        "power, clocks, temperatures, throttling: no data: jetson: no rails; rapl: no permission"
    ]
