"""Networks that INT8 harms: the same answers in FP32, one channel far greater than the others."""

from __future__ import annotations

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper


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
