"""Values that FP16 cannot hold stay in FP32, in FP16 and in INT8 graphs, and are named."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from edgefer.calibration.calibrators import CalibrationOptions, Calibrator
from edgefer.calibration.view import BEYOND_FP16
from edgefer.data.drawn import drawn_faces
from edgefer.data.faces import FaceSet
from edgefer.export.answers import answers
from edgefer.export.gate import Limits
from edgefer.export.graph import SourceGraph, read_graph
from edgefer.export.parity import golden_faces
from edgefer.export.pipeline import export_bundle
from edgefer.export.quantise import Int8Options
from edgefer.export.ranges import NEAR_FP16, observe
from edgefer.export.source import Source
from edgefer.manifest import Flavour, Precision
from tests.export.graphs import residual

HOT = 3e6  # the weights of the layer that makes them are near FP16's end too
AROUND = {"b1", "b2", "b3"}  # the layer that makes them, its ReLU, the layer that reads them


def heated(factor: float) -> SourceGraph:
    """Between two layers of a branch all values are so many times as large."""
    model = residual(48)
    nodes = {node.name: node for node in model.graph.node}
    tensors = {tensor.name: tensor for tensor in model.graph.initializer}
    for name, times in (
        (nodes["b1"].input[1], factor),
        (nodes["b1"].input[2], factor),
        (nodes["b3"].input[1], 1 / factor),
    ):
        values = numpy_helper.to_array(tensors[name]) * np.float32(times)
        tensors[name].CopyFrom(numpy_helper.from_array(values, name))
    return read_graph(model.SerializeToString(), "hot")


@pytest.fixture(scope="module")
def hot() -> SourceGraph:
    return heated(HOT)


@pytest.mark.parametrize("precision", [Precision.FP16, Precision.INT8])
def test_they_stay_in_fp32_and_are_named(hot: SourceGraph, precision: Precision) -> None:
    faces = drawn_faces(64) if precision is Precision.INT8 else None
    bundle = export_bundle(Source(hot), precision, faces, allow_drawn=True)
    named = {e.node for e in bundle.manifest.higher_precision if e.reason == BEYOND_FP16}
    assert named == AROUND
    pixels = golden_faces(hot.size)
    expected = answers(hot.data, pixels)["probabilities"]
    found = answers(bundle.graph(Flavour.GPU), pixels)["probabilities"]
    limit = 0.002 if precision is Precision.FP16 else 0.05
    np.testing.assert_allclose(found, expected, atol=limit)
    kinds = _kinds(bundle.graph(Flavour.GPU))
    assert {kinds[name] for name in AROUND} == {onnx.TensorProto.FLOAT}
    if precision is Precision.INT8:
        assert bundle.manifest.calibration is not None
        beyond = bundle.manifest.calibration["beyond_fp16"]
        activations = {name for name in beyond if "." not in name}
        assert activations == {"b1", "b2"}
        assert min(beyond.values()) > 65504 / 4


def test_without_looking_fp16_would_answer_nonsense(hot: SourceGraph) -> None:
    """What the check is for."""
    from edgefer.export.half import to_half

    blind = to_half(onnx.load_model_from_string(hot.data)).SerializeToString()
    pixels = golden_faces(hot.size)
    found, expected = (answers(g, pixels)["probabilities"] for g in (blind, hot.data))
    assert not np.allclose(found, expected, atol=0.05)


def test_faces_of_the_calibration_are_looked_at_for_fp16(hot: SourceGraph) -> None:
    options = Int8Options(CalibrationOptions(faces=8))
    given = {"options": options, "allow_drawn": True}
    bundle = export_bundle(Source(hot), Precision.FP16, drawn_faces(16), **given)
    assert {e.node for e in bundle.manifest.higher_precision if e.reason == BEYOND_FP16} == AROUND


def test_faces_of_the_evaluation_are_looked_at_too() -> None:
    """ONNX Runtime would not show it: its CPU kernels compute in FP32 inside."""
    calm = drawn_faces(8)
    random = np.random.default_rng(0)
    pictures = random.integers(0, 2, (8, 48, 48, 3), np.uint8) * np.uint8(255)
    wild = FaceSet("noise", calm.labels, calm.targets, lambda index: pictures[index])
    reach = [
        observe(heated(1), faces, Calibrator.MIN_MAX).limits["b1"].limit for faces in (calm, wild)
    ]
    assert reach[1] > 1.5 * reach[0]
    between = heated(NEAR_FP16 / np.sqrt(reach[0] * reach[1]))
    limits = Limits(drop=100, confidence=1, agreement=0)
    for evaluation, named in ((calm, set()), (wild, AROUND)):
        made = export_bundle(
            Source(between), Precision.FP16, evaluation=evaluation, limits=limits
        ).manifest
        assert {e.node for e in made.higher_precision if e.reason == BEYOND_FP16} == named


def _kinds(graph: bytes) -> dict[str, int]:
    """The type of each activation."""
    model = onnx.shape_inference.infer_shapes(onnx.load_model_from_string(graph))
    return {value.name: value.type.tensor_type.elem_type for value in model.graph.value_info}
