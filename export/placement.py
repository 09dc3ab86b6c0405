"""Decides what of a graph runs in INT8, for each flavour, and says why the rest does not.

CPU: ONNX Runtime fuses `DQ -> operator -> Q`, so inputs and outputs of every INT8 operator are
INT8, residual additions too. GPU: TensorRT fuses a convolution with the addition and ReLU behind
it, so only what a convolution reads is INT8, and the skip input of an addition (NVIDIA's guidance
for explicit quantisation).
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from edgefer.export.graph import INPUT
from edgefer.imports import require
from edgefer.manifest import Flavour, HigherPrecision

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto, TypeProto

WEIGHTED = ("Conv", "Gemm")
_READS_PIXELS = "scales the pixels, which are exact before it"
_ADDS_UP = "its rows add up to 1 within FP32's rounding"
_ANSWERS = "makes the answers from the last layers' results"
_FUSED = "fused behind its convolution, adds before the sum is rounded"
_MATMUL = "its weights are those of a MatMul; INT8 ones are written for Conv and Gemm"
_GATE = "decides a gate, which scales all that follows: INT8 would round and gain nothing"
_NO_WEIGHTS = "no weights: INT8 would round and gain nothing"
LAYOUT = ("Cast", "Transpose", "Reshape", "Flatten")
# Below these shares of the multiply-adds and of the weights INT8 gains neither time nor size. A
# classifier's rounding shows most.
_WORTHWHILE = {"Gemm": 0.01, "Conv": 0.0002}
_WORTH_STORING = 0.01
_LEAST_STORED = 1 << 16
_GATES = ("Sigmoid", "HardSigmoid")
# What may lie between the layer that decides a gate and the gate.
_TOWARDS_GATE = (*LAYOUT, "Add", "Squeeze", "Unsqueeze")


@dataclass(frozen=True)
class Placement:
    """`weighted` names the nodes with INT8 weights. `tensors` maps each INT8 activation to the
    nodes that read it as INT8. `higher` is the rest, with reasons.
    """

    weighted: frozenset[str]
    tensors: dict[str, frozenset[str]]
    higher: tuple[HigherPrecision, ...]


class GraphView:
    """Who makes and who reads each tensor of a graph, and what its layers cost."""

    def __init__(self, model: ModelProto) -> None:
        self._model = model
        self.nodes = list(model.graph.node)
        self.constants = {tensor.name: list(tensor.dims) for tensor in model.graph.initializer}
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
        alone = onnx.ModelProto()
        alone.CopyFrom(self._model)
        del alone.graph.value_info[:]
        for value in (*alone.graph.input, *alone.graph.output):
            value.type.tensor_type.shape.dim[0].dim_value = 1
        graph = onnx.shape_inference.infer_shapes(alone, strict_mode=True, data_prop=True).graph
        values = (*graph.value_info, *graph.output)
        return {value.name: value.type.tensor_type for value in values}

    def floats(self) -> set[str]:
        """The activations in FP32."""
        kind = require("onnx", "export").TensorProto.FLOAT
        return {name for name, tensor in self._inferred.items() if tensor.elem_type == kind}

    def size(self, constant: str) -> int:
        """How many numbers a constant has."""
        return int(np.prod(self.constants[constant]))

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

    def why_exact(self, node: NodeProto) -> str | None:
        """Why a node stays in FP32 in every graph; None where it does not have to."""
        if self.reads_pixels(node):
            return _READS_PIXELS
        if node.name not in self._tail:
            return None
        return _ADDS_UP if node.op_type == "Softmax" else _ANSWERS

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


def place(view: GraphView, flavour: Flavour) -> Placement:
    """What is INT8 in `flavour`."""
    chosen, refused = _weighted(view)
    added = [node for node in view.nodes if node.op_type == "Add" and _joins(view, node, chosen)]
    tensors: dict[str, set[str]] = defaultdict(set)
    for node in view.nodes:
        if node.name in chosen:
            tensors[str(node.input[0])].add(node.name)
    if flavour is Flavour.CPU:
        for node in (*added, *(n for n in view.nodes if n.name in chosen)):
            tensors[view.result(node)].update(n.name for n in view.readers[view.result(node)])
        for node in added:
            for name in node.input:
                tensors[str(name)].update(n.name for n in view.readers[name])
    else:
        for node in added:
            tensors[_skip(view, node, tensors)].add(node.name)
    outputs = {name for name in tensors if not view.readers[name]}
    inner = {name: frozenset(who) for name, who in tensors.items() if name not in outputs}
    higher = _higher(view, flavour, chosen, added, refused)
    return Placement(frozenset(chosen), inner, higher)


def _weighted(view: GraphView) -> tuple[set[str], dict[str, str]]:
    """Names of the nodes with INT8 weights; of the others with weights, the reasons."""
    costs = {node.name: view.multiply_adds(node) for node in view.nodes}
    total, stored = sum(costs.values()), sum(map(view.size, view.constants))
    large = max(_WORTH_STORING * stored, _LEAST_STORED)
    chosen: set[str] = set()
    refused: dict[str, str] = {}
    for node in view.nodes:
        if not costs[node.name]:
            continue
        share = costs[node.name] / total
        small = share < _WORTHWHILE[node.op_type]
        if view.reads_pixels(node):
            refused[node.name] = _READS_PIXELS
        elif view.decides_gate(node):
            refused[node.name] = _GATE
        elif small and view.size(node.input[1]) < large:
            refused[node.name] = f"{share:.4%} of the multiply-adds: nothing to gain"
        else:
            chosen.add(node.name)
    return chosen, refused


def _joins(view: GraphView, node: NodeProto, chosen: set[str]) -> bool:
    """Whether an addition joins two activations of which one comes from an INT8 layer."""
    if any(name in view.constants for name in node.input):
        return False
    makers = [view.producer.get(name) for name in node.input]
    return any(maker is not None and maker.name in chosen for maker in makers)


def _skip(view: GraphView, node: NodeProto, quantized: dict[str, set[str]]) -> str:
    """The input of an addition that is not computed by the layer it will be fused with."""
    first, second = (str(name) for name in node.input)
    if first in quantized or second in quantized:
        return first if first in quantized else second
    # both come from layers: fuse with the longer branch, which is computed last
    makers = [view.producer[name] for name in (first, second)]
    costs = [view.multiply_adds(maker) for maker in makers]
    return first if costs[0] < costs[1] else second


def _higher(
    view: GraphView,
    flavour: Flavour,
    chosen: set[str],
    added: list[NodeProto],
    refused: dict[str, str],
) -> tuple[HigherPrecision, ...]:
    joined = {node.name for node in added}
    found = []
    for node in view.nodes:
        if node.name in chosen or node.op_type in (*LAYOUT, "Relu"):
            continue
        if node.name in joined and flavour is Flavour.CPU:
            continue
        exact = view.why_exact(node)
        reason = exact or refused.get(node.name, _NO_WEIGHTS)
        if node.op_type == "MatMul" and node.input[1] in view.constants:
            reason = _MATMUL
        if node.name in joined:
            reason = _FUSED
        precision = "fp32" if flavour is Flavour.CPU or exact else "fp16"
        found.append(HigherPrecision(str(flavour), node.name, node.op_type, precision, reason))
    return tuple(found)
