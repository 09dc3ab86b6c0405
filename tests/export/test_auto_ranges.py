"""Auto: what was tried, and the calibrator that stays nearest to FP32 on faces held back."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

from edgefer.calibration.calibrators import CalibrationOptions, Calibrator
from edgefer.calibration.chosen import chosen_faces, held_back
from edgefer.calibration.table import Range
from edgefer.data.drawn import drawn_faces
from edgefer.data.faces import FaceSet
from edgefer.export import ranges
from edgefer.export.answers import probabilities
from edgefer.export.auto_ranges import least_harm
from edgefer.export.flavours import quantized_graph
from edgefer.export.gate import divergences
from edgefer.export.graph import SourceGraph, read_graph
from edgefer.manifest import Flavour
from tests.export.graphs import residual

AUTO = CalibrationOptions(Calibrator.AUTO, faces=24)


@pytest.fixture(scope="module")
def graph() -> SourceGraph:
    return read_graph(residual().SerializeToString(), "test")


@pytest.fixture(scope="module")
def faces() -> FaceSet:
    return drawn_faces(60, seed=5, size=24)


def test_the_least_divergence_wins_and_all_are_told(graph: SourceGraph, faces: FaceSet) -> None:
    table = ranges.calibrate(graph, faces, AUTO)
    assert set(table.tried) == {"min-max", "percentile", "mse", "entropy"}
    assert table.tried[table.calibrator] == min(table.tried.values())
    assert all(found > 0 for found in table.tried.values())
    alone = ranges.calibrate(graph, faces, CalibrationOptions(Calibrator(table.calibrator), 24))
    assert table.ranges == alone.ranges


def test_what_was_tried_is_that_of_the_worse_flavour(graph: SourceGraph, faces: FaceSet) -> None:
    table = ranges.calibrate(graph, faces, AUTO)
    pixels = held_back(faces, AUTO).pixels(graph.size)
    reference = probabilities(graph.data, [pixels])
    model = onnx.load_model_from_string(graph.data)
    found = [
        divergences(
            reference,
            probabilities(quantized_graph(model, table, flavour)[0].SerializeToString(), [pixels]),
        ).mean()
        for flavour in Flavour
    ]
    assert table.tried[table.calibrator] == pytest.approx(max(found), rel=1e-3)


def test_of_equals_the_simpler_one_wins(graph: SourceGraph, faces: FaceSet) -> None:
    table = ranges.calibrate(graph, faces)
    tables = {
        each: ranges.replace(table, calibrator=str(each)) for each in Calibrator.AUTO.alternatives
    }
    assert least_harm(graph, tables, faces).calibrator == "min-max"
    far = {name: Range(each.low * 50, each.high * 50) for name, each in table.ranges.items()}
    worse = ranges.replace(table, ranges=far, calibrator="worse")
    found = least_harm(graph, {Calibrator.MIN_MAX: worse, Calibrator.MSE: table}, faces)
    assert found.ranges == table.ranges


def test_faces_that_judge_set_no_range(
    graph: SourceGraph, faces: FaceSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = faces.select(range(20))
    judged: list[str] = []

    def spy(graph: SourceGraph, tables: object, judges: FaceSet, progress: object) -> object:
        judged.extend(judges.face_hashes())
        return least_harm(graph, tables, judges)  # type: ignore[arg-type]

    monkeypatch.setattr(ranges, "least_harm", spy)
    table = ranges.calibrate(graph, few, AUTO)
    assert (table.faces, len(judged)) == (15, 5)
    assert not set(judged) & set(chosen_faces(few, AUTO).face_hashes())


def test_large_networks_are_judged_by_fewer_faces(
    graph: SourceGraph, faces: FaceSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    from edgefer.export import auto_ranges

    monkeypatch.setattr(auto_ranges, "_FEWEST", 8)
    monkeypatch.setattr(auto_ranges, "_MULTIPLY_ADDS", 1)
    chosen = auto_ranges._some(graph, faces)
    assert len(chosen) == 8
    assert len(np.unique(chosen.face_hashes())) == 8
