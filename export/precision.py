"""The two graphs of a bundle in the precision that was asked for."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from edgefer.calibration.placement import NONE_KEPT
from edgefer.calibration.repairs import NO_REPAIRS, Repair, Repairs
from edgefer.calibration.table import CalibrationTable
from edgefer.calibration.view import GraphView
from edgefer.errors import InputError, reason
from edgefer.export.flavours import int8_graph
from edgefer.export.graph import SourceGraph
from edgefer.export.half import kept_in_fp32, to_half
from edgefer.imports import require
from edgefer.manifest import Flavour, HigherPrecision, Precision

if TYPE_CHECKING:
    from onnx import ModelProto


@dataclass(frozen=True)
class Graphs:
    """Both flavours, the precision that each computes in, and what is higher than asked for."""

    data: Mapping[Flavour, bytes]
    precision: Mapping[Flavour, Precision]
    higher: tuple[HigherPrecision, ...]


def fp32_graphs(source: SourceGraph) -> Graphs:
    """The same graph for both."""
    data = dict.fromkeys(Flavour, source.data)
    return Graphs(data, dict.fromkeys(Flavour, Precision.FP32), ())


def fp16_graphs(source: SourceGraph, beyond_fp16: Collection[str]) -> Graphs:
    """FP16 for the GPU; FP32 for the CPU, whose kernels gain nothing from FP16."""
    model = require("onnx", "export").load_model_from_string(source.data)
    half = _serialized(to_half(model, beyond_fp16), source.network)
    return Graphs(
        {Flavour.GPU: half, Flavour.CPU: source.data},
        {Flavour.GPU: Precision.FP16, Flavour.CPU: Precision.FP32},
        kept_in_fp32(GraphView(model, beyond_fp16)),
    )


@dataclass(frozen=True)
class Int8:
    """An FP32 graph with its ranges and repairs: all that its INT8 graphs are made of."""

    source: SourceGraph
    table: CalibrationTable
    repairs: Repairs = NO_REPAIRS
    repaired: tuple[Repair, ...] = ()

    def provenance(self) -> dict[str, Any]:
        """Where ranges and repairs are from, for the manifest."""
        return {**self.table.provenance(), "repairs": [str(repair) for repair in self.repaired]}

    def keeping(self, beyond_fp16: Mapping[str, float]) -> Int8:
        """The same with these tensors in FP32 on the GPU too."""
        beyond = {**self.table.beyond_fp16, **beyond_fp16}
        return replace(self, table=replace(self.table, beyond_fp16=beyond))

    def graphs(self, kept: Mapping[str, str] = NONE_KEPT) -> Graphs:
        """Both INT8 graphs, with the layers of `kept` left high for the reasons given."""
        model = require("onnx", "export").load_model_from_string(self.source.data)
        made = {
            flavour: int8_graph(model, self.table, flavour, kept, self.repairs)
            for flavour in Flavour
        }
        return Graphs(
            {
                flavour: _serialized(graph, self.source.network)
                for flavour, (graph, _) in made.items()
            },
            dict.fromkeys(Flavour, Precision.INT8),
            tuple(entry for _, higher in made.values() for entry in higher),
        )


def _serialized(model: ModelProto, network: str) -> bytes:
    onnx = require("onnx", "export")
    try:
        onnx.checker.check_model(model, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        msg = (
            f"{network}: an operator of it does not go into this precision yet "
            f"({reason(error, 200)}); try fp32"
        )
        raise InputError(msg) from error
    data: bytes = model.SerializeToString()
    return data
