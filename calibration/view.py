"""A graph as it is: who makes and reads each tensor, what layers cost, what must be exact."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from edgefer.imports import require

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto, TypeProto

INPUT = "pixels"
WEIGHTED = ("Conv", "Gemm")
LAYOUT = ("Cast", "Transpose", "Reshape", "Flatten")
# What only moves or picks values of its first input: INT8 goes through them as it is.
MOVES = (
    *("Transpose", "Reshape", "Flatten", "Squeeze", "Unsqueeze"),
    *("Slice", "Split", "DepthToSpace", "MaxPool"),
)
READS_PIXELS = "scales the pixels, which are exact before it"
BEYOND_FP16 = "reads or makes values near or beyond what FP16 holds"
_ADDS_UP = "its rows add up to 1 within FP32's rounding"
_ANSWERS = "makes the answers from the last layers' results"
_GATES = ("Sigmoid", "HardSigmoid")
# What may lie between the layer that decides a gate and the gate.
_TOWARDS_GATE = (*LAYOUT, "Add", "Squeeze", "Unsqueeze")
# What shape inference may want to know the values of is smaller.
_SHAPES = 1024


class GraphView:
    """Who makes and who reads each tensor of a graph, and what its layers cost.

    `beyond_fp16` are the activations that FP16 cannot be trusted with.
    """

    def __init__(self, model: ModelProto, beyond_fp16: Collection[str] = ()) -> None:
        self.model = model
        self.beyond_fp16 = frozenset(beyond_fp16)
        self.nodes = list(model.graph.node)
        self._stored = {tensor.name: tensor for tensor in model.graph.initializer}
        self.constants = {name: list(tensor.dims) for name, tensor in self._stored.items()}
        self.producer = {name: node for node in self.nodes for name in node.output}
        self.readers: dict[str, list[NodeProto]] = defaultdict(list)
        for node in self.nodes:
            for name in node.input:
                self.readers[name].append(node)
        self.outputs = {value.name for value in model.graph.output}
        self._tail = self._find_tail()

    @cached_property
    def _inferred(self) -> dict[str, TypeProto.Tensor]:
        """Type and shape of each activation for one face; not every reader needs them."""
        onnx = require("onnx", "export")
        alone = self._without_weights()
        graph = onnx.shape_inference.infer_shapes(alone, strict_mode=True, data_prop=True).graph
        values = (*graph.value_info, *graph.output)
        return {value.name: value.type.tensor_type for value in values}

    def _without_weights(self) -> ModelProto:
        """The model for one face; large constants are inputs, which need not be copied."""
        onnx = require("onnx", "export")
        graph, made = self.model.graph, onnx.ModelProto()
        made.ir_version = self.model.ir_version
        made.opset_import.extend(self.model.opset_import)
        made.graph.name = graph.name
        made.graph.node.extend(graph.node)
        made.graph.output.extend(graph.output)
        made.graph.input.extend(graph.input)
        for value in (*made.graph.input, *made.graph.output):
            value.type.tensor_type.shape.dim[0].dim_value = 1
        for tensor in graph.initializer:
            if np.prod(tensor.dims) <= _SHAPES:
                made.graph.initializer.append(tensor)
            else:
                about = onnx.helper.make_tensor_value_info
                made.graph.input.append(about(tensor.name, tensor.data_type, tensor.dims))
        return made

    def floats(self) -> set[str]:
        """The activations in FP32."""
        kind = require("onnx", "export").TensorProto.FLOAT
        return {name for name, tensor in self._inferred.items() if tensor.elem_type == kind}

    def values(self, constant: str) -> NDArray[np.float32]:
        """The numbers of a constant."""
        found = require("onnx", "export").numpy_helper.to_array(self._stored[constant])
        return np.asarray(found, dtype=np.float32)

    def float_constants(self) -> list[str]:
        """The names of those in FP32."""
        kind = require("onnx", "export").TensorProto.FLOAT
        return [name for name, tensor in self._stored.items() if tensor.data_type == kind]

    def size(self, constant: str) -> int:
        """How many numbers a constant has."""
        return int(np.prod(self.constants[constant]))

    def elements(self, activation: str) -> int:
        """How many numbers an activation has for one face."""
        dims = self._inferred[activation].shape.dim
        return int(np.prod([side.dim_value for side in dims]))

    def multiply_adds(self, node: NodeProto) -> int:
        """Of one face; 0 for an operator without weights."""
        if node.op_type not in WEIGHTED or node.input[1] not in self.constants:
            return 0
        made = self._inferred[node.output[0]].shape.dim
        # how often the weights are used: at each place, or for each row
        sides = made[2:] if node.op_type == "Conv" else made[:-1]
        return self.size(node.input[1]) * int(np.prod([side.dim_value for side in sides]))

    def result(self, node: NodeProto) -> str:
        """The node's output, behind the ReLU that will be fused into it."""
        name = str(node.output[0])
        readers = self.readers[name]
        if len(readers) == 1 and readers[0].op_type == "Relu":
            return str(readers[0].output[0])
        return name

    def activations(self, node: NodeProto) -> list[str]:
        """What a node reads that is neither a constant nor left out."""
        return [str(name) for name in node.input if name and name not in self.constants]

    def why_exact(self, node: NodeProto) -> str | None:
        """Why a node stays in FP32 in every graph; None where it does not have to."""
        if self.reads_pixels(node):
            return READS_PIXELS
        if self.is_beyond_fp16(node):
            return BEYOND_FP16
        if node.name not in self._tail:
            return None
        return _ADDS_UP if node.op_type == "Softmax" else _ANSWERS

    def is_beyond_fp16(self, node: NodeProto) -> bool:
        """Whether a node reads or makes one of the tensors `beyond_fp16`."""
        return any(name in self.beyond_fp16 for name in (*node.input, *node.output))

    def decides_gate(self, node: NodeProto) -> bool:
        """Whether all that a node makes goes into sigmoids, which are not themselves answers."""
        return node.name in self._gating

    @cached_property
    def _gating(self) -> set[str]:
        """Names of the nodes whose results lead to gates and to nothing else."""
        found: set[str] = set()
        for node in reversed(self.nodes):
            readers = [reader for name in node.output for reader in self.readers[name]]
            if readers and all(self._towards_gate(reader, found) for reader in readers):
                found.add(node.name)
        return found - self._tail

    def _towards_gate(self, reader: NodeProto, gating: set[str]) -> bool:
        if reader.op_type in _GATES:
            return reader.name not in self._tail
        return reader.op_type in _TOWARDS_GATE and reader.name in gating

    def reads_pixels(self, node: NodeProto) -> bool:
        """Whether nothing but layout lies between the pixels and this node."""
        if not node.input:
            return False
        maker = self.producer.get(node.input[0])
        if maker is None:
            return bool(node.input[0] == INPUT)
        return maker.op_type in LAYOUT and self.reads_pixels(maker)

    def _find_tail(self) -> set[str]:
        """Names of the nodes between the last weights or softmax and the outputs."""
        tail: set[str] = set()
        for node in reversed(self.nodes):
            readers = [reader for name in node.output for reader in self.readers[name]]
            ends = any(name in self.outputs for name in node.output)
            leads = bool(readers) and all(
                reader.name in tail and reader.op_type != "Softmax" for reader in readers
            )
            if node.op_type not in WEIGHTED and (ends or leads):
                tail.add(node.name)
        return tail
