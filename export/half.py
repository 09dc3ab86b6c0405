"""FP32 graph to FP16: everything but the pixel input and the softmax, with casts between."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

import numpy as np

from edgefer.calibration.view import LAYOUT, GraphView
from edgefer.imports import require
from edgefer.manifest import Flavour, HigherPrecision

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto, TensorProto


# What ONNX wants in FP32 whatever the rest is in: the inputs of an operator by position.
_ALWAYS_FP32 = {"Resize": (1, 2)}


def kept_in_fp32(view: GraphView) -> tuple[HigherPrecision, ...]:
    """The nodes that compute in FP32 in an FP16 graph, with reasons."""
    return tuple(
        HigherPrecision(str(Flavour.GPU), node.name, node.op_type, "fp32", reason)
        for node in view.nodes
        if node.op_type not in LAYOUT and (reason := view.why_exact(node))
    )


def to_half(model: ModelProto, beyond_fp16: Collection[str] = ()) -> ModelProto:
    """A copy of `model` in FP16; INT8 tensors stay, and the scales of Q/DQ become FP16.

    What reads or makes one of the tensors `beyond_fp16` stays in FP32. FP16 scales need opset 19.
    Inputs and outputs of the graph keep their types.
    """
    onnx = require("onnx", "export")
    made = onnx.ModelProto()
    made.CopyFrom(model)
    del made.graph.node[:], made.graph.initializer[:], made.graph.value_info[:]
    halved = _Halver(GraphView(model, beyond_fp16), model)
    made.graph.node.extend(halved.nodes)
    made.graph.initializer.extend(halved.constants.values())
    return made


class _Halver:
    """Rewrites node by node: each float is read in the precision of its reader."""

    def __init__(self, view: GraphView, model: ModelProto) -> None:
        self.onnx = require("onnx", "export")
        self.view = view
        self.exact = {node.name for node in self.view.nodes if self.view.why_exact(node)}
        self.floats = self.view.floats()
        self.given = {tensor.name: tensor for tensor in model.graph.initializer}
        self.kept = {
            name
            for node in self.view.nodes
            for position, name in enumerate(node.input)
            if self._reads_fp32(node, position)
        }
        self.constants: dict[str, TensorProto] = {}
        self.nodes: list[NodeProto] = []
        self.cast: set[str] = set()
        for node in self.view.nodes:
            self._add(node)

    def _reads_fp32(self, node: NodeProto, position: int) -> bool:
        return node.name in self.exact or position in _ALWAYS_FP32.get(node.op_type, ())

    def _add(self, node: NodeProto) -> None:
        copy = self.onnx.NodeProto()
        copy.CopyFrom(node)
        for position, name in enumerate(node.input):
            copy.input[position] = self._read(name, self._reads_fp32(node, position))
        self.nodes.append(copy)
        if node.name in self.exact:
            return
        self._halve_attributes(copy)
        for position, name in enumerate(node.output):
            if name in self.view.outputs and name in self.floats:
                copy.output[position] = f"{name}.fp16"
                self._cast(f"{name}.fp16", name, self.onnx.TensorProto.FLOAT)

    def _read(self, name: str, as_fp32: bool) -> str:
        """The name under which the value `name` is there in FP32, or in FP16."""
        if name in self.given:
            return self._constant(name, as_fp32)
        if name not in self.floats:
            return name
        made_exact = self.view.producer[name].name in self.exact
        if name in self.view.outputs and not made_exact:
            return name if as_fp32 else f"{name}.fp16"
        if made_exact == as_fp32:
            return name
        kinds = self.onnx.TensorProto
        twin, kind = (f"{name}.fp32", kinds.FLOAT) if as_fp32 else (f"{name}.fp16", kinds.FLOAT16)
        if twin not in self.cast:
            self._cast(name, twin, kind)
        return twin

    def _cast(self, source: str, target: str, kind: int) -> None:
        self.cast.add(target)
        make = self.onnx.helper.make_node
        self.nodes.append(make("Cast", [source], [target], name=f"{target}.cast", to=kind))

    def _constant(self, name: str, as_fp32: bool) -> str:
        tensor = self.given[name]
        if as_fp32 or tensor.data_type != self.onnx.TensorProto.FLOAT:
            self.constants[name] = tensor
            return name
        half = f"{name}.fp16" if name in self.kept else name
        if half not in self.constants:
            self.constants[half] = self._halved(tensor, half)
        return half

    def _halve_attributes(self, node: NodeProto) -> None:
        kinds = self.onnx.TensorProto
        for attribute in node.attribute:
            if attribute.name in ("to", "dtype") and attribute.i == kinds.FLOAT:
                attribute.i = kinds.FLOAT16
            elif attribute.t.data_type == kinds.FLOAT:
                attribute.t.CopyFrom(self._halved(attribute.t, attribute.t.name))

    def _halved(self, tensor: TensorProto, name: str) -> TensorProto:
        """In FP16; what FP16 cannot hold becomes its greatest number, as in a Clip without end."""
        greatest = float(np.finfo(np.float16).max)
        values = self.onnx.numpy_helper.to_array(tensor).clip(-greatest, greatest)
        made: TensorProto = self.onnx.numpy_helper.from_array(values.astype(np.float16), name)
        return made
