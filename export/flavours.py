"""One calibration table, two INT8 graphs: `gpu.onnx` for TensorRT, `cpu.onnx` for ONNX Runtime.

GPU: signed INT8 around 0 for everything, float bias, FP16 for the rest. CPU: unsigned activations
(zero point 0 where nothing is negative, so that ReLU costs nothing; else 128), signed weights per
channel, INT32 bias. Weights are stored as INT8 in both.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from edgefer.calibration.table import CalibrationTable, Range
from edgefer.errors import InputError
from edgefer.export.half import to_half
from edgefer.export.placement import GraphView, Placement, place
from edgefer.imports import require
from edgefer.manifest import Flavour, HigherPrecision

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

Floats = NDArray[np.float32]
# the least scale that FP16 holds with some precision left
_LEAST_SCALE = 2.0**-20


def tensors_to_observe(model: ModelProto) -> list[str]:
    """The activations whose ranges both flavours together need, in the order of the graph."""
    view = GraphView(model)
    wanted = {name for flavour in Flavour for name in place(view, flavour).tensors}
    return [str(name) for node in view.nodes for name in node.output if name in wanted]


def int8_graph(
    model: ModelProto, table: CalibrationTable, flavour: Flavour
) -> tuple[ModelProto, tuple[HigherPrecision, ...]]:
    """The INT8 graph of a flavour, and what it leaves in higher precision.

    Raises InputError where the table lacks the range of a tensor.
    """
    placement = place(GraphView(model), flavour)
    missing = sorted(set(placement.tensors) - set(table.ranges))
    if missing:
        msg = f"calibration table: no range for {missing[0]}; calibrate this network again"
        raise InputError(msg)
    made = _Emitter(model, placement, table, flavour).emit()
    return (to_half(made) if flavour is Flavour.GPU else made), placement.higher


@dataclass(frozen=True)
class _Grid:
    """The integers of one activation: value = scale * (integer - zero)."""

    scale: Floats
    zero: NDArray[np.generic]


def _grid(limits: Range, flavour: Flavour) -> _Grid:
    if flavour is Flavour.GPU:
        return _Grid(_scale(np.array(limits.limit / 127), flavour), np.zeros((), np.int8))
    if limits.low < 0:
        return _Grid(_scale(np.array(limits.limit / 127), flavour), np.full((), 128, np.uint8))
    return _Grid(_scale(np.array(limits.high / 255), flavour), np.zeros((), np.uint8))


def _scale(exact: NDArray[np.floating], flavour: Flavour) -> Floats:
    """Usable scales: none is 0, and the GPU's are numbers that FP16 has."""
    scale = np.asarray(np.maximum(exact, _LEAST_SCALE), dtype=np.float32)
    return scale.astype(np.float16).astype(np.float32) if flavour is Flavour.GPU else scale


class _Emitter:
    """Writes one flavour's graph node by node, each tensor's Q/DQ behind the node that makes it."""

    def __init__(
        self,
        model: ModelProto,
        placement: Placement,
        table: CalibrationTable,
        flavour: Flavour,
    ) -> None:
        self.onnx = require("onnx", "export")
        self.source, self.placement, self.flavour = model, placement, flavour
        self.grids = {name: _grid(table.ranges[name], flavour) for name in placement.tensors}
        self.weights = {
            tensor.name: self.onnx.numpy_helper.to_array(tensor)
            for tensor in model.graph.initializer
        }
        self.nodes: list[NodeProto] = []
        self.constants: dict[str, NDArray[np.generic]] = {}
        self.stored: dict[str, Floats] = {}  # weights already written -> their scales

    def emit(self) -> ModelProto:
        """The whole graph; constants that nobody reads any more are left out."""
        for node in self.source.graph.node:
            copy = self.onnx.NodeProto()
            copy.CopyFrom(node)
            for position, name in enumerate(node.input):
                if node.name in self.placement.tensors.get(name, ()):
                    copy.input[position] = f"{name}.dequantized"
            if node.name in self.placement.weighted:
                self._weighted(copy, str(node.input[0]))
            self.nodes.append(copy)
            for name in node.output:
                if name in self.grids:
                    self._activation(name, self.grids[name])
        made = self.onnx.ModelProto()
        made.CopyFrom(self.source)
        del made.graph.node[:], made.graph.initializer[:], made.graph.value_info[:]
        made.graph.node.extend(self.nodes)
        read = {name for node in self.nodes for name in node.input}
        for name, values in {**self.weights, **self.constants}.items():
            if name in read:
                made.graph.initializer.append(self.onnx.numpy_helper.from_array(values, name))
        return made

    def _activation(self, name: str, grid: _Grid) -> None:
        scale, zero = f"{name}.scale", f"{name}.zero"
        self.constants[scale], self.constants[zero] = grid.scale, grid.zero
        make = self.onnx.helper.make_node
        quantized, dequantized = f"{name}.quantized", f"{name}.dequantized"
        self.nodes += [
            make("QuantizeLinear", [name, scale, zero], [quantized], name=quantized),
            make("DequantizeLinear", [quantized, scale, zero], [dequantized], name=dequantized),
        ]

    def _weighted(self, node: NodeProto, activation: str) -> None:
        """Store the weights of `node` as INT8, once where layers share them; its bias to match."""
        weight = str(node.input[1])
        axis = self._channel_axis(node)
        if weight not in self.stored:
            self.stored[weight] = self._store_weight(weight, axis)
        node.input[1] = f"{weight}.dequantized"
        if self.flavour is Flavour.CPU and len(node.input) > 2 and node.input[2]:
            scale = self.grids[activation].scale * self.stored[weight]
            node.input[2] = self._store_bias(f"{node.name}.bias", str(node.input[2]), scale)

    def _channel_axis(self, node: NodeProto) -> int:
        flipped = any(a.name == "transB" and a.i for a in node.attribute)
        return 0 if node.op_type == "Conv" or flipped else 1

    def _store_weight(self, name: str, axis: int) -> Floats:
        values = self.weights[name]
        others = tuple(i for i in range(values.ndim) if i != axis)
        scale = _scale(np.abs(values).max(axis=others) / 127, self.flavour)
        shape = [-1 if i == axis else 1 for i in range(values.ndim)]
        rounded = np.clip(np.rint(values / scale.reshape(shape)), -127, 127).astype(np.int8)
        self._constant(name, rounded, scale, axis)
        return scale

    def _store_bias(self, name: str, source: str, scale: Floats) -> str:
        exact = np.rint(self.weights[source].astype(np.float64) / scale)
        limits = np.iinfo(np.int32)
        rounded = np.clip(exact, limits.min, limits.max).astype(np.int32)
        self._constant(name, rounded, scale, 0)
        return f"{name}.dequantized"

    def _constant(self, name: str, values: NDArray[np.generic], scale: Floats, axis: int) -> None:
        """`values` with a DequantizeLinear behind them."""
        inputs = [f"{name}.quantized", f"{name}.scale", f"{name}.zero"]
        zeros = np.zeros(scale.shape, values.dtype)
        self.constants.update(zip(inputs, (values, scale, zeros)))
        output = f"{name}.dequantized"
        self.nodes.append(
            self.onnx.helper.make_node("DequantizeLinear", inputs, [output], name=output, axis=axis)
        )
