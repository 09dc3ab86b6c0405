"""`edgefer benchmark --compare OLD.json NEW.json` as a CI runs it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.benchmarks.stored_records import a_record
from tests.cli.conftest import Outcome

Compare = Callable[..., Outcome]
OLD_FORMAT = {
    "when": "2026-11-01T09:00:00+00:00",
    "batch": 1,
    "results": [{"bundle": "a.edgefer", "latency_ms": {"median": 0.3}}],
}


@pytest.fixture
def compare(edgefer: Callable[..., Outcome], tmp_path: Path) -> Compare:
    """Write both records and compare them."""

    def run(old: object, new: object, *options: object) -> Outcome:
        paths = tmp_path / "old.json", tmp_path / "new.json"
        for path, record in zip(paths, (old, new)):
            data = record if isinstance(record, bytes) else json.dumps(record).encode()
            path.write_bytes(data)
        return edgefer("benchmark", "--compare", *paths, *options)

    return run


def verdicts(done: Outcome) -> list[str]:
    return [one["difference"]["verdict"] for one in json.loads(done.out)["changed"]]


def test_a_record_that_was_just_written_is_compared_with_itself(
    edgefer, bundle: Path, tmp_path: Path
) -> None:
    path = tmp_path / "record.json"
    quick = ("--backend", "onnxruntime", "--duration", "0.1", "--threads", 1)
    assert edgefer("benchmark", bundle, *quick, "--output", path).status == 0
    done = edgefer("benchmark", "--compare", path, path, "--json")
    assert done.status == 0, done.err
    (told,) = json.loads(done.out)["changed"]
    assert told["difference"]["verdict"] in ("no difference", "inconclusive")
    assert told["difference"]["ratio"] == pytest.approx(1)
    assert told["normalised"]
    assert told["name"] == bundle.name


def test_the_same_is_no_difference(compare: Compare) -> None:
    done = compare(a_record(), a_record())
    assert done.status == 0
    assert done.err == ""
    assert "New against old" in done.out
    assert "no difference" in done.out
    assert max(map(len, done.out.splitlines())) <= 80


def test_a_third_slower_is_status_1_and_named(compare: Compare, tmp_path: Path) -> None:
    done = compare(a_record(1), a_record(2, share=1.3))
    assert done.status == 1
    assert "slower" in done.out
    (line,) = done.err.splitlines()
    ratio = line.rpartition("(")[2].rstrip(")")
    assert line.startswith(f"edgefer: slower than in {tmp_path / 'old.json'}: fer-lite-fp32")
    assert float(ratio) == pytest.approx(1.3, rel=0.05)
    assert "single" in line


def test_a_third_faster_is_no_fault(compare: Compare) -> None:
    done = compare(a_record(1), a_record(2, share=0.7), "--json")
    assert done.status == 0
    assert verdicts(done) == ["faster"]


def test_noise_is_inconclusive_and_no_fault(compare: Compare) -> None:
    done = compare(a_record(1, noise=0.2), a_record(2, noise=0.2))
    assert done.status == 0
    assert "inconclusive" in done.out
    assert "the interval reaches beyond 6.0%; run longer, or with less beside" in done.out


def test_slower_in_a_run_that_was_not_valid_is_no_fault(compare: Compare) -> None:
    new = a_record(2, share=2.0)
    new["telemetry"].update(valid=False, reasons=["throttling: hot"])
    done = compare(a_record(1), new)
    assert done.status == 0
    assert "the new record is not valid: throttling: hot" in done.out


def test_what_a_gpu_computed_is_not_divided_by_a_reference(compare: Compare) -> None:
    old, new = a_record(1), a_record(2)
    for record in (old, new):
        record["results"][0]["backend"] = "tensorrt"
    done = compare(old, new)
    assert done.status == 0
    assert "Not divided by a reference kernel" in done.out


def test_json_is_one_document(compare: Compare) -> None:
    done = compare(a_record(1), a_record(2, share=1.3), "--json")
    assert done.status == 1
    document = json.loads(done.out)
    assert (document["schema"], document["kind"]) == (1, "comparison")
    (told,) = document["changed"]
    assert told["difference"]["low"] < told["difference"]["ratio"] < told["difference"]["high"]
    assert told["new_ms"] > told["old_ms"] > 0
    assert (told["scenario"], told["threads"], told["batch"]) == ("single", 1, 1)
    assert verdicts(done) == ["slower"]


def test_what_only_one_has_is_told(compare: Compare) -> None:
    new = a_record(2)
    new["results"].append({**a_record(3)["results"][0], "threads": 4})
    done = compare(a_record(1), new)
    assert done.status == 0
    assert done.err.strip().endswith("threads: 4, faces: 1: only in the new record")


def test_what_a_record_says_does_not_steer_a_terminal(compare: Compare) -> None:
    old, new = a_record(1, noise=0.2), a_record(2, noise=0.2)
    for record in (old, new):
        record["results"][0]["name"] = "\x1b[2J\nred"
        record["telemetry"].update(valid=False, reasons=["\x1b]0;title\x07"])
    done = compare(old, new)
    assert done.status == 0
    assert "\x1b" not in done.out
    assert "\x07" not in done.out


def other_machine() -> dict[str, Any]:
    record = a_record()
    record["machine"]["cpu"] = "another"
    return record


def changed(**values: Any) -> dict[str, Any]:
    record = a_record()
    record.update(values)
    return record


@pytest.mark.parametrize(
    ("new", "message"),
    [
        (other_machine(), "expected the same cpu in both, found Cortex-A78AE and another"),
        (OLD_FORMAT, "record: expected a measurement of schema 1, found schema None"),
        ({"schema": 1, "kind": "estimate"}, "expected a measurement of schema 1, found schema 1"),
        (changed(schema=2), "expected a measurement of schema 1, found schema 2"),
        (changed(results=[]), "record: results: expected 1 items or more, found 0"),
        (changed(machine=None), "record: machine: expected object, found None"),
        (b"{", "found no JSON"),
        (b"[1]", "found no JSON object"),
        (b"\xff\xfe\x00", "found no JSON"),
        (b"[" * 100_000, "found no JSON"),
        (b"", "of 1 to 268,435,456 bytes, found 0"),
        (b'{"schema": 1, "kind": NaN}', "expected a measurement of schema 1"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_be_compared_is_one_line(compare: Compare, new: object, message: str) -> None:
    done = compare(a_record(), new)
    assert done.status == 2
    assert done.out == ""
    assert message in done.err
    assert len(done.err.splitlines()) == 1
    assert compare(new, a_record()).status == 2


def test_two_records_are_needed(edgefer, tmp_path: Path) -> None:
    done = edgefer("benchmark", "--compare", tmp_path / "old.json")
    assert done.status == 2
    assert "expected two records, OLD.json NEW.json, found 1" in done.err
    done = edgefer("benchmark", "--compare", tmp_path / "old.json", tmp_path / "new.json")
    assert done.status == 2
    assert "old.json: expected a record" in done.err
