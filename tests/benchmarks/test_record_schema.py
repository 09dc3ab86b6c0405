"""Records are checked by the published schema, with and without the library for it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import fields
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from edgefer.benchmarks.record_schema import check_record, read_schema
from edgefer.errors import InputError
from edgefer.machine import Machine
from tests.benchmarks.records import poor_record, rich_record

VALIDATOR = Draft202012Validator(read_schema())
# What `check_record` looks at, and what only says something to a reader.
CHECKED = {
    "$ref",
    "additionalProperties",
    "const",
    "enum",
    "items",
    "maximum",
    "maxItems",
    "minimum",
    "minItems",
    "properties",
    "required",
    "type",
}
SAID = {"$defs", "$id", "$schema", "description", "title"}


def short_record() -> dict[str, Any]:
    """A rich one that is quickly checked."""
    record = rich_record()
    record["results"] = record["results"][:2]
    series = record["telemetry"]["series"]
    for name in series:
        series[name] = {} if isinstance(series[name], dict) else series[name][:2]
    record["bundles"] = [{**one, "layers": one["layers"][:1]} for one in record["bundles"]]
    record["bundles"][1]["ranges"] = {"tensor": [-1.0, 2.0]}
    return record


SHORT = short_record()


def rules(rule: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every rule of the schema."""
    yield rule
    inner = [*rule.get("properties", {}).values(), *rule.get("$defs", {}).values()]
    inner += [rule[name] for name in ("items", "additionalProperties") if rule.get(name)]
    for one in inner:
        yield from rules(one)


def places(value: Any, place: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Every place in a record."""
    if place:
        yield place
    if isinstance(value, dict):
        for name in value:
            yield from places(value[name], (*place, name))
    elif isinstance(value, list):
        for index in range(len(value)):
            yield from places(value[index], (*place, index))


def changed(record: dict[str, Any], place: tuple[str | int, ...], value: Any) -> dict[str, Any]:
    """A copy with another value at that place."""
    record = deepcopy(record)
    inner: Any = record
    for step in place[:-1]:
        inner = inner[step]
    inner[place[-1]] = value
    return record


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(read_schema())


def test_the_schema_says_nothing_that_is_not_checked() -> None:
    assert {word for rule in rules(read_schema()) for word in rule} <= CHECKED | SAID


def test_every_object_says_what_may_be_in_it() -> None:
    for rule in rules(read_schema()):
        if "object" in rule.get("type", ()):
            assert rule["additionalProperties"] is False or "properties" not in rule


def test_the_schema_has_the_facts_of_a_machine() -> None:
    machine = read_schema()["properties"]["machine"]
    assert list(machine["properties"]) == [field.name for field in fields(Machine)]
    assert machine["required"] == list(machine["properties"])


@pytest.mark.parametrize("make", [rich_record, poor_record])
def test_records_are_valid(make: Any) -> None:
    record = json.loads(json.dumps(make(), allow_nan=False))
    VALIDATOR.validate(record)
    check_record(record)


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        (("results", 0, "latency_ms", "p50"), None, "expected number, found None"),
        (("results", 0, "latency_ms", "p50"), True, "expected number, found True"),
        (("results", 1, "threads"), 1.5, "expected integer, found 1.5"),
        (("results", 1, "scenario"), "batch", 'expected one of ["single", "multi", '),
        (("results", 0, "extra"), 1, "expected no such field, found 1"),
        (("results",), [], "expected 1 items or more, found 0"),
        (("bundles", 1, "ranges", "tensor"), [1.0], "expected 2 items, found 1"),
        (("telemetry", "cost"), 1.5, "expected 0 to 1, found 1.5"),
        (("telemetry", "series", "watts"), "5 W", "expected array or null, found '5 W'"),
        (("versions", "numpy"), 2, "expected string, found 2"),
        (("schema",), True, "expected 1, found True"),
    ],
)
def test_a_fault_is_refused_with_its_place(
    place: tuple[str | int, ...], value: Any, message: str
) -> None:
    record = changed(SHORT, place, value)
    assert not VALIDATOR.is_valid(record)
    with pytest.raises(InputError) as caught:
        check_record(record)
    assert f"record: {'.'.join(map(str, place))}: {message}" in str(caught.value)


def test_a_missing_field_is_named() -> None:
    record = deepcopy(SHORT)
    del record["results"][1]["answers"]
    with pytest.raises(InputError, match=r"results\.1\.answers: expected a value, found nothing"):
        check_record(record)


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_numbers_are_finite(number: float) -> None:
    with pytest.raises(InputError, match=r"measuring_us: expected number"):
        check_record(changed(SHORT, ("measuring_us",), number))


@pytest.mark.parametrize("change", [{"schema": 2}, {"kind": "estimate"}, {"schema": None}])
def test_another_kind_of_file_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="expected a measurement of schema 1, found schema"):
        check_record({**SHORT, **change})


ANYTHING = st.sampled_from([None, True, -1, 0, 3, 0.5, 250.5, "single", "", [], [0.5, 0.5], {}])


@given(st.sampled_from(list(places(SHORT))), ANYTHING)
def test_both_ways_to_check_agree(place: tuple[str | int, ...], value: Any) -> None:
    record = changed(SHORT, place, value)
    try:
        check_record(record)
    except InputError:
        assert not VALIDATOR.is_valid(record)
    else:
        assert VALIDATOR.is_valid(record)
