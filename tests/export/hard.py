"""Networks that INT8 harms: the same answers in FP32, one channel far greater than the others."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from tests.export.graphs import SIZE, GraphMaker


def with_a_great_channel(
    model: onnx.ModelProto, first: str, second: str, factor: float = 100.0, channel: int = 0
) -> onnx.ModelProto:
    """A copy whose convolution `second` gets one channel of `first` that much greater.

    Its weights for it are as much smaller, so that an operator between the two that passes scales
    on leaves the answers as they were.
    """
    made = onnx.ModelProto()
    made.CopyFrom(model)
    nodes = {node.name: node for node in made.graph.node}
    for name in nodes[first].input[1:]:
        values = constant(made, name)
        values[channel] *= factor
        replace_constant(made, name, values)
    weight = nodes[second].input[1]
    values = constant(made, weight)
    depthwise = values.shape[1] == 1 and len(values) > 1
    if depthwise:
        values[channel] /= factor
    else:
        values[:, channel] /= factor
    replace_constant(made, weight, values)
    return made


def constant(model: onnx.ModelProto, name: str) -> NDArray[np.float32]:
    """A copy of the numbers of a constant."""
    (tensor,) = (tensor for tensor in model.graph.initializer if tensor.name == name)
    return np.array(numpy_helper.to_array(tensor))


def replace_constant(model: onnx.ModelProto, name: str, values: NDArray[np.float32]) -> None:
    """Other numbers under the name of a constant."""
    (tensor,) = (tensor for tensor in model.graph.initializer if tensor.name == name)
    tensor.CopyFrom(numpy_helper.from_array(values, name))


def depthwise_and_hard_swish(size: int = SIZE) -> onnx.ModelProto:
    """Linear connections into and out of depthwise layers, hard-swish at the others."""
    made = GraphMaker(seed=5, size=size)
    made.node("HardSwish", ["stem"], "a")
    made.conv("filter1", "a", 8, 8, group=8)
    made.conv("widen", "filter1", 8, 16)
    made.conv("filter2", "widen", 16, 16, group=16, bias=False)
    made.node("Relu", ["filter2"], "b")
    made.conv("narrow", "b", 16, 8)
    made.node("HardSwish", ["narrow"], "c")
    made.conv("last", "c", 8, 12)
    made.node("MaxPool", ["last"], "d", kernel_shape=[2, 2], strides=[2, 2])
    return made.close("d", 12)


def with_coarse_weights(model: onnx.ModelProto, layers: Sequence[str]) -> onnx.ModelProto:
    """A copy in which one weight of each result is so great that the others share few integers."""
    made = onnx.ModelProto()
    made.CopyFrom(model)
    for node in made.graph.node:
        if node.name in layers:
            values = constant(made, node.input[1])
            values[:, 0, 0, 0] = 6 * np.abs(values).max(axis=(1, 2, 3))
            replace_constant(made, node.input[1], values)
    return made


def smooth_faces(count: int) -> NDArray[np.uint8]:
    """Pictures of few colours: uint8 [count, SIZE, SIZE, 3], neighbours mostly the same."""
    coarse = np.random.default_rng(1).integers(0, 256, (count, 4, 4, 3), np.uint8)
    return coarse.repeat(SIZE // 4, axis=1).repeat(SIZE // 4, axis=2)
