"""The tensors of an ONNX graph for one item: their shapes, how wide they are, what is constant."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from edgefer.benchmarks.workload import width
from edgefer.errors import InputError, reason
from edgefer.imports import require
from edgefer.manifest import Precision

if TYPE_CHECKING:
    from onnx import ModelProto

_UNTOLD = width(Precision.FP32)


class Tensors:
    """Shapes and widths by name. `constants` grows as nodes turn out to compute from them alone."""

    def __init__(self, model: ModelProto) -> None:
        onnx = require("onnx", "export")
        graph = _for_one_item(model).graph
        values = (*graph.value_info, *graph.output, *graph.input)
        stored = {tensor.name: list(tensor.dims) for tensor in graph.initializer}
        kinds = {value.name: value.type.tensor_type.elem_type for value in values}
        kinds |= {tensor.name: tensor.data_type for tensor in graph.initializer}
        self.nodes = list(graph.node)
        self.constants = set(stored)
        self.inputs = [value.name for value in graph.input if value.name not in stored]
        self.outputs = [value.name for value in graph.output]
        self._shapes = {
            value.name: [side.dim_value for side in value.type.tensor_type.shape.dim]
            for value in values
        } | stored
        numbers = onnx.helper.tensor_dtype_to_np_dtype
        self._widths = {name: numbers(kind).itemsize for name, kind in kinds.items() if kind}

    def shape(self, name: str) -> list[int]:
        """Its sides for one item; InputError where they do not follow from the graph."""
        sides = self._shapes.get(name)
        if sides is None or 0 in sides:
            msg = f"tensor '{name}': expected a shape that follows from the graph, found {sides}"
            raise InputError(msg)
        return sides

    def elements(self, name: str) -> int:
        """How many numbers it has for one item."""
        return int(np.prod(self.shape(name)))

    def width(self, name: str) -> int:
        """Bytes of one of its numbers."""
        return int(self._widths.get(name, _UNTOLD))

    def size(self, constant: str) -> int:
        """Bytes of a constant; 0 where it is computed from a graph's shapes."""
        known = constant in self._shapes and 0 not in self._shapes[constant]
        return self.elements(constant) * self.width(constant) if known else 0


def _for_one_item(model: ModelProto) -> ModelProto:
    onnx = require("onnx", "export")
    made = onnx.ModelProto()
    made.CopyFrom(model)
    for value in (*made.graph.input, *made.graph.output):
        if value.type.tensor_type.shape.dim:
            value.type.tensor_type.shape.dim[0].dim_value = 1
    try:
        return onnx.shape_inference.infer_shapes(made, strict_mode=True, data_prop=True)
    except (onnx.shape_inference.InferenceError, ValueError) as error:
        msg = f"graph: expected shapes that follow from its inputs ({reason(error, 200)})"
        raise InputError(msg) from error
