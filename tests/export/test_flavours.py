"""INT8 graphs: what is in them, what they answer, what they leave out and say so."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, numpy_helper

from edgefer.calibration.placement import place, tensors_to_observe
from edgefer.calibration.table import CalibrationTable
from edgefer.calibration.view import GraphView
from edgefer.errors import InputError
from edgefer.export.answers import answers
from edgefer.export.flavours import int8_graph, quantized_graph
from edgefer.manifest import Flavour
from tests.export.graphs import (
    GraphMaker,
    depthwise,
    large_classifier,
    moving,
    residual,
    shared_weights,
)

Calibrated = Callable[[onnx.ModelProto], CalibrationTable]


def optimized(model: onnx.ModelProto, tmp_path: object) -> Counter[str]:
    """The operators that ONNX Runtime really runs."""
    options = ort.SessionOptions()
    options.optimized_model_filepath = f"{tmp_path}/optimized.onnx"
    options.log_severity_level = 4
    ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    ran = onnx.load(options.optimized_model_filepath)
    return Counter(node.op_type for node in ran.graph.node)


@pytest.mark.parametrize("flavour", Flavour)
def test_answers_stay_close_and_weights_are_stored_as_int8(
    flavour: Flavour, model: onnx.ModelProto, faces: NDArray[np.uint8], calibrated: Calibrated
) -> None:
    made, higher = int8_graph(model, calibrated(model), flavour)
    onnx.checker.check_model(made, full_check=True)
    exact = answers(model.SerializeToString(), faces)["probabilities"]
    found = answers(made.SerializeToString(), faces)["probabilities"]
    assert np.abs(found - exact).max() < 0.06
    assert np.abs(found - exact).max() > 0  # or nothing was quantised
    stored = {t.name: t for t in made.graph.initializer}
    for node in made.graph.node:
        if node.op_type in ("Conv", "Gemm"):
            high = node.name in {entry.node for entry in higher}
            assert (node.input[1] in stored) == high, node.name


@pytest.mark.parametrize("flavour", Flavour)
def test_scales_are_positive_and_zero_points_fit_the_flavour(
    flavour: Flavour, model: onnx.ModelProto, calibrated: Calibrated
) -> None:
    made, _ = int8_graph(model, calibrated(model), flavour)
    values = {t.name: numpy_helper.to_array(t) for t in made.graph.initializer}
    activations = set()
    for node in made.graph.node:
        if node.op_type == "QuantizeLinear":
            scale, zero = values[node.input[1]], values[node.input[2]]
            assert scale > 0
            activations.add((zero.dtype.name, int(zero)))
            assert scale.dtype == (np.float16 if flavour is Flavour.GPU else np.float32)
    allowed = {("int8", 0)} if flavour is Flavour.GPU else {("uint8", 0), ("uint8", 128)}
    assert activations <= allowed
    kinds = {values[n.input[0]].dtype.name for n in made.graph.node if n.input[0] in values}
    assert kinds == ({"int8"} if flavour is Flavour.GPU else {"int8", "int32"})


def test_cpu_residual_runs_in_integer_operators_only(
    calibrated: Calibrated, tmp_path: object
) -> None:
    model = residual()
    made, _ = int8_graph(model, calibrated(model), Flavour.CPU)
    ran = optimized(made, tmp_path)
    assert ran["QLinearConv"] == 6  # the pixels' scale among them
    assert ran["QLinearAdd"] == 2
    assert ran["Relu"] == ran["Conv"] == ran["QuantizeLinear"] == 0
    assert ran["DequantizeLinear"] == 1  # before the pool


def test_what_moves_values_between_int8_layers_is_int8_on_the_cpu(
    calibrated: Calibrated, faces: NDArray[np.uint8], tmp_path: object
) -> None:
    model = moving()
    table = calibrated(model)
    made, higher = int8_graph(model, table, Flavour.CPU)
    ran = optimized(made, tmp_path)
    assert ran["QLinearConv"] == 5
    assert ran["QLinearConcat"] == ran["DepthToSpace"] == 1
    assert ran["QLinearAdd"] == 2
    assert ran["NhwcMaxPool"] + ran["MaxPool"] == 1
    assert ran["QuantizeLinear"] == 0
    assert ran["DequantizeLinear"] == 1  # before the pool of the whole
    assert not {"smaller", "larger", "both", "sum"} & {entry.node for entry in higher}
    found = answers(made.SerializeToString(), faces)["probabilities"]
    assert np.abs(found - answers(model.SerializeToString(), faces)["probabilities"]).max() < 0.06


def test_a_pool_that_tells_places_stays_in_float(calibrated: Calibrated) -> None:
    made = GraphMaker()
    made.node("Relu", ["stem"], "a")
    made.node("MaxPool", ["a"], "smaller", kernel_shape=[2, 2], strides=[2, 2])
    made.nodes[-1].output.append("places")
    made.conv("last", "smaller", 8, 8)
    model = made.close("last", 8)
    graph, higher = int8_graph(model, calibrated(model), Flavour.CPU)
    onnx.checker.check_model(graph, full_check=True)
    assert "smaller" in {entry.node for entry in higher}


def test_what_is_read_in_float_is_not_rounded_on_its_way(calibrated: Calibrated) -> None:
    made = GraphMaker()
    made.node("Relu", ["stem"], "a")
    made.node("MaxPool", ["a"], "smaller", kernel_shape=[2, 2], strides=[2, 2])
    made.node("Concat", ["smaller", "smaller"], "both", axis=1)
    model = made.close("both", 16)
    graph, higher = int8_graph(model, calibrated(model), Flavour.CPU)
    assert {"smaller", "both"} <= {entry.node for entry in higher}
    assert "smaller.quantized" not in {node.name for node in graph.graph.node}


def test_gpu_quantises_the_skip_input_of_an_addition_only(calibrated: Calibrated) -> None:
    model = residual()
    made, _ = int8_graph(model, calibrated(model), Flavour.GPU)
    inputs = {n.name: list(n.input) for n in made.graph.node if n.op_type == "Add"}
    assert inputs["sum1"] == ["b3", "a.dequantized"]
    assert inputs["sum2"] == ["d1", "shortcut.dequantized"]  # the cheaper branch


def test_a_shared_weight_is_stored_once(calibrated: Calibrated) -> None:
    model = shared_weights()
    for flavour in Flavour:
        made, _ = int8_graph(model, calibrated(model), flavour)
        twins = [n for n in made.graph.node if n.op_type == "Conv" and n.name in ("one", "two")]
        assert twins[0].input[1] == twins[1].input[1]
        names = [t.name for t in made.graph.initializer]
        assert len(names) == len(set(names))


def test_a_layer_worth_it_is_quantised_along_its_own_axis(calibrated: Calibrated) -> None:
    model = large_classifier()
    made, higher = int8_graph(model, calibrated(model), Flavour.CPU)
    assert "hidden" not in {entry.node for entry in higher}
    (axis,) = {
        a.i
        for node in made.graph.node
        for a in node.attribute
        if node.op_type == "DequantizeLinear" and a.name == "axis" and a.i == 1
    }
    assert axis == 1


def test_everything_left_higher_has_a_reason(
    model: onnx.ModelProto, calibrated: Calibrated
) -> None:
    for flavour in Flavour:
        made, higher = int8_graph(model, calibrated(model), flavour)
        named = {entry.node: entry for entry in higher}
        assert {"classifier", "probabilities"} <= set(named)
        assert ("input" in named) == (flavour is Flavour.GPU)
        assert all(entry.reason and entry.flavour == flavour for entry in higher)
        assert "multiply-adds" in named["classifier"].reason
        assert {n.name for n in made.graph.node} >= set(named)


def test_dead_channels_and_tensors_give_finite_answers(
    faces: NDArray[np.uint8], calibrated: Calibrated
) -> None:
    model = depthwise()
    for tensor in model.graph.initializer:
        if tensor.data_type == TensorProto.FLOAT and len(tensor.dims) == 4:
            values = numpy_helper.to_array(tensor).copy()
            values[0] = 0
            tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
    for flavour in Flavour:
        made, _ = int8_graph(model, calibrated(model), flavour)
        found = answers(made.SerializeToString(), faces)["probabilities"]
        assert (
            np.abs(found - answers(model.SerializeToString(), faces)["probabilities"]).max() < 0.06
        )


def test_a_table_without_a_tensor_is_refused(calibrated: Calibrated) -> None:
    table = calibrated(depthwise())
    with pytest.raises(InputError, match="no range for"):
        int8_graph(residual(), table, Flavour.CPU)


def test_one_table_serves_both_flavours(model: onnx.ModelProto, calibrated: Calibrated) -> None:
    assert set(calibrated(model).ranges) == set(tensors_to_observe(GraphView(model)))


def test_a_bias_that_dwarfs_its_weights_still_fits(
    faces: NDArray[np.uint8], calibrated: Calibrated
) -> None:
    made = GraphMaker()
    made.node("Relu", ["stem"], "a")
    weight = np.random.default_rng(2).normal(0, 0.2, (8, 8, 3, 3)).astype(np.float32)
    weight[0] = 1e-12
    bias = np.array([5, *np.zeros(7)], np.float32)
    operands = ["a", made.constant("weight", weight), made.constant("bias", bias)]
    made.node("Conv", operands, "b", pads=[1, 1, 1, 1])
    model = made.close("b", 8)
    graph, _ = int8_graph(model, calibrated(model), Flavour.CPU)
    found = answers(graph.SerializeToString(), faces)["probabilities"]
    assert np.abs(found - answers(model.SerializeToString(), faces)["probabilities"]).max() < 0.06


@pytest.mark.parametrize("shape", [(1, 64), (1,), ()])
def test_a_bias_of_any_shape_becomes_one_number_a_channel(
    shape: tuple[int, ...], faces: NDArray[np.uint8], calibrated: Calibrated
) -> None:
    model = large_classifier()
    (hidden,) = (node for node in model.graph.node if node.name == "hidden")
    (bias,) = (t for t in model.graph.initializer if t.name == hidden.input[2])
    bias.CopyFrom(numpy_helper.from_array(np.full(shape, 0.3, np.float32), bias.name))
    graph, _ = int8_graph(model, calibrated(model), Flavour.CPU)
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = ort.InferenceSession(graph.SerializeToString(), options)
    unfused = session.run(["probabilities"], {"pixels": faces})[0]
    assert np.abs(unfused - answers(model.SerializeToString(), faces)["probabilities"]).max() < 0.06


def test_a_graph_in_which_nothing_can_be_int8_is_refused(calibrated: Calibrated) -> None:
    made = GraphMaker()
    made.nodes.pop()
    model = made.close("input", 3)
    with pytest.raises(InputError, match="expected layers with weights"):
        int8_graph(model, calibrated(residual()), Flavour.GPU)


def test_long_and_doubled_ways_to_a_gate_are_followed_once() -> None:
    graph = GraphMaker()
    way = graph.conv("decides", "stem", 8, 8, bias=False)
    for step in range(1500):
        way = graph.node("Add", [way, way], f"twice{step}")
    graph.node("Sigmoid", [way], "gate")
    graph.node("Mul", ["stem", "gate"], "gated")
    view = GraphView(graph.close("gated", 8))
    decides = next(node for node in view.nodes if node.name == "decides")
    assert view.decides_gate(decides)
    assert not view.decides_gate(next(node for node in view.nodes if node.name == "stem"))


def test_steps_are_those_of_all_layers_whichever_stay_high(calibrated: Calibrated) -> None:
    """Repaired integers were made for them, and both graphs have the same."""
    model = shared_weights()
    table = calibrated(model)
    made = [
        quantized_graph(model, table, flavour, kept)[0]
        for flavour in Flavour
        for kept in ({}, {"two": "for a test"})
    ]
    found = [_constants(graph) for graph in made]
    shared = [name for name in found[0] if name.startswith("weight") and name.endswith(".scale")]
    assert shared
    for name in shared:
        for other in found[1:]:
            if name in other:
                np.testing.assert_array_equal(found[0][name], other[name])


def test_a_weight_that_is_read_two_ways_stays_in_float(calibrated: Calibrated) -> None:
    made = GraphMaker(channels=64)
    made.node("GlobalAveragePool", ["stem"], "pooled")
    made.node("Flatten", ["pooled"], "row")
    weight = made.weight(64, 64)
    made.node("Gemm", ["row", weight], "there", transB=1)
    made.node("Relu", ["there"], "code")
    made.node("Gemm", ["code", weight], "back")
    made.node("Reshape", ["back", made.constant("shape", np.array([0, 64, 1, 1]))], "again")
    view = GraphView(made.close("again", 64))
    for flavour in Flavour:
        placement = place(view, flavour)
        assert placement.weighted == {"stem"}
        reasons = {e.node: e.reason for e in placement.higher}
        assert "along two axes" in reasons["there"]
        assert "along two axes" in reasons["back"]


def _constants(model: onnx.ModelProto) -> dict[str, NDArray[np.generic]]:
    to_array = onnx.numpy_helper.to_array
    return {tensor.name: to_array(tensor) for tensor in model.graph.initializer}
