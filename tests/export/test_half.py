"""FP16 graphs: half everywhere but where exactness is wanted, with the fewest casts."""

from __future__ import annotations

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto

from edgefer.export.half import kept_in_fp32, to_half
from edgefer.export.parity import answers
from edgefer.export.placement import GraphView
from tests.export.graphs import residual


def test_answers_stay_close(model: onnx.ModelProto, faces: NDArray[np.uint8]) -> None:
    half = to_half(model)
    onnx.checker.check_model(half, full_check=True)
    exact = answers(model.SerializeToString(), faces)
    found = answers(half.SerializeToString(), faces)
    assert 0 < np.abs(found - exact).max() < 0.005


def test_only_pixel_input_and_softmax_stay_in_fp32() -> None:
    model = residual()
    half = to_half(model)
    inferred = onnx.shape_inference.infer_shapes(half, strict_mode=True).graph
    floats = {v.name for v in inferred.value_info if v.type.tensor_type.elem_type == 1}
    assert floats == {"cast", "planes", "input", "classifier.fp32"}
    kept = kept_in_fp32(GraphView(model))
    assert [entry.node for entry in kept] == ["input", "probabilities"]
    assert all(entry.reason for entry in kept)


def test_casts_are_the_fewest_and_the_source_is_untouched() -> None:
    model = residual()
    before = model.SerializeToString()
    half = to_half(model)
    casts = [n for n in half.graph.node if n.op_type == "Cast"]
    assert len(casts) == 3
    assert model.SerializeToString() == before
    assert half.graph.output[0].type.tensor_type.elem_type == TensorProto.FLOAT
