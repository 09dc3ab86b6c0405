"""Graphs, faces and ranges for the export's tests."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

from edgefer.calibration.collect import collect_ranges
from edgefer.calibration.table import CalibrationTable
from edgefer.export.flavours import tensors_to_observe
from edgefer.files import sha256
from tests.export.graphs import GRAPHS, SIZE


@pytest.fixture(params=sorted(GRAPHS))
def model(request: pytest.FixtureRequest) -> onnx.ModelProto:
    """Each of the small graphs in turn."""
    return GRAPHS[request.param]()


@pytest.fixture
def faces() -> NDArray[np.uint8]:
    """Smooth random pictures, uint8 [64, 12, 12, 3]."""
    random = np.random.default_rng(1)
    coarse = random.integers(0, 256, (64, 4, 4, 3))
    return coarse.repeat(SIZE // 4, axis=1).repeat(SIZE // 4, axis=2).astype(np.uint8)


@pytest.fixture
def calibrated(faces: NDArray[np.uint8]) -> Callable[[onnx.ModelProto], CalibrationTable]:
    """Makes the table of a model from `faces`."""

    def make(model: onnx.ModelProto) -> CalibrationTable:
        graph = model.SerializeToString()
        ranges = collect_ranges(graph, tensors_to_observe(model), [faces[:32], faces[32:]])
        digest = sha256(graph)
        return CalibrationTable(digest, "min-max", "test", 64, sha256(b""), True, ranges)

    return make
