"""Brings an FP32 graph into the form that the rest of the export reads.

Functions inlined, opset 19, onnxsim, one name for each node and its output, no debugging data.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from edgefer.errors import InputError, reason
from edgefer.imports import require

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

# The newest that JetPack 6 reads.
OPSET = 19
IR_VERSION = 9
_WEIGHTS = (".weight", ".weights")
# What the export adds to names: an owner's that ends so could be taken for one of these.
_ADDED = re.compile(r".*\.(quantized|dequantized|scale|zero|corrected|fp16|fp32|cast|axes|shape)")
_LONGEST = 100


def tidy(model: ModelProto, name: str, prefix: str = "") -> ModelProto:
    """A tidy copy of `model`; InputError names the graph where one of the steps refuses it.

    The model's own metadata is not in it. Nodes whose names begin with `prefix` keep the rest of
    them, for the people who gave them.
    """
    onnx = require("onnx", "export")
    onnxsim = require("onnxsim", "export")
    try:
        if model.functions:
            model = onnx.inliner.inline_local_functions(model)
        if opset_of(model) < OPSET:
            model = onnx.version_converter.convert_version(model, OPSET)
        simplified, same = onnxsim.simplify(model)
    except Exception as error:  # C++ libraries: their exceptions have no common base
        msg = f"{name}: cannot be brought to opset {OPSET} ({reason(error, 200)})"
        raise InputError(msg) from error
    if not same:
        msg = f"{name}: onnxsim changed the graph's answers; report this with the network's name"
        raise InputError(msg)
    _refuse_control_flow(simplified, name)
    store_constants(simplified)
    simplified.ir_version = IR_VERSION
    for holder in (simplified, simplified.graph, *simplified.graph.node):
        del holder.metadata_props[:]
    for value in (*simplified.graph.value_info, *simplified.graph.initializer):
        del value.metadata_props[:]
    _rename(simplified, prefix)
    return simplified


def opset_of(model: ModelProto) -> int:
    """The version of ONNX's own operators; 0 where the model names none."""
    return max((entry.version for entry in model.opset_import if not entry.domain), default=0)


def _refuse_control_flow(model: ModelProto, name: str) -> None:
    onnx = require("onnx", "export")
    graphs = (onnx.AttributeProto.GRAPH, onnx.AttributeProto.GRAPHS)
    for node in model.graph.node:
        if any(attribute.type in graphs for attribute in node.attribute):
            msg = (
                f"{name}: expected a graph without control flow, found {node.op_type} "
                f"'{node.name[:80]}'; export the network with its branches fixed"
            )
            raise InputError(msg)


def store_constants(model: ModelProto) -> None:
    """Turn what Constant nodes give into initializers: onnxsim leaves it to them."""
    from_array = require("onnx", "export").numpy_helper.from_array
    for node in [node for node in model.graph.node if node.op_type == "Constant"]:
        evaluator = require("onnx.reference", "export").ReferenceEvaluator(node)
        (value,) = evaluator.run(None, {})
        model.graph.initializer.append(from_array(value, node.output[0]))
        model.graph.node.remove(node)


def _rename(model: ModelProto, prefix: str) -> None:
    """Name each node after its weights, its owner's name or its operator; its output likewise."""
    weights = {tensor.name for tensor in model.graph.initializer}
    kept = {value.name for value in (*model.graph.input, *model.graph.output)}
    taken = weights | kept
    renamed: dict[str, str] = {}
    for number, node in enumerate(model.graph.node):
        node.name = _unique(_wish(node, weights, number, prefix), taken)
        node.doc_string = ""
        for position, name in enumerate(node.input):
            node.input[position] = renamed.get(name, name)
        for position, name in enumerate(node.output):
            if name and name not in kept:
                renamed[name] = node.name if position == 0 else f"{node.name}:{position}"
                node.output[position] = renamed[name]
    for value in model.graph.value_info:
        value.name = renamed.get(value.name, value.name)


def _wish(node: NodeProto, weights: set[str], number: int, prefix: str) -> str:
    own = [name for name in node.input if name in weights and name.endswith(_WEIGHTS)]
    wish = own[0].rpartition(".")[0] if own else ""
    if prefix:
        given = wish or node.name
        # of a stranger's file: a name may hold anything, and be of any length
        kept = given.removeprefix(prefix) if given.startswith(prefix) else wish
        wish = re.sub(r"[^\w./:-]", "_", kept)[-_LONGEST:]
    return wish if wish and not _ADDED.fullmatch(wish) else f"{node.op_type.lower()}_{number}"


def _unique(wish: str, taken: set[str]) -> str:
    """`wish`, or with a number where another has that name, as layers that share weights do."""
    name, count = wish, 1
    while name in taken:
        count += 1
        name = f"{wish}.{count}"
    taken.add(name)
    return name
