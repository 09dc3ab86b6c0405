"""FP32 graph to FP16: everything but the pixel input and the softmax, with casts between."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from edgefer.export.placement import PIXELS_ARE_EXACT, GraphView
from edgefer.imports import require
from edgefer.manifest import Flavour, HigherPrecision

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto


def kept_in_fp32(view: GraphView) -> tuple[HigherPrecision, ...]:
    """The nodes that compute in FP32 in an FP16 graph, with reasons."""
    reasons = {"Conv": PIXELS_ARE_EXACT, "Softmax": "its rows add up to 1 within FP32's rounding"}
    return tuple(
        HigherPrecision(str(Flavour.GPU), node.name, node.op_type, "fp32", reasons[node.op_type])
        for node in view.nodes
        if view.exact(node) and node.op_type in reasons
    )


def to_half(model: ModelProto) -> ModelProto:
    """A copy of `model` in FP16; INT8 tensors stay, and the scales of Q/DQ become FP16.

    FP16 scales need opset 19. Inputs and outputs of the graph keep their types.
    """
    onnx = require("onnx", "export")
    view = GraphView(model)
    exact = {node.name for node in view.nodes if view.exact(node)}
    made = onnx.ModelProto()
    made.CopyFrom(model)
    del made.graph.node[:], made.graph.value_info[:]
    made.graph.node.extend(_with_casts(model, view, exact))
    _halve_constants(made, exact)
    return made


def _with_casts(model: ModelProto, view: GraphView, exact: set[str]) -> list[NodeProto]:
    """The nodes, with one cast for each float activation that is read in the other precision."""
    onnx = require("onnx", "export")
    floats = _float_activations(model)
    nodes: list[NodeProto] = []
    twins: dict[str, str] = {}
    for node in view.nodes:
        copy = onnx.NodeProto()
        copy.CopyFrom(node)
        stays = node.name in exact
        for position, name in enumerate(node.input):
            if name not in floats or (view.producer[name].name in exact) == stays:
                continue
            if name not in twins:
                twins[name] = f"{name}.{'fp32' if stays else 'fp16'}"
                kind = onnx.TensorProto.FLOAT if stays else onnx.TensorProto.FLOAT16
                nodes.append(
                    onnx.helper.make_node("Cast", [name], [twins[name]], name=twins[name], to=kind)
                )
            copy.input[position] = twins[name]
        nodes.append(copy)
    return nodes


def _float_activations(model: ModelProto) -> set[str]:
    onnx = require("onnx", "export")
    inferred = onnx.shape_inference.infer_shapes(model, strict_mode=True).graph
    kinds = {value.name: value.type.tensor_type.elem_type for value in inferred.value_info}
    return {name for name, kind in kinds.items() if kind == onnx.TensorProto.FLOAT}


def _halve_constants(model: ModelProto, exact: set[str]) -> None:
    onnx = require("onnx", "export")
    kept = {name for node in model.graph.node if node.name in exact for name in node.input}
    for tensor in model.graph.initializer:
        if tensor.data_type == onnx.TensorProto.FLOAT and tensor.name not in kept:
            values = onnx.numpy_helper.to_array(tensor).astype(np.float16)
            tensor.CopyFrom(onnx.numpy_helper.from_array(values, tensor.name))
