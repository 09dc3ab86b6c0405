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
_GREATEST_BIAS = 2.0**30


def tensors_to_observe(model: ModelProto) -> list[str]:
    """The activations whose ranges both flavours together need, in the order of the graph.

    Raises InputError where no layer is worth INT8.
    """
    view = GraphView(model)
    wanted = {name for flavour in Flavour for name in _place(view, flavour).tensors}
    return [str(name) for node in view.nodes for name in node.output if name in wanted]


def int8_graph(
    model: ModelProto, table: CalibrationTable, flavour: Flavour
) -> tuple[ModelProto, tuple[HigherPrecision, ...]]:
    """The INT8 graph of a flavour, and what it leaves in higher precision.

    Raises InputError where the table lacks the range of a tensor.
    """
    placement = _place(GraphView(model), flavour)
    missing = sorted(set(placement.tensors) - set(table.ranges))
    if missing:
        msg = f"calibration table: no range for {missing[0]}; calibrate this network again"
        raise InputError(msg)
    made = _Emitter(model, placement, table, flavour).emit()
    return (to_half(made) if flavour is Flavour.GPU else made), placement.higher


def _place(view: GraphView, flavour: Flavour) -> Placement:
    """The placement; InputError where there is nothing to place."""
    placement = place(view, flavour)
    if not placement.weighted:
        msg = "INT8: expected layers with weights (Conv, Gemm), found none worth it; export to fp16"
        raise InputError(msg)
    return placement


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
        to_array = self.onnx.numpy_helper.to_array
        self.weights = {tensor.name: to_array(tensor) for tensor in model.graph.initializer}
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
        bias = self._bias(node, len(self.stored[weight]))
        if bias is not None:
            scale = self.grids[activation].scale * self.stored[weight]
            node.input[2] = self._store_bias(f"{node.name}.bias", bias, scale)

    def _bias(self, node: NodeProto, channels: int) -> Floats | None:
        """The bias that becomes INT32, one number for each channel; None where there is none."""
        bias = self.weights.get(node.input[2]) if len(node.input) > 2 else None
        if self.flavour is Flavour.GPU or bias is None or bias.size not in (1, channels):
            return None
        return np.broadcast_to(bias.ravel(), channels).astype(np.float32)

    def _channel_axis(self, node: NodeProto) -> int:
        flipped = any(a.name == "transB" and a.i for a in node.attribute)
        return 0 if node.op_type == "Conv" or flipped else 1

    def _store_weight(self, name: str, axis: int) -> Floats:
        values = self.weights[name]
        others = tuple(i for i in range(values.ndim) if i != axis)
        exact = np.abs(values).max(axis=others) / 127
        scale = _scale(np.maximum(exact, self._least_scale(name, len(exact))), self.flavour)
        shape = [-1 if i == axis else 1 for i in range(values.ndim)]
        rounded = np.clip(np.rint(values / scale.reshape(shape)), -127, 127)
        self._constant(name, rounded.astype(np.int8), scale, axis)
        return scale

    def _least_scale(self, weight: str, channels: int) -> NDArray[np.float64]:
        """Scales at which the biases of all layers with this weight still fit into INT32."""
        least = np.zeros(channels)
        for node in self.source.graph.node:
            if node.name in self.placement.weighted and node.input[1] == weight:
                bias = self._bias(node, channels)
                if bias is not None:
                    step = float(self.grids[str(node.input[0])].scale) * _GREATEST_BIAS
                    least = np.maximum(least, np.abs(bias) / step)
        return least

    def _store_bias(self, name: str, bias: Floats, scale: Floats) -> str:
        rounded = np.rint(bias.astype(np.float64) / scale).astype(np.int32)
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
