"""Sensitivity: every layer that can be INT8, what it costs alone, what it saves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

from edgefer.calibration.placement import quantizable
from edgefer.calibration.table import CalibrationTable, Range
from edgefer.calibration.view import GraphView
from edgefer.export.graph import SourceGraph, read_graph
from edgefer.export.sensitivity import sensitivity
from tests.export.graphs import residual

Calibrated = Callable[[onnx.ModelProto], CalibrationTable]


@pytest.fixture
def source() -> SourceGraph:
    return read_graph(residual().SerializeToString(), "residual")


def test_each_layer_that_can_be_int8(
    source: SourceGraph, calibrated: Calibrated, faces: NDArray[np.uint8]
) -> None:
    view = GraphView(residual())
    found = sensitivity(source, calibrated(residual()), faces, timed=False)
    assert {layer.layer for layer in found} == quantizable(view).weighted
    assert [layer.divergence for layer in found] == sorted(
        (layer.divergence for layer in found), reverse=True
    )
    assert all(layer.saved is None and layer.estimate > 0 for layer in found)
    assert sum(layer.share for layer in found) <= 1


def test_a_layer_that_cuts_its_input_off_is_the_costliest(
    source: SourceGraph, calibrated: Calibrated, faces: NDArray[np.uint8]
) -> None:
    table = calibrated(residual())
    limit = table.ranges["b2"].limit
    cut = replace(table, ranges={**table.ranges, "b2": Range(0.0, limit / 50)})
    first = sensitivity(source, cut, faces, timed=False)[0]
    assert first.layer == "b3"
    assert first.divergence > 0


def test_time_is_measured_where_it_is_asked_for(
    source: SourceGraph, calibrated: Calibrated, faces: NDArray[np.uint8]
) -> None:
    found = sensitivity(source, calibrated(residual()), faces[:4])
    assert all(isinstance(layer.saved, float) for layer in found)
