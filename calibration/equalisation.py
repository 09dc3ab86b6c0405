"""Equalisation between layers: moves the scales of channels from one layer into the next.

Nagel et al., Data-Free Quantization Through Weight Equalization and Bias Correction, ICCV 2019,
section 4.1. What lies between the two layers passes positive scales on, so that the network's
answers stay as they are, while no channel has most of a tensor's range to itself.

The paper weighs the weights of both layers against each other. Ours have a step for each result, so
that the first layer's do not matter: what goes from one layer to the next is weighed against the
second layer's weights (Xiao et al., SmoothQuant, ICML 2023).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from edgefer.calibration.fetch import fetch
from edgefer.calibration.grid import channel_axis
from edgefer.calibration.layers import from_rows, is_plain, to_rows
from edgefer.calibration.view import WEIGHTED, GraphView
from edgefer.imports import require

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto, TensorProto

Doubles = NDArray[np.float64]
Reaches = Mapping[str, Doubles]

# f(scale * x) = scale * f(x) for each channel and any scale above 0.
_PASS_ON = ("Relu", "LeakyRelu", "PRelu", "MaxPool", "AveragePool")
_POOL_ALL = ("GlobalAveragePool", "GlobalMaxPool")
# What may stand behind the pool of a whole face: one number for each channel is left to them.
_POOLED = (*_POOL_ALL, "ReduceMean", "Flatten", "Reshape", "Squeeze")
# How much of what goes between two layers is moved into the second one's weights. Measured on two
# trained networks: 0.75 loses less than 0.5 and 1, and than the weights of both at 0.5.
_MOVED = 0.75
_LEAST_SEEN = 1e-4  # of the greatest channel
_ROUNDS = 100
_SETTLED = 1e-3  # of the logarithm of a scale


def equalise(model: ModelProto, reaches: Reaches) -> ModelProto:
    """A copy of `model`, tidy and FP32, with other weights and biases and the same answers.

    `reaches` is what `find_reaches` gives. A layer is left alone that scales the pixels, or shares
    its weights or bias with another.
    """
    made = require("onnx", "export").ModelProto()
    made.CopyFrom(model)
    stored = {tensor.name: tensor for tensor in made.graph.initializer}
    pairs = [
        _Pair(first, second, reaches[str(second.node.input[0])])
        for first, second in _neighbours(GraphView(made))
    ]
    for _ in range(_ROUNDS):
        moved = [pair.equalise() for pair in pairs]
        if max(moved, default=0.0) < _SETTLED:
            break
    for pair in pairs:
        pair.first.store(stored)
        pair.second.store(stored)
    return made


def find_reaches(model: ModelProto, batches: Iterable[NDArray[np.uint8]]) -> Reaches:
    """The greatest absolute value of each channel between two layers: float64 [channels] by tensor.

    `batches` are the faces, uint8 [n, size, size, 3], RGB.
    """
    tensors = [str(second.node.input[0]) for _, second in _neighbours(GraphView(model))]
    found: dict[str, Doubles] = {}
    for seen in fetch(model, tensors, batches):
        for name, values in seen.items():
            others = tuple(axis for axis in range(values.ndim) if axis != 1)
            reach = np.abs(values).max(axis=others).astype(np.float64)
            found[name] = np.maximum(found.get(name, 0), reach)
    return found


class _Layer:
    """The weights and the bias of a layer while they change.

    `weights` is float64 [groups, results of a group, inputs of a group, window].
    """

    def __init__(self, view: GraphView, node: NodeProto) -> None:
        self.node = node
        weight = view.values(str(node.input[1])).astype(np.float64)
        rows = to_rows(node, weight)
        inputs = weight.shape[1] if node.op_type == "Conv" else rows.shape[2]
        self.weights = rows.reshape(*rows.shape[:2], inputs, -1)
        self.bias = view.values(str(node.input[2])).astype(np.float64) if _has_bias(node) else None

    @property
    def results(self) -> int:
        """How many channels it makes."""
        return int(self.weights.shape[0] * self.weights.shape[1])

    @property
    def inputs(self) -> int:
        """How many channels it reads."""
        return int(self.weights.shape[0] * self.weights.shape[2])

    def store(self, stored: dict[str, TensorProto]) -> None:
        """Write weights and bias into the constants of their names, in FP32."""
        tensor = stored[self.node.input[1]]
        rows = self.weights.reshape(*self.weights.shape[:2], -1)
        _replace(tensor, from_rows(self.node, rows, tensor.dims))
        if self.bias is not None:
            _replace(stored[self.node.input[2]], self.bias)


def _replace(tensor: TensorProto, values: Doubles) -> None:
    from_array = require("onnx", "export").numpy_helper.from_array
    tensor.CopyFrom(from_array(values.astype(np.float32), tensor.name))


def _has_bias(node: NodeProto) -> bool:
    return len(node.input) > 2 and bool(node.input[2])


class _Pair:
    """Two layers with nothing between them but what passes scales on.

    `seen` is the reach of what goes between them: float64 [channels].
    """

    def __init__(self, first: _Layer, second: _Layer, seen: Doubles) -> None:
        self.first, self.second = first, second
        # a channel that was hardly seen may be great in other faces
        self.seen = seen.clip((seen > 0) * seen.max() * _LEAST_SEEN)

    def equalise(self) -> float:
        """Scale the channels between the two; the greatest logarithm of the scales.

        A channel without weights but 0 on one of the sides, or never seen, keeps its scale.
        """
        weights = np.abs(self.first.weights).max(axis=(2, 3)).ravel()
        takes = np.abs(self.second.weights).max(axis=(1, 3)).ravel()
        alive = (weights > 0) & (self.seen > 0) & (takes > 0)
        if not alive.any():
            return 0.0
        logarithms = _MOVED * np.log(self.seen[alive]) - (1 - _MOVED) * np.log(takes[alive])
        # around 1, so that the whole stays as great as it was: FP16 has to hold it
        logarithms -= logarithms.mean()
        scales = np.ones_like(takes)
        scales[alive] = np.exp(logarithms)
        self._scale(scales)
        return float(np.abs(logarithms).max())

    def _scale(self, scales: Doubles) -> None:
        first, second = self.first, self.second
        first.weights = first.weights / scales.reshape(len(first.weights), -1, 1, 1)
        if first.bias is not None:
            first.bias = first.bias / scales.reshape(first.bias.shape)
        self.seen = self.seen / scales
        second.weights = second.weights * scales.reshape(len(second.weights), 1, -1, 1)


def _neighbours(view: GraphView) -> list[tuple[_Layer, _Layer]]:
    """The pairs in the order of the graph."""
    read = Counter(name for node in view.nodes for name in node.input)
    layers = {node.name: _Layer(view, node) for node in view.nodes if _is_its_own(view, node, read)}
    found = []
    for first in layers.values():
        second = layers.get(_next_layer(view, first.node))
        if second is not None and second.inputs == first.results:
            found.append((first, second))
    return found


def _is_its_own(view: GraphView, node: NodeProto, read: Counter[str]) -> bool:
    """Whether the weights and the bias of a layer may be scaled: no other layer has them."""
    if node.op_type not in WEIGHTED or view.reads_pixels(node) or not is_plain(node):
        return False
    constants = [name for name in node.input[1:] if name]
    if any(name not in view.constants or read[name] > 1 for name in constants):
        return False
    results = view.constants[node.input[1]][channel_axis(node)]
    return all(view.size(bias) == results for bias in constants[1:])


def _next_layer(view: GraphView, node: NodeProto) -> str:
    """The name of the one layer that gets the results of `node`, scale for scale; or ''."""
    pooled = False
    while True:
        made = node.output[0]
        if made in view.outputs or len(view.readers[made]) != 1:
            return ""
        (node,) = view.readers[made]
        if node.input[0] != made:
            return ""
        if node.op_type in WEIGHTED:
            return str(node.name)
        pooled |= _pools_all(view, node)
        if not (node.op_type in _PASS_ON or (pooled and node.op_type in _POOLED)):
            return ""


def _pools_all(view: GraphView, node: NodeProto) -> bool:
    """Whether one number is left of each channel."""
    if node.op_type != "ReduceMean":
        return node.op_type in _POOL_ALL
    axes = node.input[1] if len(node.input) > 1 else ""
    if axes not in view.constants:
        return False
    return {int(axis) % 4 for axis in view.values(axes).ravel()} == {2, 3}
