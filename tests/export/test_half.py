"""FP16 graphs: half everywhere but where exactness is wanted, with the fewest casts."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper

from edgefer.calibration.view import GraphView
from edgefer.export.answers import answers
from edgefer.export.half import kept_in_fp32, to_half
from tests.export.graphs import LABELS, GraphMaker, residual


def test_answers_stay_close(model: onnx.ModelProto, faces: NDArray[np.uint8]) -> None:
    half = to_half(model)
    onnx.checker.check_model(half, full_check=True)
    exact = answers(model.SerializeToString(), faces)["probabilities"]
    found = answers(half.SerializeToString(), faces)["probabilities"]
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


def shared_constant() -> onnx.ModelProto:
    """One number that is read beside the pixels, in FP32, and once more behind them."""
    made = GraphMaker()
    number = made.constant("number", np.float32(1.5))
    made.node("Mul", ["stem", number], "behind")
    made.nodes[2] = helper.make_node("Div", ["planes", number], ["input"], name="input")
    return made.close("behind", 8)


def resized() -> onnx.ModelProto:
    """Resize wants its scales in FP32."""
    made = GraphMaker()
    scales = made.constant("scales", np.array([1, 1, 2, 2], np.float32))
    made.node("Resize", ["stem", "", scales], "larger", mode="nearest")
    return made.close("larger", 8)


def cast_inside() -> onnx.ModelProto:
    """A division by a size that was cast to FP32."""
    made = GraphMaker()
    made.node("Shape", ["stem"], "shape")
    made.node("Gather", ["shape", made.constant("index", np.array(2))], "height")
    made.node("Cast", ["height"], "divisor", to=TensorProto.FLOAT)
    made.node("Div", ["stem", "divisor"], "divided")
    return made.close("divided", 8)


def endless_clip() -> onnx.ModelProto:
    """A limit that FP16 cannot hold."""
    made = GraphMaker()
    low, high = (made.constant("limit", np.float32(limit)) for limit in (0, 3e38))
    made.node("Clip", ["stem", low, high], "clipped")
    return made.close("clipped", 8)


def fused_answers() -> onnx.ModelProto:
    """The mean of two softmaxes, as networks with decision fusion give it."""
    model = GraphMaker().close("stem", 8)
    made = model.graph.node
    made[-1].output[0] = made[-1].name = "first"
    half = onnx.numpy_helper.from_array(np.float32(0.5), "half")
    model.graph.initializer.append(half)
    steps = [("Softmax", ["flat"], "other"), ("Slice", ["other", "a", "b", "c"], "second")]
    steps += [("Softmax", ["second"], "third"), ("Add", ["first", "third"], "sum")]
    steps += [("Mul", ["sum", "half"], "probabilities")]
    for name, values in (("a", [0]), ("b", [len(LABELS)]), ("c", [1])):
        model.graph.initializer.append(onnx.numpy_helper.from_array(np.array(values), name))
    made.extend(helper.make_node(kind, read, [name], name=name) for kind, read, name in steps)
    return model


def more_outputs() -> onnx.ModelProto:
    """A layer's result given out, and read on as well."""
    model = residual()
    kind = helper.make_tensor_value_info("b3", TensorProto.FLOAT, ["n", 8, 12, 12])
    model.graph.output.append(kind)
    return model


MAKERS = (shared_constant, resized, cast_inside, endless_clip, fused_answers, more_outputs)


@pytest.mark.parametrize("made", MAKERS, ids=lambda made: made.__name__)
def test_answers_stay_close_whatever_the_operators(
    made: Callable[[], onnx.ModelProto], faces: NDArray[np.uint8]
) -> None:
    model = made()
    half = to_half(model)
    onnx.checker.check_model(half, full_check=True)
    assert [o.type.tensor_type.elem_type for o in half.graph.output] == [
        TensorProto.FLOAT for _ in model.graph.output
    ]
    found = answers(half.SerializeToString(), faces)["probabilities"]
    np.testing.assert_allclose(
        found, answers(model.SerializeToString(), faces)["probabilities"], atol=0.005
    )
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-5)
