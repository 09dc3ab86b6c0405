"""A graph that was made for one face at a time takes any number of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from edgefer.imports import require

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

BATCH = "n"


def free_batch(model: ModelProto) -> None:
    """Let a tidy graph for one face take several, in place, as far as its form allows.

    What stands in its way are constants that say "one": the first number of a shape to reshape to,
    and the axes of a squeeze. Whether that was all, running it on two faces tells.
    """
    graph = model.graph
    sides = _sides(model)
    for value in (*graph.input, *graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = BATCH
    del graph.value_info[:]  # they say "one" too
    constants = {tensor.name: tensor for tensor in graph.initializer}
    to_array = require("onnx", "export").numpy_helper.to_array
    for node in graph.node:
        given = constants.get(node.input[1]) if len(node.input) > 1 else None
        if node.op_type == "Reshape" and given is not None:
            _replace(model, node, _free_shape(to_array(given)))
        elif node.op_type == "Squeeze":
            shape = sides.get(node.input[0], [])
            axes = to_array(given) if given is not None else np.flatnonzero(np.equal(shape, 1))
            _replace(model, node, axes[axes % max(len(shape), 1) != 0])


def _sides(model: ModelProto) -> dict[str, list[int]]:
    """The shape of each activation for one face; 0 for a side that is not known."""
    graph = require("onnx", "export").shape_inference.infer_shapes(model, data_prop=True).graph
    return {
        value.name: [side.dim_value for side in value.type.tensor_type.shape.dim]
        for value in (*graph.input, *graph.value_info, *graph.output)
    }


def _free_shape(shape: NDArray[np.int64]) -> NDArray[np.int64]:
    """The same with any number of faces first: what is left over, or what came in."""
    if shape[:1].tolist() != [1]:
        return shape
    first = 0 if -1 in shape[1:] else -1
    return np.asarray([first, *shape[1:]], dtype=np.int64)


def _replace(model: ModelProto, node: NodeProto, values: NDArray[np.int64]) -> None:
    """Give the node a second input of its own: another may share the one that it has."""
    name = f"{node.name}.{'axes' if node.op_type == 'Squeeze' else 'shape'}"
    made = require("onnx", "export").numpy_helper.from_array(values.astype(np.int64), name)
    model.graph.initializer.append(made)
    del node.input[1:]
    node.input.append(name)
