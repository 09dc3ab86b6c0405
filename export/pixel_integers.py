"""Scales the pixels of an INT8 graph for the CPU in integers: they are integers to begin with.

A pixel is on the grid of step 1, and the scale of a colour is 127 of its own steps: both exact.
Only the offset is rounded, by 1/254 of a pixel's step at most (our choice).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from edgefer.calibration.grid import MOST
from edgefer.calibration.layers import attributes
from edgefer.calibration.view import INPUT
from edgefer.imports import require

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from onnx import GraphProto, ModelProto, NodeProto

_KINDS = ("Cast", "Transpose", "Conv")


def scale_integers(model: ModelProto) -> set[str]:
    """Change what scales the pixels from float (Cast, Transpose, Conv) to an INT8 convolution.

    Only where each of its channels has one colour, so that the scales stay exact, and where INT8
    follows; other graphs stay as they are. Gives the names of the nodes that are INT8 now.
    """
    graph = model.graph
    nodes = list(graph.node)
    for place in range(len(nodes) - len(_KINDS)):
        steps = nodes[place : place + len(_KINDS)]
        if _scales_pixels(graph, steps):
            nodes[place : place + len(_KINDS)] = _in_integers(graph, *steps)
            del graph.node[:]
            graph.node.extend(nodes)
            _leave_out_unread(graph)
            return {steps[-1].name}
    return set()


def _in_integers(
    graph: GraphProto, cast: NodeProto, planes: NodeProto, scaled: NodeProto
) -> list[NodeProto]:
    """The same in the form that ONNX Runtime fuses; its constants are added to the graph."""
    onnx = require("onnx", "export")
    stored = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}
    weights, *bias = (stored[name] for name in scaled.input[1:])
    steps = (np.abs(weights).max(axis=(1, 2, 3)) / MOST).astype(np.float32)
    integers = [np.rint(weights / steps[:, None, None, None]).astype(np.int8)]
    integers += [np.rint(each / steps).astype(np.int32) for each in bias]
    parted = onnx.NodeProto()
    parted.CopyFrom(planes)
    parted.input[0] = cast.input[0]
    nodes = [parted, _dequantize(graph, str(planes.output[0]), np.float32(1), np.uint8(0))]
    for name, values in zip(scaled.input[1:], integers):
        stored_as = f"{name}.quantized"
        graph.initializer.append(onnx.numpy_helper.from_array(values, stored_as))
        nodes.append(_dequantize(graph, stored_as, steps, np.zeros(len(steps), values.dtype)))
    made = onnx.NodeProto()
    made.CopyFrom(scaled)
    del made.input[:]
    made.input.extend(node.output[0] for node in nodes[1:])
    return [*nodes, made]


def _dequantize(
    graph: GraphProto, name: str, step: NDArray[np.float32] | np.float32, zero: NDArray[np.generic]
) -> NodeProto:
    """What makes numbers of the integers in `name`; along the first axis where there are steps."""
    onnx = require("onnx", "export")
    inputs = [name, f"{name}.scale", f"{name}.zero"]
    for constant, values in zip(inputs[1:], (step, zero)):
        graph.initializer.append(onnx.numpy_helper.from_array(np.asarray(values), constant))
    axis = {"axis": 0} if np.ndim(step) else {}
    output = f"{name}.dequantized"
    return onnx.helper.make_node("DequantizeLinear", inputs, [output], name=output, **axis)


def _leave_out_unread(graph: GraphProto) -> None:
    """ONNX Runtime would warn of constants that nobody reads."""
    read = {name for node in graph.node for name in node.input}
    kept = [tensor for tensor in graph.initializer if tensor.name in read]
    del graph.initializer[:]
    graph.initializer.extend(kept)


def _scales_pixels(graph: GraphProto, steps: list[NodeProto]) -> bool:
    """Whether these follow each other, are no more than scales of a colour, and INT8 follows."""
    if tuple(node.op_type for node in steps) != _KINDS or steps[0].input[0] != INPUT:
        return False
    for before, after in zip(steps, steps[1:]):
        if [node for node in graph.node if before.output[0] in node.input] != [after]:
            return False
    told = attributes(steps[2])
    plain = not any(told.get("pads", ())) and set(told.get("strides", ())) <= {1}
    readers = {node.op_type for node in graph.node if steps[2].output[0] in node.input}
    return plain and readers == {"QuantizeLinear"} and _one_colour_each(graph, steps[2])


def _one_colour_each(graph: GraphProto, scaled: NodeProto) -> bool:
    """Whether a convolution's weights are constants, 1x1, and all but one of a channel are 0."""
    to_array = require("onnx", "export").numpy_helper.to_array
    stored = {tensor.name: tensor for tensor in graph.initializer}
    if not set(scaled.input[1:]) <= set(stored):
        return False
    weights = to_array(stored[scaled.input[1]])
    return weights.shape[1:] == (3, 1, 1) and bool((np.count_nonzero(weights, axis=1) == 1).all())
