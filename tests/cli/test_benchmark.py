"""`edgefer benchmark` as a user runs it. No real time is asserted."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from jsonschema import Draft202012Validator

from edgefer.benchmarks import energy_run, entries, measure
from edgefer.benchmarks.checks import Cached
from edgefer.benchmarks.record_schema import check_record, read_schema
from edgefer.benchmarks.samples import Provider, Reading, Sample
from edgefer.benchmarks.telemetry import Found
from edgefer.benchmarks.turns import QUICK as QUICK_TURN
from edgefer.bundle import read_bundle
from edgefer.machine import read_machine
from edgefer.runtime.session import Session
from tests.benchmarks.entrants import Meter
from tests.benchmarks.telemetry_trees import drawing
from tests.cli.conftest import Outcome
from tests.cli.scenes import FRAMES

QUICK = ("--backend", "onnxruntime", "--duration", "0.01", "--queries", "3")
SINGLE = (*QUICK, "--threads", 1)
VALIDATOR = Draft202012Validator(read_schema())
Measure = Callable[..., tuple[Outcome, dict[str, Any]]]


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entries, "_REST_S", 0.0)
    monkeypatch.setattr(energy_run, "IDLE_S", 0.0)
    monkeypatch.setattr(energy_run, "LEAST_S", 0.01)


@pytest.fixture
def measured(edgefer: Callable[..., Outcome], tmp_path: Path) -> Measure:
    """Run `edgefer benchmark ARGUMENTS... --output FILE`: the outcome, and a record that is one."""

    def run(*arguments: object) -> tuple[Outcome, dict[str, Any]]:
        path = tmp_path / "out" / "record.json"
        path.parent.mkdir()
        done = edgefer("benchmark", *arguments, "--output", path)
        assert [each.name for each in path.parent.iterdir()] == [path.name], done.err
        assert f"record: {path}" in done.err
        record: dict[str, Any] = json.loads(path.read_bytes())
        VALIDATOR.validate(record)
        check_record(record)
        return done, record

    return run


def test_one_and_all_threads_for_each_bundle(measured: Measure, bundle: Path) -> None:
    done, record = measured(bundle, bundle, *QUICK, "--batch", 2, "--json")
    assert done.status == 0, done.err
    assert json.loads(done.out) == record
    counts = sorted({1, read_machine().cores})
    assert record["settings"]["threads"] == counts
    told = [(result["threads"], result["name"]) for result in record["results"]]
    names = (bundle.name, f"{bundle.name} #2")
    assert told == [(threads, name) for threads in counts for name in names]
    assert str(bundle.parent) not in json.dumps(record)
    for result in record["results"]:
        assert result["id"] == read_bundle(bundle).id
        assert (result["backend"], result["flavour"]) == ("onnxruntime", "cpu")
        assert result["batch"] == 2
        latency = result["latency_ms"]
        assert latency["queries"] >= 3
        assert 0 < latency["p50"] <= latency["max"]


@pytest.mark.usefixtures("_two_faces")
def test_every_scenario(measured: Measure, bundle: Path, picture: Path) -> None:
    done, record = measured(bundle, *SINGLE, "--scenario", "all", "--frames", picture)
    assert done.status == 0, done.err
    results = {result["scenario"]: result for result in record["results"]}
    faces = {"single": 1, "multi": 4, "offline": 16, "server": 1, "camera": 1, "end-to-end": 1}
    assert {name: result["batch"] for name, result in results.items()} == faces
    assert list(results["end-to-end"]["stages_ms"]) == ["find", "align", "inference"]
    assert results["server"]["rate"] > 0
    assert results["camera"]["overtaken"] is not None
    assert results["camera"]["latency_ms"]["queries"] >= 30
    titles = [line for line in done.out.splitlines() if "milliseconds for" in line]
    assert len(titles) == 6
    assert titles[-1].strip() == "end-to-end: milliseconds for a frame, 1 thread"
    assert "frames/s" in done.out.split(titles[-1])[1]
    assert "frames/s" not in done.out.split(titles[-1])[0]


def test_all_without_frames_is_all_but_end_to_end(
    edgefer, bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def heat(plan: object, scenario: str, *others: object) -> None:
        asked.extend(str(each) for each in plan.scenarios)
        raise KeyboardInterrupt

    monkeypatch.setattr(measure, "Heat", heat)
    assert edgefer("benchmark", bundle, *SINGLE, "--scenario", "all, single").status == 130
    assert asked == ["single", "multi", "offline", "server", "camera"]


@pytest.mark.usefixtures("_two_faces")
def test_frames_of_a_video(
    measured: Measure, bundle: Path, video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every other is black, and answered at once: that is no cache."""
    plans, real = [], measure.measure

    def remember(plan: Any, progress: Any) -> dict[str, Any]:
        plans.append(plan)
        return real(plan, progress)

    monkeypatch.setattr(measure, "measure", remember)
    done, record = measured(bundle, *SINGLE, "--scenario", "end-to-end", "--frames", video)
    assert done.status == 0, done.err
    assert len(plans[0].frames) == FRAMES
    assert "cache" not in done.out
    assert record["results"][0]["cached"] is None


def test_the_tables_fit_and_say_no_data(measured: Measure, bundle: Path) -> None:
    done, record = measured(bundle, *SINGLE)
    assert done.status == 0, done.err
    (result,) = record["results"]
    assert result["latency_ms"]["p99_9"] is None
    assert max(len(line) for line in done.out.splitlines() if "unstable" not in line) <= 80
    assert "single: milliseconds for 1 face, 1 thread" in done.out
    assert "Cold start in milliseconds" in done.out
    assert "no data: memory, energy, accuracy" in done.out
    assert len([line for line in done.out.splitlines() if line.startswith(f" {bundle.name}")]) == 2


def test_percentiles_that_are_not_known_are_no_data(
    measured: Measure, bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of three queries is as long as a turn."""
    real = Session.run

    def slow(session: Session, faces: object) -> np.ndarray:
        time.sleep(QUICK_TURN.seconds)
        return real(session, faces)

    monkeypatch.setattr(Session, "run", slow)
    done, record = measured(bundle, *SINGLE)
    latency = record["results"][0]["latency_ms"]
    assert latency["queries"] == 3
    assert (latency["p90"], latency["p99"]) == (None, None)
    (row,) = [line for line in done.out.splitlines() if "1.00" in line and bundle.name in line]
    assert row.count("no data") == 2


def test_what_a_number_does_not_tell_is_a_line(
    measured: Measure, bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Session.run

    def slow(session: Session, faces: object) -> np.ndarray:
        time.sleep(0.02)
        return real(session, faces)

    monkeypatch.setattr(Session, "run", slow)
    monkeypatch.setattr("edgefer.benchmarks.heat.check_cache", lambda *call: Cached(0.1, True))
    done, record = measured(bundle, *SINGLE, "--scenario", "camera", "--fps", 200)
    overtaken = record["results"][0]["overtaken"]
    assert overtaken > 0
    lines = done.out.splitlines()
    assert f"{bundle.name}: {overtaken:,} frames were overtaken by a newer one" in lines
    cached = "answers come from a cache: its times are not those of new faces"
    assert f"{bundle.name}: {cached}" in lines


def test_a_bound_that_is_not_kept_is_status_1_after_the_record(
    measured: Measure, bundle: Path
) -> None:
    done, record = measured(bundle, *SINGLE, "--queries", 200, "--bound", 1e-6)
    assert done.status == 1
    found = record["results"][0]
    assert found["bound"] == {"ms": 1e-6, "percentile": 99, "held": False}
    assert done.err.splitlines()[-1] == (
        f"edgefer: {bundle.name}, single: expected p99 within 1e-06 ms, found "
        f"{found['latency_ms']['p99']:.3f} ms (threads: 1)"
    )


def test_a_bound_that_is_kept(measured: Measure, bundle: Path) -> None:
    done, record = measured(bundle, *SINGLE, "--queries", 200, "--bound", 1e6)
    assert done.status == 0, done.err
    assert record["results"][0]["bound"]["held"] is True


def test_answers_that_change_under_the_clock_are_status_1_after_the_record(
    measured: Measure, bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, chance = Session.run, np.random.default_rng(0)

    def wavering(session: Session, faces: object) -> np.ndarray:
        answer = real(session, faces)
        return answer * np.float32(chance.uniform(0.5, 1.0))

    monkeypatch.setattr(Session, "run", wavering)
    done, record = measured(bundle, *SINGLE)
    assert done.status == 1
    assert record["results"][0]["answers"]["hold"] is False
    assert "expected the same answers while the clock ran, found them off by" in done.err
    assert "do not believe its times" in done.err


class Hot(Provider):
    """A GPU that its driver slows."""

    name = "nvml"
    closed = False

    def sample(self) -> Sample:
        return replace(drawing(1.0, 5), slowed=Reading(("heat",)), gpu_load=Reading(1.0))

    def close(self) -> None:
        self.closed = True


def test_throttling_makes_a_run_invalid_and_is_told(
    measured: Measure, bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hot = Hot()
    monkeypatch.setattr(measure, "find_provider", lambda **options: Found(hot, {}))
    done, record = measured(bundle, *SINGLE)
    assert done.status == 0, done.err
    assert record["telemetry"]["valid"] is False
    reason = "throttling: the GPU was slowed in 100%: heat"
    assert record["telemetry"]["reasons"] == [reason]
    assert f"this run is not valid: {reason}" in done.err
    assert hot.closed


def test_energy_beside_a_meter(
    measured: Measure, bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    meter = Meter(lambda time: 7 * time + time**2 / 1000)
    monkeypatch.setattr(measure, "find_provider", lambda **options: Found(meter, {}))
    done, record = measured(bundle, *SINGLE)
    assert done.status == 0, done.err
    energy = record["results"][0]["energy"]
    assert energy["metered"]
    assert f"{energy['per_query_mj']:.2f} mJ" in done.out
    assert meter.closed


@pytest.fixture
def faces(tmp_path: Path) -> Path:
    """Three happy and two sad faces of noise in the valid split, and one that is no picture."""
    chance = np.random.default_rng(0)
    for name, count in {"happy": 3, "sad": 2}.items():
        folder = tmp_path / "faces" / "valid" / name
        folder.mkdir(parents=True)
        for number in range(count):
            picture = chance.integers(0, 256, (20, 20, 3), np.uint8)
            cv2.imwrite(str(folder / f"{number}.png"), picture)
    (folder / "9.png").write_bytes(b"no picture")
    return tmp_path / "faces"


def test_accuracy_on_faces_with_labels(measured: Measure, bundle: Path, faces: Path) -> None:
    done, record = measured(bundle, *SINGLE, "--data", f"folder:{faces}", "--skip-broken")
    assert done.status == 0, done.err
    (accuracy,) = record["accuracy"]
    assert accuracy["faces"] == 5
    assert f"{accuracy['accuracy']:.2%}" in done.out
    assert record["results"][0]["answers"]["right"] is not None
    assert record["settings"]["faces"] == "faces of folder:faces@valid"
    assert "9.png" in done.err


def test_a_broken_face_is_one_line_before_anything_is_timed(
    edgefer, bundle: Path, faces: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measure, "Heat", lambda *arguments: pytest.fail("it was timed"))
    done = edgefer("benchmark", bundle, *SINGLE, "--data", f"folder:{faces}")
    assert done.status == 2
    assert "9.png" in done.err
    assert len(done.err.splitlines()) == 1


def test_against_onnx_runtime_itself(measured: Measure, bundle: Path) -> None:
    done, record = measured(bundle, *SINGLE, "--against", "onnxruntime")
    assert done.status == 0, done.err
    own, bare = record["results"]
    assert (own["peer"], bare["peer"]) == (None, "onnxruntime")
    assert bare["agreement"] == 1
    assert bare["ratio"]["to"] == bundle.name
    words = f"{bare['name']}: {bare['ratio']['verdict']}"
    assert words.replace("inconclusive", "inconclusive against") in done.out


def test_memory_is_measured_where_it_is_asked_for(measured: Measure, bundle: Path) -> None:
    done, record = measured(bundle, *SINGLE, "--memory")
    (result,) = record["results"]
    assert result["memory_reason"] is None
    assert result["memory_bytes"]["peak"] > result["memory_bytes"]["before"] > 1_000_000
    assert f"{result['memory_bytes']['peak'] / 1e6:.0f} MB" in done.out


@pytest.mark.parametrize("name", ["report.html", "report.md"])
def test_a_report(edgefer, bundle: Path, tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    done = edgefer("benchmark", bundle, *SINGLE, "--report", path)
    assert done.status == 0, done.err
    assert done.err == f"report: {path}\n"
    assert bundle.name in path.read_text()


def test_when_it_is_interrupted_nothing_is_left_behind(
    edgefer, bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed: list[Session] = []
    real = Session.close

    def close(session: Session) -> None:
        closed.append(session)
        real(session)

    def turns(*arguments: object, **options: object) -> Iterator[None]:
        closed.clear()
        raise KeyboardInterrupt

    monkeypatch.setattr(Session, "close", close)
    monkeypatch.setattr("edgefer.benchmarks.heat.take_turns", turns)
    done = edgefer("benchmark", bundle, bundle, *SINGLE, "--output", tmp_path / "record.json")
    assert done.status == 130
    assert done.out == ""
    assert not (tmp_path / "record.json").exists()
    assert len(set(closed)) == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--batch", "0"], "--batch"),
        (["--duration", "0"], "--duration"),
        (["--duration", "nan"], "duration"),
        (["--duration", "inf"], "above 0, found inf"),
        (["--queries", "0"], "--queries"),
        (["--batch", "3000"], "batch: expected 1 to 1,024 faces a query, found 3,000"),
        (["--streams", "3000"], "streams: expected 1 to 1,024 faces a query, found 3,000"),
        (["--rate", "0"], "rate: expected 0.01 to 100,000 a second, found 0.0"),
        (["--fps", "nan"], "fps: expected 0.01 to 100,000 a second, found nan"),
        (["--bound", "-1"], "bound: expected milliseconds above 0, found -1.0"),
        (["--threads", "0"], "--threads"),
        (["--threads", "99999"], "threads: expected a whole number of 1 to 1,024, found 99999"),
        (["--backend", "tflite"], "backend 'tflite': expected auto or one of"),
        (["--scenario", "burst"], "scenario 'burst': expected one of single, multi"),
        (["--scenario", ","], "scenario: expected one or more of single, multi"),
        (["--scenario", "end-to-end"], "expected --frames with a picture or a video, found none"),
        (["--frames", "none.png"], "none.png: expected a picture, a video"),
        (["--against", "tflite"], "tflite"),
        (["--against", "none.onnx"], "none.onnx: expected an ONNX file"),
        (["--data", "folder:none"], "none"),
        (["--output", "/none/record.json"], "cannot write there"),
        (["--report", "/none/report.md"], "cannot write there"),
        (["--report", "report.pdf"], "expected a name that ends in .html or .md"),
        (["none.edgefer"], "none.edgefer: expected an edgefer bundle"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_input_is_one_line(
    edgefer,
    bundle: Path,
    arguments: list[str],
    message: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(measure, "Heat", lambda *arguments: pytest.fail("it was timed"))
    done = edgefer("benchmark", bundle, *arguments)
    assert done.status == 2
    assert done.out == ""
    assert message in done.err
    assert len(done.err.splitlines()) == 1


def test_a_bundle_is_needed(edgefer) -> None:
    assert edgefer("benchmark").status == 2
