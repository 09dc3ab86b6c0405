"""One calibration table, two INT8 graphs: `gpu.onnx` for TensorRT, `cpu.onnx` for ONNX Runtime.

GPU: signed INT8 around 0 for everything, float bias, FP16 for the rest. CPU: unsigned activations
(zero point 0 where nothing is negative, so that ReLU costs nothing; else 128), signed weights per
channel, INT32 bias. Weights are stored as INT8 in both.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from edgefer.calibration.grid import (
    Grid,
    activation_grid,
    channel_axis,
    layer_bias,
    round_weights,
    weight_scales,
)
from edgefer.calibration.placement import NONE_KEPT, Placement, layers_of, place, quantizable
from edgefer.calibration.repairs import NO_REPAIRS, Repairs
from edgefer.calibration.table import CalibrationTable
from edgefer.calibration.view import GraphView
from edgefer.errors import InputError
from edgefer.export.half import to_half
from edgefer.export.pixel_integers import scale_integers
from edgefer.imports import require
from edgefer.manifest import Flavour, HigherPrecision

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

Floats = NDArray[np.float32]


def int8_graph(
    model: ModelProto,
    table: CalibrationTable,
    flavour: Flavour,
    kept: Mapping[str, str] = NONE_KEPT,
    repairs: Repairs = NO_REPAIRS,
) -> tuple[ModelProto, tuple[HigherPrecision, ...]]:
    """The INT8 graph of a flavour, and what it leaves in higher precision.

    `kept` are layers that are not to be INT8, with the reasons. Raises InputError where the table
    lacks the range of a tensor, or no layer is worth INT8.
    """
    made, higher = quantized_graph(model, table, flavour, kept, repairs)
    if flavour is Flavour.GPU:
        return to_half(made, table.beyond_fp16), higher
    integers = scale_integers(made)
    return made, tuple(entry for entry in higher if entry.node not in integers)


def quantized_graph(
    model: ModelProto,
    table: CalibrationTable,
    flavour: Flavour,
    kept: Mapping[str, str] = NONE_KEPT,
    repairs: Repairs = NO_REPAIRS,
) -> tuple[ModelProto, tuple[HigherPrecision, ...]]:
    """As `int8_graph`, with FP32 for all that is not INT8: what the rounding alone does."""
    view = GraphView(model, table.beyond_fp16 if flavour is Flavour.GPU else ())
    quantizable(view)
    placement = place(view, flavour, kept)
    missing = sorted(set(map(placement.ranged, placement.tensors)) - set(table.ranges))
    if missing:
        msg = f"calibration table: no range for {missing[0]}; calibrate this network again"
        raise InputError(msg)
    return _Emitter(model, view, placement, table, flavour, repairs).emit(), placement.higher


class _Emitter:
    """Writes one flavour's graph node by node, each tensor's Q/DQ behind the node that makes it."""

    def __init__(
        self,
        model: ModelProto,
        view: GraphView,
        placement: Placement,
        table: CalibrationTable,
        flavour: Flavour,
        repairs: Repairs,
    ) -> None:
        self.onnx = require("onnx", "export")
        self.source, self.view, self.placement = model, view, placement
        self.flavour, self.repairs = flavour, repairs
        self.grids = {
            name: activation_grid(table.ranges[placement.ranged(name)], flavour)
            for name in placement.tensors
        }
        self.scales = weight_scales(view, layers_of(view), table.ranges)
        self.nodes: list[NodeProto] = []
        self.constants: dict[str, NDArray[np.generic]] = {}

    def emit(self) -> ModelProto:
        """The whole graph; constants that nobody reads any more are left out."""
        for node in self.view.nodes:
            copy = self.onnx.NodeProto()
            copy.CopyFrom(node)
            for position, name in enumerate(node.input):
                if node.name in self.placement.tensors.get(name, ()):
                    copy.input[position] = f"{name}.dequantized"
            if node.name in self.placement.weighted:
                self._weighted(copy, node)
            self.nodes.append(copy)
            for name in node.output:
                if name in self.grids:
                    self._activation(name, self.grids[name])
        return self._closed()

    def _closed(self) -> ModelProto:
        source, made = self.source, self.onnx.ModelProto()
        made.ir_version = source.ir_version
        made.opset_import.extend(source.opset_import)
        made.metadata_props.extend(source.metadata_props)
        made.graph.name = source.graph.name
        made.graph.input.extend(source.graph.input)
        made.graph.output.extend(source.graph.output)
        made.graph.node.extend(self.nodes)
        read = {name for node in self.nodes for name in node.input}
        made.graph.initializer.extend(t for t in source.graph.initializer if t.name in read)
        for name, values in self.constants.items():
            made.graph.initializer.append(self.onnx.numpy_helper.from_array(values, name))
        return made

    def _activation(self, name: str, grid: Grid) -> None:
        scale, zero = f"{name}.scale", f"{name}.zero"
        self.constants[scale], self.constants[zero] = grid.scale, grid.zero
        make = self.onnx.helper.make_node
        quantized, dequantized = f"{name}.quantized", f"{name}.dequantized"
        self.nodes += [
            make("QuantizeLinear", [name, scale, zero], [quantized], name=quantized),
            make("DequantizeLinear", [quantized, scale, zero], [dequantized], name=dequantized),
        ]

    def _weighted(self, made: NodeProto, node: NodeProto) -> None:
        """Store the weights of `node` as INT8, once where layers share them; its bias to match."""
        weight, axis = str(node.input[1]), channel_axis(node)
        if f"{weight}.scale" not in self.constants:
            integers = self.repairs.weights.get(weight)
            if integers is None:
                integers = round_weights(self.view.values(weight), self.scales[weight], axis)
            self._constant(weight, integers, self.scales[weight], axis)
        made.input[1] = f"{weight}.dequantized"
        bias, correction = layer_bias(self.view, node), self.repairs.bias.get(node.name)
        if correction is not None:  # none is made for a bias that is no constant
            bias = correction if bias is None else bias + correction
        if bias is not None and (correction is not None or self.flavour is Flavour.CPU):
            name = self._store_bias(node, bias)
            del made.input[2:]
            made.input.append(name)

    def _store_bias(self, node: NodeProto, bias: Floats) -> str:
        """For the GPU in float; for the CPU as INT32 on the grid of the layer's sums."""
        name = f"{node.name}.bias"
        if self.flavour is Flavour.GPU:
            name = f"{name}.corrected"
            self.constants[name] = bias.astype(np.float32)
            return name
        scale = self.grids[str(node.input[0])].scale * self.scales[str(node.input[1])]
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
