"""Kept ranges: read again for the very same request, and for no other."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import numpy_helper

from edgefer.calibration.calibrators import CalibrationOptions, Calibrator
from edgefer.calibration.table import CalibrationTable
from edgefer.data.drawn import drawn_faces
from edgefer.data.faces import FaceSet
from edgefer.export import range_cache, ranges
from edgefer.export.graph import SourceGraph, read_graph
from tests.export.graphs import residual

OPTIONS = CalibrationOptions(faces=16)
Calibrate = Callable[..., CalibrationTable]


@pytest.fixture(scope="module")
def graph() -> SourceGraph:
    return read_graph(residual().SerializeToString(), "test")


@pytest.fixture(scope="module")
def faces() -> FaceSet:
    return drawn_faces(24, seed=8, size=24)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "edgefer" / "calibration"


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """An entry for each time that the graph is run over the faces."""
    made: list[str] = []
    observe = ranges.observe

    def counted(*arguments: object, **named: object) -> object:
        made.append("run")
        return observe(*arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(ranges, "observe", counted)
    return made


@pytest.mark.parametrize("calibrator", [Calibrator.MIN_MAX, Calibrator.AUTO])
def test_the_same_request_is_answered_without_the_graph(
    calibrator: Calibrator, graph: SourceGraph, faces: FaceSet, cache: Path, runs: list[str]
) -> None:
    options = CalibrationOptions(calibrator, faces=16)
    first = ranges.calibrate(graph, faces, options)
    assert ranges.calibrate(graph, faces.select(range(23, -1, -1)), options) == first
    assert len(runs) == 1
    assert stat.S_IMODE(cache.stat().st_mode) == 0o700
    assert len(list(cache.iterdir())) == 1


def test_anything_else_is_not_answered_with_it(
    graph: SourceGraph,
    faces: FaceSet,
    cache: Path,
    runs: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ranges.calibrate(graph, faces, OPTIONS)
    model = residual()
    weight = next(t for t in model.graph.initializer if t.name.startswith("weight"))
    values = numpy_helper.to_array(weight) * np.float32(1.001)
    weight.CopyFrom(numpy_helper.from_array(values, weight.name))
    changed = read_graph(model.SerializeToString(), "test")
    others = [
        (changed, faces, OPTIONS),
        (graph, drawn_faces(24, seed=9, size=24), OPTIONS),
        (graph, faces.select(range(16)), OPTIONS),
        (graph, faces, CalibrationOptions(faces=15)),
        (graph, faces, CalibrationOptions(Calibrator.MSE, faces=16)),
        (graph, faces, CalibrationOptions(faces=16, percentile=98)),
    ]
    for count, request in enumerate(others, start=2):
        ranges.calibrate(*request)
        assert len(runs) == count
    monkeypatch.setattr(range_cache, "_ALGORITHM", 0)
    ranges.calibrate(graph, faces, OPTIONS)
    monkeypatch.setattr(range_cache, "installed", lambda packages: {"numpy": "1"})
    ranges.calibrate(graph, faces, OPTIONS)
    assert len(runs) == len(others) + 3


def test_who_judges_for_auto_is_part_of_the_request(
    graph: SourceGraph, faces: FaceSet, cache: Path, runs: list[str]
) -> None:
    auto = CalibrationOptions(Calibrator.AUTO, faces=4)
    first = ranges.calibrate(graph, faces, auto)
    kept = set(ranges.chosen_faces(faces, auto).face_hashes())
    judges = ranges.held_back(faces, auto).face_hashes()
    assert len(judges) == 4
    request = [json.loads(file.read_bytes())["request"] for file in cache.iterdir()]
    assert request[0]["judges"] == ranges.held_back(faces, auto).digest()
    assert not kept & set(judges)
    assert first.tried


def test_a_file_of_another_request_is_not_taken(
    graph: SourceGraph, faces: FaceSet, cache: Path, runs: list[str]
) -> None:
    """Even under the name that its own would have, with a hash that is right."""
    first = ranges.calibrate(graph, faces, OPTIONS)
    (path,) = cache.iterdir()
    entry = json.loads(path.read_bytes())
    for change in ({"graph": "0" * 64}, {"data_sha256": "0" * 64}, {"faces": 15}, {"drawn": False}):
        table = json.dumps({**json.loads(entry["table"]), **change})
        digest = range_cache.sha256(table.encode())
        path.write_text(json.dumps({**entry, "table": table, "sha256": digest}))
        assert ranges.calibrate(graph, faces, OPTIONS) == first
        assert json.loads(path.read_bytes()) == entry  # written again
    assert len(runs) == 5


def test_a_range_that_was_changed_is_not_taken(
    graph: SourceGraph, faces: FaceSet, cache: Path, runs: list[str]
) -> None:
    first = ranges.calibrate(graph, faces, OPTIONS)
    (path,) = cache.iterdir()
    path.write_text(path.read_text().replace('\\"high\\": ', '\\"high\\": 1'))
    assert ranges.calibrate(graph, faces, OPTIONS) == first
    assert len(runs) == 2


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=80) | st.integers(0, 4000))
def test_a_damaged_file_is_written_again(
    graph: SourceGraph, faces: FaceSet, cache: Path, damage: bytes | int
) -> None:
    first = ranges.calibrate(graph, faces, OPTIONS)
    (path,) = cache.iterdir()
    whole = path.read_bytes()
    path.write_bytes(whole[:damage] if isinstance(damage, int) else damage)
    assert ranges.calibrate(graph, faces, OPTIONS) == first
    assert path.read_bytes() == whole


def test_without_a_folder_it_goes_on(
    graph: SourceGraph,
    faces: FaceSet,
    cache: Path,
    runs: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cache.parent.mkdir()
    cache.write_text("a file where the folder would be")
    first = ranges.calibrate(graph, faces, OPTIONS)
    cache.unlink()
    cache.mkdir()
    target = cache / "x"
    target.write_text("")
    named = f"{range_cache.sha256(request(graph, faces).to_json())}.json"
    (cache / named).mkdir()  # what cannot be replaced by a file
    assert ranges.calibrate(graph, faces, OPTIONS) == first
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    monkeypatch.setattr(Path, "home", _homeless)
    assert ranges.calibrate(graph, faces, OPTIONS) == first
    assert len(runs) == 3


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written_to_is_no_error(
    graph: SourceGraph, faces: FaceSet, cache: Path, runs: list[str]
) -> None:
    cache.mkdir(parents=True)
    cache.chmod(0o500)
    assert ranges.calibrate(graph, faces, OPTIONS) == ranges.calibrate(graph, faces, OPTIONS)
    assert len(runs) == 2


def request(graph: SourceGraph, faces: FaceSet) -> range_cache.Request:
    chosen = ranges.chosen_faces(faces, OPTIONS)
    return range_cache.Request.of(graph, chosen, None, OPTIONS)


def _homeless() -> Path:
    msg = "no home"
    raise RuntimeError(msg)
