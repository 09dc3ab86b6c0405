"""Graphs, faces, ranges and whole networks for the export's tests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray

from edgefer.bundle import Bundle
from edgefer.calibration.collect import collect_ranges
from edgefer.calibration.placement import tensors_to_observe
from edgefer.calibration.table import CalibrationTable
from edgefer.calibration.view import GraphView
from edgefer.data.drawn import drawn_faces
from edgefer.export.pipeline import export_bundle
from edgefer.export.source import Source, find_source
from edgefer.files import sha256
from edgefer.manifest import Precision
from edgefer.zoo.registry import NETWORKS, Choices
from tests.export.graphs import GRAPHS, SIZE


@dataclass(frozen=True)
class Exported:
    """A network with random weights, at a small size where it has one, in each precision."""

    source: Source
    bundles: dict[Precision, Bundle]


@pytest.fixture(scope="session", params=NETWORKS)
def exported(request: pytest.FixtureRequest) -> Exported:
    """Each of the networks in turn."""
    pytest.importorskip("torch", reason="the torch extra is not installed")
    network = NETWORKS[request.param]
    choices = Choices(size=64 if network.step else None)
    source = find_source(network.name, "random:0", choices)
    faces = drawn_faces(32, seed=3)
    bundles = {
        precision: export_bundle(
            source, precision, faces if precision is Precision.INT8 else None, allow_drawn=True
        )
        for precision in Precision
    }
    return Exported(source, bundles)


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
        ranges = collect_ranges(
            graph, tensors_to_observe(GraphView(model)), [faces[:32], faces[32:]]
        )
        digest = sha256(graph)
        return CalibrationTable(digest, "min-max", "test", 64, sha256(b""), True, ranges)

    return make
