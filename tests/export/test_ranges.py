"""Ranges from faces: the same whatever the order and the batches, from finite numbers only."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from edgefer.calibration.calibrators import CalibrationOptions, Calibrator
from edgefer.calibration.chosen import chosen_faces
from edgefer.data.drawn import drawn_faces
from edgefer.data.faces import FaceSet
from edgefer.data.source import read_data
from edgefer.errors import InputError
from edgefer.export.graph import SourceGraph, read_graph
from edgefer.export.ranges import NEAR_FP16, Statistics, calibrate, observe
from edgefer.export.shipped import shipped_graph
from tests.export.graphs import GraphMaker, residual

HISTOGRAMS = (Calibrator.PERCENTILE, Calibrator.MSE, Calibrator.ENTROPY)


@pytest.fixture(scope="module")
def graph() -> SourceGraph:
    return source(residual())


@pytest.fixture(scope="module")
def faces() -> FaceSet:
    """More than are chosen."""
    return drawn_faces(60, size=24)


@pytest.fixture(scope="module")
def observed(shared: Path) -> tuple[Statistics, ...]:
    """What the default network's activations took on real faces, in batches of 1, 7 and 64."""
    faces = read_data(f"ferplus:{shared / 'data' / 'ferplus'}", "valid").balanced(96)
    graph = shipped_graph()
    return tuple(observe(graph, faces, Calibrator.AUTO, batch=batch) for batch in (1, 7, 64))


def source(model: onnx.ModelProto) -> SourceGraph:
    return read_graph(model.SerializeToString(), "test")


@pytest.mark.parametrize("calibrator", Calibrator)
def test_faces_in_another_order_give_the_same_table(
    calibrator: Calibrator,
    graph: SourceGraph,
    faces: FaceSet,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    options = CalibrationOptions(calibrator, faces=24, percentile=99)
    first = calibrate(graph, faces, options)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))  # or the first would be read again
    again = calibrate(graph, faces.select(range(len(faces) - 1, -1, -1)), options)
    assert first.to_json() == again.to_json()
    assert first.faces == 24
    assert first.classes == dict.fromkeys(map(str, faces.labels), 3)


@pytest.mark.parametrize("calibrator", HISTOGRAMS)
def test_batches_make_no_difference(
    calibrator: Calibrator, observed: tuple[Statistics, ...]
) -> None:
    options = CalibrationOptions(calibrator, percentile=99.9)
    whole, clipped = observed[0].limits, 0
    tensors = list(observed[0].histograms)
    first, *others = (statistics.ranges(tensors, options) for statistics in observed)
    for name, limits in first.items():
        bin_width = whole[name].limit / 2048
        allowed = 1.01 * bin_width if calibrator is Calibrator.ENTROPY else 1e-4 * limits.limit
        for other in others:
            assert abs(other[name].low - limits.low) <= allowed, name
            assert abs(other[name].high - limits.high) <= allowed, name
        clipped += limits.limit < whole[name].limit
    assert clipped > len(first) / 2


@pytest.mark.parametrize("calibrator", HISTOGRAMS)
def test_every_range_is_within_that_of_min_max(
    calibrator: Calibrator, graph: SourceGraph, faces: FaceSet
) -> None:
    whole = calibrate(graph, faces, CalibrationOptions(Calibrator.MIN_MAX))
    table = calibrate(graph, faces, CalibrationOptions(calibrator, percentile=99))
    assert set(table.ranges) == set(whole.ranges)
    assert table.ranges != whole.ranges
    for name, limits in table.ranges.items():
        assert whole.ranges[name].low <= limits.low <= limits.high <= whole.ranges[name].high
    assert table.percentile == (99 if calibrator is Calibrator.PERCENTILE else None)


def test_the_table_says_where_it_is_from(graph: SourceGraph, faces: FaceSet) -> None:
    options = CalibrationOptions(Calibrator.MSE, faces=24)
    table = calibrate(graph, faces, options)
    chosen = chosen_faces(faces, options)
    assert (table.graph, table.data_sha256) == (graph.sha256, chosen.digest())
    assert (table.calibrator, table.data, table.faces, table.drawn) == (
        "mse",
        "synthetic",
        24,
        True,
    )


def test_values_near_what_fp16_holds_are_named(faces: FaceSet) -> None:
    made = GraphMaker()
    for name, factor in (("near", 1e5), ("back", 1e-5)):
        before = "stem" if name == "near" else "near"
        made.node("Mul", [before, made.constant("by", np.array(factor, np.float32))], name)
    made.conv("last", "back", 8, 8)
    table = calibrate(source(made.close("last", 8)), faces)
    assert {name.partition(".")[0] for name in table.beyond_fp16} == {"near", "by"}
    assert table.beyond_fp16["near"] > NEAR_FP16
    assert "near" not in table.ranges


def test_a_graph_without_layers_for_int8_is_looked_at_all_the_same(faces: FaceSet) -> None:
    made = GraphMaker()
    made.nodes.pop()
    graph = source(made.close("input", 3))
    assert observe(graph, faces, Calibrator.MIN_MAX).limits
    with pytest.raises(InputError, match="expected layers with weights"):
        calibrate(graph, faces)


def test_nothing_comes_of_no_faces(graph: SourceGraph, faces: FaceSet) -> None:
    with pytest.raises(InputError, match="synthetic: expected faces to calibrate on, found none"):
        calibrate(graph, faces.select([]))
    with pytest.raises(InputError, match="expected faces beside those that set the ranges"):
        calibrate(graph, faces.select([0, 1]), CalibrationOptions(Calibrator.AUTO))


def test_pixels_that_are_no_numbers_are_an_input_error(graph: SourceGraph, faces: FaceSet) -> None:
    broken = replace(faces, load=lambda index: np.full((24, 24, 3), np.nan), hashes=[])
    with pytest.raises(InputError, match="synthetic: face 0: expected pixels uint8"):
        calibrate(graph, broken)


def test_weights_that_are_no_numbers_are_an_input_error(faces: FaceSet) -> None:
    model = residual()
    weight = next(t for t in model.graph.initializer if t.name.startswith("weight"))
    values = numpy_helper.to_array(weight).copy()
    values.reshape(-1)[0] = np.nan
    weight.CopyFrom(numpy_helper.from_array(values, weight.name))
    with pytest.raises(InputError, match=f"{weight.name}: expected finite weights"):
        calibrate(source(model), faces)


def test_progress_is_told_of_every_pass(graph: SourceGraph, faces: FaceSet) -> None:
    told: dict[str, tuple[int, int]] = {}
    options = CalibrationOptions(Calibrator.MSE, faces=20)

    def progress(phase: str, done: int, total: int) -> None:
        told[phase] = (done, total)

    calibrate(graph, faces, options, progress)
    assert told["ranges"] == told["histograms"] == (20, 20)
