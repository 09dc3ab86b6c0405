"""`edgefer benchmark` as a user runs it. No real time is asserted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from edgefer.bundle import read_bundle
from edgefer.machine import read_machine

QUICK = ("--duration", "0.01")


@pytest.fixture
def record(edgefer, bundle: Path, tmp_path: Path) -> dict[str, Any]:
    """What a comparison of a bundle with itself wrote to its --output."""
    path = tmp_path / "record.json"
    done = edgefer("benchmark", bundle, bundle, *QUICK, "--batch", 2, "--output", path, "--json")
    assert done.status == 0, done.err
    assert json.loads(done.out) == json.loads(path.read_bytes())
    assert sorted(path.parent.iterdir()) == [path]
    loaded: dict[str, Any] = json.loads(path.read_bytes())
    return loaded


def test_one_and_all_threads_for_each_bundle(record: dict[str, Any]) -> None:
    threads = [result["threads"] for result in record["results"]]
    assert threads == sorted([1, read_machine().cores] * 2)


def test_the_record_has_all_that_makes_a_figure_mean_something(
    record: dict[str, Any], bundle: Path
) -> None:
    assert record["batch"] == 2
    assert {"when", "machine", "versions"} <= record.keys()
    for result in record["results"]:
        assert result["bundle"] == bundle.name
        assert result["id"] == read_bundle(bundle).id
        assert (result["backend"], result["flavour"]) == ("onnxruntime", "cpu")
        assert result["device"]
        assert result["start_s"]["load"] > 0
        latency = result["latency_ms"]
        assert latency["calls"] >= 20
        assert 0 < latency["median"] <= latency["p90"] <= latency["p99"]
        assert latency["batch"] == 2
        assert latency["throughput"] == pytest.approx(2000 / latency["mean"])


def test_ratios_are_to_the_first_with_as_many_threads(record: dict[str, Any]) -> None:
    firsts: dict[int, dict[str, float]] = {}
    for result in record["results"]:
        latency = result["latency_ms"]
        first = firsts.setdefault(result["threads"], latency)
        assert result["ratio_to_first"] == {
            "median": pytest.approx(latency["median"] / first["median"]),
            "p99": pytest.approx(latency["p99"] / first["p99"]),
        }


def test_the_record_names_no_folder(record: dict[str, Any], bundle: Path) -> None:
    assert str(bundle.parent) not in json.dumps(record)


def test_the_tables_fit(edgefer, bundle: Path) -> None:
    done = edgefer("benchmark", bundle, *QUICK, "--threads", 1)
    assert done.status == 0, done.err
    assert "faces/s" in done.out
    assert "cold start" in done.out
    assert "onnxruntime" in done.out
    assert max(len(line) for line in done.out.splitlines()) <= 80
    assert len([line for line in done.out.splitlines() if bundle.name in line]) == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--batch", "0"], "--batch"),
        (["--duration", "0"], "--duration"),
        (["--duration", "nan"], "duration"),
        (["--duration", "inf"], "above 0, found inf"),
        (["--batch", "3000"], "batch: expected 1 to 1,024 faces a call, found 3,000"),
        (["--threads", "0"], "--threads"),
        (["--threads", "99999"], "threads: expected a whole number of 1 to 1,024, found 99999"),
        (["--backend", "tflite"], "expected auto"),
        (["--output", "/none/record.json"], "cannot write there"),
        (["none.edgefer"], "none.edgefer: expected an edgefer bundle"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_input_is_one_line(edgefer, bundle: Path, arguments: list[str], message: str) -> None:
    done = edgefer("benchmark", bundle, *arguments)
    assert done.status == 2
    assert done.out == ""
    assert message in done.err
    assert len(done.err.splitlines()) == 1


def test_a_bundle_is_needed(edgefer) -> None:
    assert edgefer("benchmark").status == 2
