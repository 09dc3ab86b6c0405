"""Bias correction takes away what rounding adds on average, in each layer for itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import helper

from edgefer.calibration.bias_correction import correct_bias
from edgefer.calibration.collect import collect_ranges
from edgefer.calibration.fetch import fetch
from edgefer.calibration.grid import along, channel_axis, round_weights, weight_scales
from edgefer.calibration.table import Range
from edgefer.calibration.view import GraphView
from tests.export.graphs import (
    GRAPHS,
    GraphMaker,
    large_classifier,
    residual,
    shared_weights,
)
from tests.export.hard import constant, depthwise_and_hard_swish, replace_constant, smooth_faces

FACES = smooth_faces(24)
MODELS = (*GRAPHS.values(), depthwise_and_hard_swish)


def batches() -> Iterator[NDArray[np.uint8]]:
    yield FACES[:16]
    yield FACES[16:]


def layers_of(model: onnx.ModelProto) -> list[onnx.NodeProto]:
    """All but the one that scales the pixels."""
    return [n for n in model.graph.node if n.op_type in ("Conv", "Gemm") and n.name != "input"]


def ranges_of(model: onnx.ModelProto, share: float = 1.0) -> dict[str, Range]:
    """Of what the layers read; cut off at a `share` of what was there."""
    tensors = sorted({node.input[0] for node in layers_of(model)})
    ranges = collect_ranges(model.SerializeToString(), tensors, batches())
    return {name: Range(each.low * share, each.high * share) for name, each in ranges.items()}


def mean_result(model: onnx.ModelProto, layer: str) -> NDArray[np.float64]:
    """Of each channel of a layer over faces and places: [channels]."""
    (values,) = (found[layer] for found in fetch(model, [layer], [FACES]))
    return values.mean(axis=(0, *range(2, values.ndim)), dtype=np.float64)


def rounded_alone(
    model: onnx.ModelProto, layer: onnx.NodeProto, ranges: dict[str, Range]
) -> onnx.ModelProto:
    """The FP32 graph with one layer of rounded weights, which reads what is within its range."""
    made = onnx.ModelProto()
    made.CopyFrom(model)
    scales = weight_scales(GraphView(model), layers_of(model), ranges)
    weight, axis = layer.input[1], channel_axis(layer)
    exact = constant(model, weight)
    inexact = round_weights(exact, scales[weight], axis) * along(scales[weight], axis, exact.ndim)
    made.graph.initializer.append(onnx.numpy_helper.from_array(inexact, "rounded"))
    limit = np.float32(ranges[layer.input[0]].limit)
    for name, end in (("low", -limit), ("high", limit)):
        made.graph.initializer.append(onnx.numpy_helper.from_array(np.asarray(end), name))
    place = [node.name for node in made.graph.node].index(layer.name)
    made.graph.node[place].input[1] = "rounded"
    made.graph.node[place].input[0] = "within"
    clip = helper.make_node("Clip", [layer.input[0], "low", "high"], ["within"], name="within")
    made.graph.node.insert(place, clip)
    return made


@pytest.mark.parametrize("share", [1.0, 0.5])
@pytest.mark.parametrize("made", MODELS, ids=lambda made: made.__name__)
def test_the_mean_is_that_of_the_exact_layer(
    made: Callable[[], onnx.ModelProto], share: float
) -> None:
    model = made()
    ranges = ranges_of(model, share)
    corrections = correct_bias(model, layers_of(model), ranges, {}, batches())
    assert set(corrections) == {node.name for node in layers_of(model)}
    for node in layers_of(model):
        exact = mean_result(model, node.name)
        inexact = mean_result(rounded_alone(model, node, ranges), node.name)
        assert np.abs(inexact - exact).max() > 1e-6  # or there is nothing to correct
        assert corrections[node.name].dtype == np.float32
        np.testing.assert_allclose(inexact + corrections[node.name], exact, atol=2e-4)


def test_other_integers_have_another_correction() -> None:
    model = shared_weights()
    ranges, layers = ranges_of(model), layers_of(model)
    nearest = correct_bias(model, layers, ranges, {}, batches())
    shared = next(node.input[1] for node in layers if node.name == "one")
    integers = {shared: np.zeros((8, 8, 3, 3), np.int8)}
    found = correct_bias(model, layers, ranges, integers, batches())
    bias = constant(model, next(node.input[2] for node in layers if node.name == "one"))
    for name in ("one", "two"):
        np.testing.assert_allclose(found[name], mean_result(model, name) - bias, atol=2e-4)
    assert np.array_equal(found["stem"], nearest["stem"])


def test_batches_make_no_difference() -> None:
    model = residual()
    ranges, layers = ranges_of(model), layers_of(model)
    whole = correct_bias(model, layers, ranges, {}, [FACES])
    parts = correct_bias(model, layers, ranges, {}, batches())
    for name, correction in whole.items():
        np.testing.assert_allclose(parts[name], correction, atol=1e-6)


def test_exact_weights_need_none() -> None:
    """All weights are integers, the greatest of each channel the last of them."""
    model = residual()
    random = np.random.default_rng(3)
    for node in layers_of(model):
        integers = random.integers(-127, 128, constant(model, node.input[1]).shape)
        integers.reshape(len(integers), -1)[:, 0] = 127
        replace_constant(model, node.input[1], (integers / 1024).astype(np.float32))
    found = correct_bias(model, layers_of(model), ranges_of(model), {}, batches())
    assert all(np.abs(correction).max() < 1e-5 for correction in found.values())


def test_a_bias_that_is_no_constant_is_left_alone() -> None:
    made = GraphMaker()
    made.node("GlobalAveragePool", ["stem"], "mean")
    made.node("Flatten", ["mean"], "a")
    made.node("Gemm", ["a", made.weight(8, 8), "a"], "hidden")
    made.node("Unsqueeze", ["hidden", made.constant("axes", np.array([2, 3]))], "b")
    model = made.close("b", 8)
    found = correct_bias(model, layers_of(model), ranges_of(model), {}, batches())
    assert set(found) == {"stem", "classifier"}


def test_a_scaled_layer_is_left_alone() -> None:
    model = large_classifier()
    next(n for n in model.graph.node if n.name == "hidden").attribute.append(
        helper.make_attribute("alpha", 0.5)
    )
    found = correct_bias(model, layers_of(model), ranges_of(model), {}, batches())
    assert "hidden" not in found
