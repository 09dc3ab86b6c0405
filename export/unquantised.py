"""Takes the quantisation out of `gpu.onnx` again: the same network in FP16, to compare with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from edgefer.imports import require

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto, TensorProto


def without_quantisation(graph: bytes) -> bytes:
    """The graph without QuantizeLinear and DequantizeLinear.

    Activations pass as they are, and stored INT8 weights become what they stood for, in the type
    of their scales. Raises MissingDependency where onnx is not installed.
    """
    onnx = require("onnx", "export")
    model: ModelProto = onnx.load_model_from_string(graph)
    stored = {tensor.name: tensor for tensor in model.graph.initializer}
    stands_for: dict[str, str] = {}
    kept: list[NodeProto] = []
    for node in model.graph.node:
        source = node.input[0]
        if node.op_type == "DequantizeLinear" and source in stored:
            stored[node.output[0]] = _restored(node, stored)
        elif node.op_type in ("QuantizeLinear", "DequantizeLinear"):
            stands_for[node.output[0]] = stands_for.get(source, source)
        else:
            kept.append(node)
    for node in kept:
        node.input[:] = [stands_for.get(name, name) for name in node.input]
    read = {name for node in kept for name in node.input}
    del model.graph.node[:], model.graph.initializer[:], model.graph.value_info[:]
    model.graph.node.extend(kept)
    model.graph.initializer.extend(tensor for name, tensor in stored.items() if name in read)
    data: bytes = model.SerializeToString()
    return data


def _restored(node: NodeProto, stored: dict[str, TensorProto]) -> TensorProto:
    numpy_helper = require("onnx.numpy_helper", "export")
    values, scale = (numpy_helper.to_array(stored[name]) for name in node.input[:2])
    axis = next((attribute.i for attribute in node.attribute if attribute.name == "axis"), 1)
    if scale.ndim:
        scale = scale.reshape([-1 if side == axis else 1 for side in range(values.ndim)])
    restored = (values.astype(np.float32) * scale.astype(np.float32)).astype(scale.dtype)
    tensor: TensorProto = numpy_helper.from_array(restored, node.output[0])
    return tensor
