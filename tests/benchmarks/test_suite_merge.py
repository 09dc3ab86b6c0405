"""Runs in several power modes as one record, in which nothing of any run is lost."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from edgefer.benchmarks.record_schema import check_record
from edgefer.benchmarks.report_html import html_report
from edgefer.benchmarks.report_markdown import markdown_report
from edgefer.benchmarks.suite import add_run, new_document
from edgefer.benchmarks.suite_merge import merged
from tests.benchmarks.records import poor_record, rich_record

MODES = ("15W", "25W")


def document(*records: dict[str, Any], left: tuple[str, ...] = ()) -> dict[str, Any]:
    """A run in each mode."""
    made = new_document()
    made.update(left=list(left))
    for mode, record in zip(MODES, records):
        add_run(made, mode, record, [], [])
    return made


def names(record: dict[str, Any]) -> set[str]:
    return {result["name"] for result in record["results"]}


def test_it_is_a_record_and_makes_reports() -> None:
    runs = document(rich_record(), rich_record(), left=("MAXN_SUPER",))
    before = deepcopy(runs)
    record = merged(runs)
    check_record(record)
    assert runs == before
    for report in (html_report(record), markdown_report(record)):
        assert "fer-lite-int8.edgefer @ 15W" in report
        assert "fer-lite-int8.edgefer @ 25W" in report
        assert "power mode MAXN" in report


def test_every_name_has_its_mode() -> None:
    plain = rich_record()
    record = merged(document(rich_record(), rich_record()))
    assert names(record) == {f"{name} @ {mode}" for name in names(plain) for mode in MODES}
    assert {one["name"] for one in record["accuracy"]} <= names(record)
    keys = [(one["name"], one["scenario"], one["threads"]) for one in record["results"]]
    assert len(set(keys)) == len(keys) == 2 * len(plain["results"])
    for result in record["results"]:
        if result["ratio"] is not None:
            assert result["ratio"]["to"].rpartition(" @ ")[2] == result["name"].rpartition(" @ ")[2]
    assert record["bundles"] == plain["bundles"]
    assert record["machine"]["power_mode"] == "15W, 25W"


def test_results_of_all_modes_stand_beside_each_other() -> None:
    record = merged(document(rich_record(), rich_record()))
    heats = [(result["scenario"], result["threads"]) for result in record["results"]]
    changes = [heat for heat, before in zip(heats, [None, *heats]) if heat != before]
    assert len(changes) == len(set(changes))


def test_time_goes_on_from_run_to_run() -> None:
    plain = rich_record()
    record = merged(document(rich_record(), rich_record()))
    times = record["telemetry"]["series"]["time_s"]
    assert times == sorted(times)
    assert len(times) == 2 * len(plain["telemetry"]["series"]["time_s"])
    assert len(record["telemetry"]["series"]["temperatures_c"]["tj-thermal"]) == len(times)
    ends = {
        mode: [
            (window["begun_s"], window["begun_s"] + window["seconds"])
            for result in record["results"]
            if result["name"].endswith(mode)
            for window in result["windows"]
        ]
        for mode in MODES
    }
    assert max(ended for _, ended in ends["15W"]) < min(begun for begun, _ in ends["25W"])
    begun = min(begun for begun, _ in ends["25W"])
    assert times[len(times) // 2] < begun < times[-1]


@pytest.mark.parametrize(
    ("valid", "whole"),
    [
        ((True, True), True),
        ((False, True), False),
        ((True, False), False),
        ((None, True), None),
        ((None, False), False),
    ],
)
def test_one_invalid_run_makes_it_invalid(valid: tuple[bool | None, ...], whole: object) -> None:
    records = [rich_record(), rich_record()]
    for record, one in zip(records, valid):
        reasons = ["throttling: it was"] if one is False else []
        record["telemetry"].update(valid=one, reasons=reasons)
    telemetry = merged(document(*records))["telemetry"]
    assert telemetry["valid"] is whole
    expected = [f"{mode}: throttling: it was" for mode, one in zip(MODES, valid) if one is False]
    assert telemetry["reasons"] == expected


def test_what_one_run_was_not_told_is_a_gap_with_its_reason() -> None:
    deaf = rich_record()
    count = len(deaf["telemetry"]["series"]["time_s"])
    for name in ("watts", "temperatures_c"):
        deaf["telemetry"]["series"][name] = None
        deaf["telemetry"]["missing"][name] = "asleep"
    deaf["not_measured"].append("watts: no data: asleep")
    record = merged(document(deaf, rich_record()))
    check_record(record)
    series = record["telemetry"]["series"]
    assert series["watts"][:count] == [None] * count
    assert series["watts"][-1] is not None
    assert series["temperatures_c"]["tj-thermal"][0] is None
    assert record["telemetry"]["missing"] == {}
    assert "watts @ 15W: no data: asleep" in record["not_measured"]


def test_what_all_lack_is_said_once_and_what_one_lacks_with_its_mode() -> None:
    records = [rich_record(), rich_record()]
    for record in records:
        record["not_measured"] = ["memory: no data: give --memory"]
        record["telemetry"]["unchecked"] = ["alarms: no counters"]
    records[1]["telemetry"]["unchecked"].append("throttling: never busy")
    runs = document(*records)
    runs["runs"][1]["restless"] = ["times at a pinned clock of the GPU: no data: it may change"]
    record = merged(runs)
    assert record["not_measured"].count("memory: no data: give --memory") == 1
    assert (
        "times at a pinned clock of the GPU @ 25W: no data: it may change" in record["not_measured"]
    )
    assert record["telemetry"]["unchecked"] == [
        "alarms: no counters",
        "throttling @ 25W: never busy",
    ]
    assert "fer-lite in fp16: no data: not among the bundles" in record["not_measured"]


def test_what_measuring_costs_is_the_most_and_threads_are_of_all() -> None:
    records = [rich_record(), rich_record()]
    records[0].update(measuring_us=9.0)
    records[0]["telemetry"].update(cost=0.5)
    records[0]["settings"]["threads"] = [1, 4]
    record = merged(document(*records))
    assert (record["measuring_us"], record["telemetry"]["cost"]) == (9.0, 0.5)
    assert record["settings"]["threads"] == [1, 4, 6]


def test_without_a_power_mode_names_stay() -> None:
    made = new_document()
    add_run(made, None, poor_record(), [], [])
    record = merged(made)
    check_record(record)
    assert names(record) == names(poor_record())
    assert record["telemetry"] == poor_record()["telemetry"]
    assert "power modes and rails: no data: this is no Jetson" in record["not_measured"]
    assert record["machine"]["power_mode"] is None
    assert html_report(record)
