"""Two records: what became slower, and what cannot be told."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest

from edgefer.benchmarks.difference import Verdict
from edgefer.benchmarks.stored import Changed, compare_stored
from edgefer.errors import InputError
from tests.benchmarks.records import poor_record
from tests.benchmarks.stored_records import a_record, change


def only(old: dict[str, Any], new: dict[str, Any]) -> Changed:
    (changed,), alone = compare_stored(old, new)
    assert alone == []
    return changed


def test_the_same_record_is_no_difference() -> None:
    found = only(a_record(), a_record())
    assert found.difference.verdict is Verdict.NONE
    assert found.difference.ratio == pytest.approx(1)
    assert found.normalised
    assert found.reason == ""
    assert found.old_ms == found.new_ms
    assert (found.name, found.scenario, found.threads, found.batch) == (
        "fer-lite-fp32.edgefer",
        "single",
        1,
        1,
    )


def test_a_third_more_is_slower_and_a_third_less_is_faster() -> None:
    found = only(a_record(1), a_record(2, share=1.3))
    assert found.difference.verdict is Verdict.SLOWER
    assert found.difference.ratio == pytest.approx(1.3, rel=0.05)
    assert only(a_record(1), a_record(2, share=0.7)).difference.verdict is Verdict.FASTER


def test_a_machine_that_is_somewhat_slower_today_is_no_difference() -> None:
    """The reference was slower by as much."""
    found = only(a_record(1), a_record(2, machine=1.09))
    assert found.difference.verdict is Verdict.NONE
    assert found.new_ms > 1.05 * found.old_ms


def test_a_machine_in_another_state_says_nothing() -> None:
    """A reference that took twice as long does not tell by how much a network should."""
    found = only(a_record(1), a_record(2, machine=2.0))
    assert found.difference.verdict is Verdict.INCONCLUSIVE
    assert "the reference kernel took" in found.reason
    assert "longer in the new run: the machine was not in the same state" in found.reason
    assert "less" in only(a_record(1), a_record(2, machine=0.5)).reason


def test_noise_is_inconclusive_and_says_so() -> None:
    found = only(a_record(1, noise=0.2), a_record(2, noise=0.2))
    assert found.difference.verdict is Verdict.INCONCLUSIVE
    assert found.reason == ("the interval reaches beyond 6.0%; run longer, or with less beside")


def test_few_windows_say_nothing() -> None:
    old, new = a_record(), a_record(share=2.0)
    for record in (old, new):
        record["results"][0]["windows"] = record["results"][0]["windows"][:2]
    found = only(old, new)
    assert found.difference.verdict is Verdict.INCONCLUSIVE
    assert found.difference.low is None
    assert found.reason == "too few windows; run longer"


def test_a_run_that_was_throttled_says_nothing() -> None:
    new = a_record(share=2.0)
    new["telemetry"].update(valid=False, reasons=["throttling: hot"])
    found = only(a_record(), new)
    assert found.difference.verdict is Verdict.INCONCLUSIVE
    assert found.difference.ratio == pytest.approx(2)
    assert found.reason == "the new record is not valid: throttling: hot"


def test_a_run_that_drifted_says_nothing() -> None:
    old = a_record()
    windows = old["results"][0]["windows"]
    for place, window in enumerate(windows):
        window["relative"] *= 1 + 0.5 * place / len(windows)
    found = only(old, a_record(share=2.0))
    assert found.difference.verdict is Verdict.INCONCLUSIVE
    assert found.reason.startswith("the old run was not stable, divided by the reference: ")
    assert "slower; expected at most 10%" in found.reason


def on_gpu(record: dict[str, Any]) -> dict[str, Any]:
    return change(record, backend="tensorrt")


def torch_on_gpu(record: dict[str, Any]) -> dict[str, Any]:
    return change(record, backend="torch-cuda")


def other_kernel(record: dict[str, Any]) -> dict[str, Any]:
    record["reference"]["name"] = "matrices 1, numpy 9.9"
    return record


def no_reference(record: dict[str, Any]) -> dict[str, Any]:
    record["results"][0]["windows"][7]["relative"] = None
    return record


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (on_gpu(a_record(1)), on_gpu(a_record(2))),
        (torch_on_gpu(a_record(1)), torch_on_gpu(a_record(2))),
        (a_record(1), other_kernel(a_record(2))),
        (no_reference(a_record(1)), a_record(2)),
    ],
    ids=["gpu", "torch", "kernel", "none"],
)
def test_without_a_reference_it_is_the_times_that_are_compared(
    old: dict[str, Any], new: dict[str, Any]
) -> None:
    slower = deepcopy(new)
    for window in slower["results"][0]["windows"]:
        window["p50_ms"] *= 2
    found = only(old, slower)
    assert not found.normalised
    assert found.difference.verdict is Verdict.SLOWER
    assert found.difference.ratio == pytest.approx(2, rel=0.2)


@pytest.mark.parametrize("backend", ["onnxruntime", "openvino", "torch", "onnx"])
def test_what_a_cpu_computes_is_divided_by_the_reference(backend: str) -> None:
    found = only(change(a_record(), backend=backend), change(a_record(), backend=backend))
    assert found.normalised


def test_what_only_one_of_them_has_is_named() -> None:
    old, new = a_record(), a_record()
    old["results"].append({**deepcopy(old["results"][0]), "threads": 2})
    new["results"].append({**deepcopy(new["results"][0]), "scenario": "server", "rate": 260.37})
    changed, alone = compare_stored(old, new)
    assert [one.threads for one in changed] == [1]
    name = "fer-lite-fp32.edgefer by onnxruntime"
    assert alone == [
        f"{name}, single, threads: 2, faces: 1: only in the old record",
        f"{name}, server, threads: 1, faces: 1, 260.4 queries a second: only in the new record",
    ]


@pytest.mark.parametrize(
    "values", [{"name": "b"}, {"backend": "openvino"}, {"batch": 4}, {"rate": 9.0}], ids=str
)
def test_nothing_in_common_is_wrong_input_that_shows_both(values: dict[str, Any]) -> None:
    with pytest.raises(InputError) as caught:
        compare_stored(a_record(), change(a_record(), **values))
    message = str(caught.value)
    assert message.startswith("records: expected one result at least of the same name, backend")
    old, _, new = message.partition("found ")[2].partition(" and ")
    assert old != new


@pytest.mark.parametrize(
    ("key", "value"),
    [("cpu", "Cortex-A72"), ("jetson", None), ("gpus", ["RTX"]), ("power_mode", "25W")],
)
def test_two_machines_do_not_compare(key: str, value: object) -> None:
    new = a_record()
    new["machine"][key] = value
    with pytest.raises(InputError) as caught:
        compare_stored(a_record(), new)
    message = str(caught.value)
    assert f"records: expected the same {key.replace('_', ' ')} in both, found " in message
    assert "times of two machines do not compare" in message


def test_a_new_kernel_or_library_is_the_same_machine() -> None:
    new = a_record()
    new["machine"].update(system="another", python="3.14", memory_available=5)
    new["versions"]["onnxruntime"] = "9.9"
    assert only(a_record(), new).difference.verdict is Verdict.NONE


def broken(spoil: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    record = a_record()
    spoil(record)
    return record


@pytest.mark.parametrize(
    "record",
    [
        {},
        {"schema": 1, "kind": "measurement"},
        {"schema": 2, "kind": "measurement"},
        {"batch": 1, "results": [{"bundle": "a", "latency_ms": {"median": 0.3}}]},
        broken(lambda record: record["results"].clear()),
        broken(lambda record: record["results"][0]["windows"].clear()),
        broken(lambda record: record["results"][0]["windows"][3].update(p50_ms="fast")),
        broken(lambda record: record["results"][0]["windows"][3].update(relative=float("nan"))),
        broken(lambda record: record["results"][0]["windows"][3].update(relative=0.0)),
        broken(lambda record: record.update(reference=None)),
        broken(lambda record: record.update(machine={})),
    ],
    ids=lambda record: f"{len(record)} fields",
)
def test_what_is_no_record_is_wrong_input(record: dict[str, Any]) -> None:
    for pair in ((record, a_record()), (a_record(), record)):
        with pytest.raises(InputError, match="record: "):
            compare_stored(*pair)


def test_a_poor_record_is_compared_as_far_as_it_goes() -> None:
    found = only(poor_record(), poor_record())
    assert found.difference.verdict is Verdict.INCONCLUSIVE
    assert not found.normalised
