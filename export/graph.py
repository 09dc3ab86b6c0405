"""The FP32 graph: made by torch or read from a file, simplified, held to the contract.

Contract: input `pixels` uint8 [n, size, size, 3] RGB, output `probabilities` float32 [n, labels];
opset 19 and IR version 9, the newest that JetPack 6 reads.
"""

from __future__ import annotations

import json
import logging
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgefer.errors import InputError
from edgefer.files import read_bytes, sha256
from edgefer.imports import require
from edgefer.labels import Expression, parse_expression
from edgefer.zoo.registry import Network

if TYPE_CHECKING:
    from onnx import ModelProto, ValueInfoProto
    from torch import nn

OPSET = 19
IR_VERSION = 9
INPUT, OUTPUT = "pixels", "probabilities"
_METADATA = "edgefer"
_LIMIT = 2 << 30


@dataclass(frozen=True)
class SourceGraph:
    """An FP32 graph that keeps the contract; `origin` says where its weights are from."""

    network: str
    size: int
    labels: tuple[Expression, ...]
    data: bytes
    origin: dict[str, Any]

    @property
    def sha256(self) -> str:
        """What a calibration table is keyed to."""
        return sha256(self.data)


def graph_from_torch(network: Network, module: nn.Module, origin: dict[str, Any]) -> SourceGraph:
    """Export `module` (logits, in eval mode) with the pixel input in front and softmax behind."""
    torch = require("torch", "torch")
    require("onnxscript", "torch")
    contract = require("edgefer.zoo.contract", "torch")
    example = torch.zeros((2, network.size, network.size, 3), dtype=torch.uint8)
    # says four times that torchvision is not there, which nothing here needs
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter's own deprecations, not the user's
        program = torch.onnx.export(
            contract.PixelsToProbabilities(network, module).eval(),
            (example,),
            dynamo=True,
            opset_version=OPSET,
            input_names=[INPUT],
            output_names=[OUTPUT],
            dynamic_shapes={INPUT: {0: torch.export.Dim("batch")}},
            verbose=False,
        )
    model = _simplify(program.model_proto)
    described = {
        "network": network.name,
        "labels": [str(label) for label in network.labels],
        "weights": origin,
    }
    onnx = require("onnx", "export")
    onnx.helper.set_model_props(model, {_METADATA: json.dumps(described, sort_keys=True)})
    return read_graph(model.SerializeToString(), network.name)


def graph_from_file(path: Path) -> SourceGraph:
    """An ONNX file that keeps the contract and names its labels, as one of ours does."""
    return read_graph(read_bytes(path, "an ONNX file", _LIMIT), str(path))


def read_graph(data: bytes, name: str) -> SourceGraph:
    """Check ONNX bytes against the contract; InputError says where they break it."""
    onnx = require("onnx", "export")
    try:
        model = onnx.load_model_from_string(data)
        _refuse_external_data(model, name)
        onnx.checker.check_model(model, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        msg = f"{name}: ONNX does not accept this graph ({' '.join(str(error).split())[:200]})"
        raise InputError(msg) from error
    except Exception as error:
        if isinstance(error, InputError):
            raise
        msg = f"{name}: expected an ONNX file ({' '.join(str(error).split())[:200]})"
        raise InputError(msg) from error
    opset = max((entry.version for entry in model.opset_import if not entry.domain), default=0)
    if opset > OPSET or model.ir_version > IR_VERSION:
        msg = (
            f"{name}: opset {opset} and IR version {model.ir_version}; expected at most {OPSET} "
            f"and {IR_VERSION}, which JetPack 6 reads: export it again with these"
        )
        raise InputError(msg)
    described = _description(model, name)
    labels = tuple(parse_expression(label) for label in described["labels"])
    size = _check_contract(model, name, len(labels))
    return SourceGraph(described["network"], size, labels, data, described["weights"])


def _description(model: ModelProto, name: str) -> dict[str, Any]:
    properties = {entry.key: entry.value for entry in model.metadata_props}
    try:
        described = json.loads(properties[_METADATA])
        return {key: described[key] for key in ("network", "labels", "weights")}
    except (KeyError, ValueError, TypeError) as error:
        msg = f"{name}: expected metadata '{_METADATA}' that names network and labels, found none"
        raise InputError(msg) from error


def _check_contract(model: ModelProto, name: str, labels: int) -> int:
    """The size of the faces of a graph that keeps the contract."""
    onnx = require("onnx", "export")
    kinds = onnx.TensorProto
    inputs = {value.name: _type_and_shape(value) for value in model.graph.input}
    outputs = {value.name: _type_and_shape(value) for value in model.graph.output}
    element, shape = inputs.get(INPUT, (0, []))
    square = len(shape) == 4 and shape[0] is None and shape[1] == shape[2] and shape[3] == 3
    answers = outputs.get(OUTPUT, (0, []))
    if len(inputs) != 1 or element != kinds.UINT8 or not square or not shape[1]:
        msg = f"{name}: expected one input, {INPUT} uint8 [n, size, size, 3], found {inputs}"
        raise InputError(msg)
    if answers != (kinds.FLOAT, [None, labels]):
        msg = f"{name}: expected the output {OUTPUT} float32 [n, {labels}], found {outputs}"
        raise InputError(msg)
    return int(shape[1])


def _type_and_shape(value: ValueInfoProto) -> tuple[int, list[int | None]]:
    tensor = value.type.tensor_type
    shape = [dim.dim_value if dim.HasField("dim_value") else None for dim in tensor.shape.dim]
    return tensor.elem_type, shape


def _refuse_external_data(model: ModelProto, name: str) -> None:
    onnx = require("onnx", "export")
    for tensor in onnx.external_data_helper._get_all_tensors(model):
        if onnx.external_data_helper.uses_external_data(tensor):
            msg = (
                f"{name}: tensor '{tensor.name[:80]}' lies in another file; "
                "expected one file with all weights in it: save it without external data"
            )
            raise InputError(msg)


def _simplify(model: ModelProto) -> ModelProto:
    """onnxsim, then names that a reader knows from the network and nothing that only debugs."""
    onnxsim = require("onnxsim", "export")
    simplified, same = onnxsim.simplify(model)
    if not same:
        msg = "onnxsim changed the graph's answers; report this with the network's name"
        raise InputError(msg)
    simplified.ir_version = IR_VERSION
    for holder in (simplified, simplified.graph, *simplified.graph.node):
        del holder.metadata_props[:]
    for value in (*simplified.graph.value_info, *simplified.graph.initializer):
        del value.metadata_props[:]
    _rename(simplified)
    return simplified


def _rename(model: ModelProto) -> None:
    """Name each node after its weights or its operator, and its output after the node."""
    weights = {tensor.name for tensor in model.graph.initializer}
    kept = {value.name for value in (*model.graph.input, *model.graph.output)}
    renamed: dict[str, str] = {}
    for number, node in enumerate(model.graph.node):
        own = [
            name
            for name in node.input
            if name in weights and name.endswith((".weight", ".weights"))
        ]
        node.name = own[0].rpartition(".")[0] if own else f"{node.op_type.lower()}_{number}"
        node.doc_string = ""
        for position, name in enumerate(node.input):
            node.input[position] = renamed.get(name, name)
        for position, name in enumerate(node.output):
            if name not in kept:
                renamed[name] = node.name if position == 0 else f"{node.name}:{position}"
                node.output[position] = renamed[name]
    for value in model.graph.value_info:
        value.name = renamed.get(value.name, value.name)
