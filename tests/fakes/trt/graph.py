"""An ONNX graph with the types and shapes of all its tensors."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper

# Our names for the types, which are those of TensorRT.
TYPES = {
    TensorProto.FLOAT: "FLOAT",
    TensorProto.FLOAT16: "HALF",
    TensorProto.BFLOAT16: "BF16",
    TensorProto.INT8: "INT8",
    TensorProto.INT32: "INT32",
    TensorProto.INT64: "INT64",
    TensorProto.BOOL: "BOOL",
    TensorProto.UINT8: "UINT8",
}


@dataclass(frozen=True)
class Value:
    """Type and shape of a tensor; sizes that change are names, or -1 without one."""

    dtype: str
    dims: tuple[int | str, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape as TensorRT gives it."""
        return tuple(size if isinstance(size, int) else -1 for size in self.dims)


class Graph:
    """Looks up who makes a tensor and who reads it."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self.model = model
        self.nodes = list(model.graph.node)
        # Unnamed nodes are called after their output, as TensorRT's parser does.
        self.names = {
            id(node): node.name or f"node_of_{node.output[0]}" for node in model.graph.node
        }

    @cached_property
    def constants(self) -> dict[str, TensorProto]:
        """The initializers, and what nodes of the kind Constant hold."""
        found = {tensor.name: tensor for tensor in self.model.graph.initializer}
        for node in self.nodes:
            for attribute in node.attribute:
                if node.op_type == "Constant" and attribute.name == "value":
                    found[node.output[0]] = attribute.t
        return found

    @cached_property
    def values(self) -> dict[str, Value]:
        """Types and shapes, by the name of the tensor."""
        graph = onnx.shape_inference.infer_shapes(self.model).graph
        found = {
            name: Value(TYPES.get(tensor.data_type, "FLOAT"), tuple(tensor.dims))
            for name, tensor in self.constants.items()
        }
        for info in (*graph.value_info, *graph.input, *graph.output):
            kind = info.type.tensor_type
            dims = (size.dim_param or (size.dim_value or -1) for size in kind.shape.dim)
            found[info.name] = Value(TYPES.get(kind.elem_type, "FLOAT"), tuple(dims))
        return found

    @cached_property
    def makers(self) -> dict[str, Any]:
        """Who makes a tensor."""
        return {name: node for node in self.nodes for name in node.output}

    @cached_property
    def readers(self) -> dict[str, list[Any]]:
        """Who reads a tensor."""
        found: dict[str, list[Any]] = {}
        for node in self.nodes:
            for name in node.input:
                found.setdefault(name, []).append(node)
        return found

    def array(self, name: str) -> np.ndarray[Any, Any] | None:
        """The numbers of a constant."""
        tensor = self.constants.get(name)
        return None if tensor is None else numpy_helper.to_array(tensor)

    def maker(self, name: str, operator: str) -> Any:
        """Who makes a tensor, if it is this operator."""
        node = self.makers.get(name)
        return node if node is not None and node.op_type == operator else None

    def only_reader(self, name: str, operator: str) -> Any:
        """Who alone reads a tensor, if it is this operator."""
        readers = self.readers.get(name, [])
        return readers[0] if len(readers) == 1 and readers[0].op_type == operator else None
