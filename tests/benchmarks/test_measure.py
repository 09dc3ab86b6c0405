"""Whole runs with ONNX Runtime, and the records that they leave. No real time is asserted."""

from __future__ import annotations

import json
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from jsonschema import Draft202012Validator

from edgefer.benchmarks import bundle_facts, energy_run, entries, measure
from edgefer.benchmarks.entries import Entry, Wanted, open_entries
from edgefer.benchmarks.footprint import Footprint
from edgefer.benchmarks.histogram import read_histogram
from edgefer.benchmarks.measure import Run
from edgefer.benchmarks.plan import Plan
from edgefer.benchmarks.record_schema import check_record, read_schema
from edgefer.benchmarks.reference import ReferenceKernel
from edgefer.benchmarks.scenarios import Scenario
from edgefer.benchmarks.telemetry import Found
from edgefer.benchmarks.turns import Length
from edgefer.bundle import read_bundle
from edgefer.data.drawn import drawn_faces
from edgefer.errors import InputError, MachineError, MissingDependency
from edgefer.machine import read_machine
from edgefer.manifest import Precision
from tests.benchmarks.entrants import Meter
from tests.benchmarks.test_trtexec import TENSORRT_10, Fake

VALIDATOR = Draft202012Validator(read_schema())


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entries, "_REST_S", 0.0)
    monkeypatch.setattr(energy_run, "IDLE_S", 0.0)
    monkeypatch.setattr(energy_run, "LEAST_S", 0.01)


@pytest.fixture
def pair(bundles: dict[Precision, Path]) -> list[Path]:
    return [bundles[Precision.FP32], bundles[Precision.INT8]]


def quick(bundles: list[Path], **others: Any) -> Plan:
    return Plan(bundles, backends=("onnxruntime",), length=Length(0.01, 3), **others)


def checked(record: dict[str, Any]) -> dict[str, Any]:
    """The record as it comes back from its file, which the published schema describes."""
    read: dict[str, Any] = json.loads(json.dumps(record, allow_nan=False))
    VALIDATOR.validate(read)
    check_record(read)
    return read


@pytest.fixture
def meter(monkeypatch: pytest.MonkeyPatch) -> Meter:
    """The machine has this meter, and nothing else; it draws a little more all the time."""
    made = Meter(lambda time: 7 * time + time**2 / 1000)
    monkeypatch.setattr(measure, "find_provider", lambda **options: Found(made, {"jetson": "no"}))
    return made


def test_a_record_of_two_bundles_in_two_scenarios(pair: list[Path]) -> None:
    scenarios = (Scenario.SINGLE, Scenario.MULTI)
    record = checked(measure.measure(quick(pair, scenarios=scenarios, threads=(1, 2))))
    told = [(each["name"], each["scenario"], each["threads"]) for each in record["results"]]
    names = [path.name for path in pair]
    assert told == [
        (name, scenario, threads)
        for threads in (1, 2)
        for scenario in ("single", "multi")
        for name in names
    ]
    for result in record["results"]:
        first = result["name"] == names[0]
        assert result["device"] == read_machine().processor
        assert (result["ratio"] is None) == first
        assert result["latency_ms"]["queries"] >= 3
        assert result["batch"] == {"single": 1, "multi": 4}[result["scenario"]]
        assert result["throughput"] > 0
        assert result["answers"]["hold"]
        assert result["answers"]["right"] is None
        assert 0.9 <= result["agreement"] <= 1
        assert result["start_s"]["load"] > 0
        histogram = read_histogram(result["histogram"])
        assert histogram.total_count == result["latency_ms"]["queries"]
        assert sum(each["queries"] for each in result["windows"]) == histogram.total_count
    assert record["reference"]["name"] == ReferenceKernel().name
    assert record["reference"]["windows"] == sum(len(each["windows"]) for each in record["results"])
    assert record["settings"]["threads"] == [1, 2]
    assert record["measuring_us"] > 0
    assert record["trtexec"] == record["accuracy"] == []


def test_windows_begin_after_the_run_did_and_in_their_order(pair: list[Path]) -> None:
    record = measure.measure(quick(pair[:1]))
    begun = [each["begun_s"] for each in record["results"][0]["windows"]]
    assert begun[0] > 0
    assert begun == sorted(begun)
    assert record["telemetry"]["series"]["time_s"][0] <= begun[0]


def test_the_facts_of_each_bundle_are_there_once(pair: list[Path]) -> None:
    pytest.importorskip("onnx", reason="layers are read with onnx")
    fp32, int8 = checked(measure.measure(quick([*pair, pair[0]])))["bundles"]
    assert (fp32["name"], fp32["precision"]) == (pair[0].name, "fp32")
    assert (int8["precision"], int8["network"]) == ("int8", "fer-lite")
    assert (fp32["ranges"], fp32["kept"], fp32["missing"]) == (None, [], None)
    assert all(low <= high for low, high in int8["ranges"].values())
    assert {each["flavour"] for each in int8["kept"]} == {"gpu", "cpu"}
    for bundle in (fp32, int8):
        work = sum(layer["mult_adds"] for layer in bundle["layers"])
        assert work == pytest.approx(87.5e6, rel=0.01)  # as `edgefer models` has it
    assert {layer["precision"] for layer in int8["layers"]} >= {"int8"}


def test_what_was_not_measured_has_its_reason(pair: list[Path]) -> None:
    record = measure.measure(quick(pair[:1]))
    (result,) = record["results"]
    assert (result["energy"], result["memory_bytes"]) == (None, None)
    assert result["memory_reason"] == "no data: give --memory"
    assert result["latency_ms"]["p99_9"] is None
    for text in (
        "accuracy: no data: give --data DATA with labels",
        "memory: no data: give --memory",
        "p99.9: no data: it takes 1,000 queries",
        f"energy: {result['energy_reason']}",
    ):
        assert [line for line in record["not_measured"] if line.startswith(text)], text
    assert len(record["not_measured"]) == len(set(record["not_measured"]))


def test_labelled_faces_are_counted_and_asked(pair: list[Path]) -> None:
    faces = drawn_faces(20)
    record = checked(measure.measure(quick(pair, faces=faces, threads=(1, 2))))
    assert [each["name"] for each in record["accuracy"]] == [path.name for path in pair]
    for each in record["accuracy"]:
        assert each["faces"] == np.sum(each["confusion"]) == 20
        assert each["accuracy"] == pytest.approx(np.trace(each["confusion"]) / 20)
        assert each["data"] == "synthetic"
        assert len(each["labels"]) == len(each["recall"]) == 8
    for result in record["results"]:
        assert 0 <= result["answers"]["right"] <= 1
    assert record["settings"]["faces"] == "faces of synthetic"
    assert not [line for line in record["not_measured"] if "--data" in line]


def test_a_peer_has_no_accuracy(pair: list[Path]) -> None:
    plan = quick(pair[1:], faces=drawn_faces(8), peers=("onnxruntime",))
    record = checked(measure.measure(plan))
    assert [each["peer"] for each in record["results"]] == [None, "onnxruntime"]
    assert [each["name"] for each in record["accuracy"]] == [pair[1].name]
    assert record["results"][1]["agreement"] == 1
    assert record["results"][1]["stages_ms"] is None


def test_memory_is_of_each_number_of_threads(
    pair: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of those that are called alike too."""
    sizes = iter(range(1, 100))
    monkeypatch.setattr(
        entries, "session_footprint", lambda path, backend, threads: Footprint(next(sizes), threads)
    )
    plan = quick([pair[0]] * 2, threads=(1, 2), memory=True)
    record = checked(measure.measure(plan))
    told = [each["memory_bytes"] for each in record["results"]]
    assert told == [
        {"peak": 1, "before": 1},
        {"peak": 2, "before": 1},
        {"peak": 3, "before": 2},
        {"peak": 4, "before": 2},
    ]
    assert not [line for line in record["not_measured"] if line.startswith("memory")]


def test_energy_and_the_meter_are_in_the_record(pair: list[Path], meter: Meter) -> None:
    record = checked(measure.measure(quick(pair[:1])))
    (result,) = record["results"]
    energy, samples = result["energy"], record["telemetry"]["series"]["time_s"]
    assert 7 < energy["idle_watts"] < energy["mean_watts"] < 7.1
    assert energy["per_query_mj"] > 0
    assert (energy["metered"], energy["idle_subtracted"]) == (True, True)
    assert energy["covers"] == "the CPU"
    assert result["energy_reason"] is None
    assert record["telemetry"]["provider"] == "rapl"
    assert record["telemetry"]["passed_over"] == {"jetson": "no"}
    assert record["telemetry"]["series"]["watts"] == pytest.approx([7] * len(samples), rel=0.01)
    assert meter.closed


def test_what_is_held_is_let_go_when_it_ends_early(
    pair: list[Path], meter: Meter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C, for one."""
    opened: list[Entry] = []

    class Interrupted:
        def __init__(self, *arguments: object) -> None:
            raise KeyboardInterrupt

    def opener(wanted: Wanted, stack: ExitStack) -> list[Entry]:
        opened.extend(open_entries(wanted, stack))
        return opened

    monkeypatch.setattr(measure, "Heat", Interrupted)
    run = Run(quick(pair), opener=opener)
    with pytest.raises(KeyboardInterrupt):
        run.with_threads(1)
    run.close()
    assert meter.closed
    for entry in opened:
        with pytest.raises(InputError, match="this session is closed"):
            entry.run(drawn_faces(1).pixels(48))
    Run(quick(pair)).close()  # nothing was asked yet


def test_nothing_is_timed_before_all_that_may_fail_was_tried(
    pair: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measure, "Heat", lambda *arguments: pytest.fail("it was timed"))
    with pytest.raises(InputError, match="none.edgefer"):
        measure.measure(quick([pair[0], tmp_path / "none.edgefer"]))
    program = Fake(tmp_path).says("&&&& FAILED", status=1).program
    monkeypatch.setattr(measure, "find_trtexec", lambda: program)
    with pytest.raises(MachineError, match="trtexec"):
        measure.measure(quick(pair, peers=("trtexec",)))


def test_a_program_that_is_not_here_is_told_at_once(
    pair: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/none")
    with pytest.raises(MachineError, match="trtexec: expected on PATH"):
        measure.measure(quick(pair, peers=("trtexec",)))


def test_trtexec_is_asked_beside_the_turns(
    pair: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = Fake(tmp_path).says(TENSORRT_10)
    monkeypatch.setattr(measure, "find_trtexec", lambda: fake.program)
    record = checked(measure.measure(quick(pair[1:], peers=("trtexec",), batch=2)))
    (told,) = record["trtexec"]
    assert told["name"] == pair[1].name
    assert told["batch"] == 2
    assert told["throughput"] == pytest.approx(2 * 507.399)
    assert told["latency"]["p50"] == 1.96917
    graph, *arguments = fake.call()
    assert graph == read_bundle(pair[1]).members["gpu.onnx"].hex()
    assert "--shapes=pixels:2x48x48x3" in arguments
    assert "--duration=1" in arguments
    assert [each["name"] for each in record["results"]] == [pair[1].name]


def test_another_opener_may_change_who_takes_part(pair: list[Path]) -> None:
    def opener(wanted: Wanted, stack: ExitStack) -> list[Entry]:
        (entry,) = open_entries(wanted, stack)
        return [entry, replace(entry, name="again")]

    run = Run(quick(pair[:1]), opener=opener)
    run.with_threads(1)
    record = checked(run.record())
    run.close()
    assert [each["name"] for each in record["results"]] == [pair[0].name, "again"]


def test_progress_tells_what_it_is_about(pair: list[Path]) -> None:
    calls: list[tuple[str, int, int]] = []
    measure.measure(quick(pair[:1]), lambda *call: calls.append(call))
    phases = list(dict.fromkeys(phase for phase, _, _ in calls))
    assert phases == ["loading", "single, threads: 1"]
    for phase in phases:
        *_, (_, done, total) = (call for call in calls if call[0] == phase)
        assert done == total


def test_layers_that_are_not_known_have_their_reason(
    pair: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(bundle: object) -> None:
        msg = "onnx is not installed"
        raise MissingDependency(msg)

    monkeypatch.setattr(bundle_facts, "bundle_workload", refuse)
    (told,) = checked(measure.measure(quick(pair[1:])))["bundles"]
    assert (told["layers"], told["missing"]) == ([], "onnx is not installed")
    assert told["ranges"]
