"""The FP32 graph: made by torch or read from a file, simplified, held to the contract.

Contract: input `pixels` uint8 [n, size, size, 3] RGB, output `probabilities` float32 [n, labels];
opset 19 and IR version 9, the newest that JetPack 6 reads.
"""

from __future__ import annotations

import json
import logging
import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgefer.calibration.table import CalibrationTable
from edgefer.calibration.view import INPUT
from edgefer.errors import InputError, reason
from edgefer.export.tidy import IR_VERSION, OPSET, opset_of, tidy
from edgefer.files import read_bytes, sha256, write_atomically
from edgefer.imports import require
from edgefer.labels import Expression, parse_labels
from edgefer.manifest import json_object
from edgefer.zoo.registry import Network

if TYPE_CHECKING:
    from onnx import ModelProto, ValueInfoProto
    from torch import Tensor
    from torch.nn import Module

    from edgefer.zoo.network import FaceNetwork

OUTPUT = "probabilities"
METADATA = "edgefer"
_TABLE = "edgefer.calibration"
LIMIT = 2 << 30
# What can be part of a file's name, since bundles are named after their network.
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True)
class SourceGraph:
    """An FP32 graph that keeps the contract; `origin` says where its weights are from.

    `variant` is what was chosen of the network, as `Network.variant` has it. `table` are the
    ranges that its file came with: it was trained with them.
    """

    network: str
    size: int
    labels: tuple[Expression, ...]
    outputs: tuple[str, ...]
    data: bytes
    origin: dict[str, Any]
    variant: dict[str, Any]
    table: CalibrationTable | None = None

    @property
    def sha256(self) -> str:
        """What a calibration table is keyed to."""
        return sha256(self.data)


def graph_from_torch(network: Network, module: FaceNetwork, origin: dict[str, Any]) -> SourceGraph:
    """Export `module` (in eval mode) with the pixel input in front and its fusion behind."""
    torch = require("torch", "torch")
    contract = require("edgefer.zoo.contract", "torch")
    example = torch.zeros((2, network.size, network.size, 3), dtype=torch.uint8)
    whole = contract.PixelsToAnswers(network, module).eval()
    model = tidy(trace(whole, example, INPUT, module.outputs), network.name)
    described: dict[str, Any] = {
        "network": network.name,
        "labels": [str(label) for label in network.labels],
        "weights": origin,
    }
    if network.variant:
        described["variant"] = network.variant
    return describe(model, described, network.name)


def trace(module: Module, example: Tensor, taken: str, outputs: Sequence[str]) -> ModelProto:
    """The ONNX graph of a torch module in eval mode, with a free batch.

    `example` [2, ...] is its one argument; input and outputs are called `taken` and `outputs`.
    """
    torch = require("torch", "torch")
    require("onnxscript", "torch")
    # says four times that torchvision is not there, which nothing here needs
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter's own deprecations, not the user's
        program = torch.onnx.export(
            module,
            (example,),
            dynamo=True,
            opset_version=OPSET,
            input_names=[taken],
            output_names=list(outputs),
            dynamic_shapes=({0: torch.export.Dim("batch")},),
            verbose=False,
        )
    made: ModelProto = program.model_proto
    return made


def graph_from_file(path: Path) -> SourceGraph:
    """An ONNX file that keeps the contract and names its labels, as one of ours does.

    An older opset is converted, and the graph simplified; not so one that came with its ranges.
    """
    model = _parse(read_bytes(path, "an ONNX file", LIMIT), str(path))
    if any(entry.key == _TABLE for entry in model.metadata_props):
        return _with_its_ranges(model, str(path))
    described = _description(model, str(path))
    return describe(tidy(model, str(path)), described, str(path))


def describe(model: ModelProto, described: dict[str, Any], name: str) -> SourceGraph:
    """A tidy graph with its description as metadata, checked against the contract."""
    onnx = require("onnx", "export")
    onnx.helper.set_model_props(model, {METADATA: json.dumps(described, sort_keys=True)})
    return read_graph(model.SerializeToString(), name)


def write_calibrated(path: Path, graph: SourceGraph, table: CalibrationTable) -> None:
    """Write an ONNX file that has the ranges in it with which its weights were trained."""
    model = require("onnx", "export").load_model_from_string(graph.data)
    model.metadata_props.add(key=_TABLE, value=table.to_json().decode())
    write_atomically(path, model.SerializeToString())


def _with_its_ranges(model: ModelProto, name: str) -> SourceGraph:
    (entry,) = [entry for entry in model.metadata_props if entry.key == _TABLE]
    table = CalibrationTable.from_json(entry.value.encode(), name)
    model.metadata_props.remove(entry)
    graph = read_graph(model.SerializeToString(), name)
    if graph.sha256 != table.graph:
        msg = f"{name}: its ranges are another graph's: it was changed after training; train again"
        raise InputError(msg)
    return replace(graph, table=table)


def read_graph(data: bytes, name: str) -> SourceGraph:
    """Check the bytes of a tidy graph against the contract; InputError says where they break it."""
    model = _parse(data, name)
    described = _description(model, name)
    try:
        labels = parse_labels(described["labels"])
    except InputError as error:
        msg = f"{name}: {error}"
        raise InputError(msg) from error
    size = _check_contract(model, name, len(labels))
    outputs = tuple(str(value.name) for value in model.graph.output)
    network, origin, variant = (described[key] for key in ("network", "weights", "variant"))
    return SourceGraph(network, size, labels, outputs, data, origin, variant)


def _parse(data: bytes, name: str) -> ModelProto:
    """The model, checked in full, without external data, of a form that JetPack 6 reads."""
    model = load(data, name)
    if model.ir_version > IR_VERSION:
        msg = (
            f"{name}: IR version {model.ir_version}; expected at most {IR_VERSION}, which "
            "JetPack 6 reads: export it again with that"
        )
        raise InputError(msg)
    return model


def load(data: bytes, name: str) -> ModelProto:
    """The model, checked in full, without external data, of an opset that JetPack 6 reads."""
    onnx = require("onnx", "export")
    try:
        model: ModelProto = onnx.load_model_from_string(data)
        _refuse_external_data(model, name)
        onnx.checker.check_model(model, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        msg = f"{name}: ONNX does not accept this graph ({reason(error, 200)})"
        raise InputError(msg) from error
    except Exception as error:
        if isinstance(error, InputError):
            raise
        msg = f"{name}: expected an ONNX file ({reason(error, 200)})"
        raise InputError(msg) from error
    opset = opset_of(model)
    if opset > OPSET:
        msg = (
            f"{name}: opset {opset}; expected at most {OPSET}, which JetPack 6 reads: export it "
            "again with that"
        )
        raise InputError(msg)
    return model


def _description(model: ModelProto, name: str) -> dict[str, Any]:
    """Network, labels and weights from the metadata, of the types that a manifest takes."""
    properties = {entry.key: entry.value for entry in model.metadata_props}
    try:
        described = json_object(properties[METADATA])
        network, labels, origin = (described[key] for key in ("network", "labels", "weights"))
        if not (isinstance(network, str) and NAME.fullmatch(network)):
            msg = f"network {network!r:.80}: expected letters, digits, '.', '_' and '-'"
            raise ValueError(msg)
        variant = described.get("variant", {})
        if not (isinstance(origin, dict) and isinstance(variant, dict)):
            msg = "weights and variant: expected objects"
            raise ValueError(msg)
    except (KeyError, ValueError) as error:
        broken = f"{error} is missing" if isinstance(error, KeyError) else f"{error}"
        msg = (
            f"{name}: expected metadata '{METADATA}' with JSON that names network, labels and "
            f"weights: {broken}; give --spec FILE, which edgefer inspect --suggest-spec writes"
        )
        raise InputError(msg) from error
    return {"network": network, "labels": labels, "weights": origin, "variant": variant}


def _check_contract(model: ModelProto, name: str, labels: int) -> int:
    """The size of the faces of a graph that keeps the contract."""
    onnx = require("onnx", "export")
    kinds = onnx.TensorProto
    inputs = {value.name: type_and_shape(value) for value in model.graph.input}
    outputs = {value.name: type_and_shape(value) for value in model.graph.output}
    element, shape = inputs.get(INPUT, (0, []))
    square = len(shape) == 4 and shape[0] is None and shape[1] == shape[2] and shape[3] == 3
    answers = outputs.get(OUTPUT, (0, []))
    if len(inputs) != 1 or element != kinds.UINT8 or not square or not shape[1]:
        msg = f"{name}: expected one input, {INPUT} uint8 [n, size, size, 3], found {inputs}"
        raise InputError(msg)
    if answers != (kinds.FLOAT, [None, labels]):
        msg = f"{name}: expected the output {OUTPUT} float32 [n, {labels}], found {outputs}"
        raise InputError(msg)
    for output, (kind, sides) in outputs.items():
        if kind != kinds.FLOAT or sides[:1] != [None] or not all(sides[1:]):
            msg = f"{name}: output {output}: expected float32 [n, fixed sizes], found {sides}"
            raise InputError(msg)
    return int(shape[1])


def type_and_shape(value: ValueInfoProto) -> tuple[int, list[int | None]]:
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
