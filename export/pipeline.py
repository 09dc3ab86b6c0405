"""FP32 graph -> ranges -> precision -> checks -> bundle."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from edgefer.bundle import CALIBRATION, CARD, GOLDEN, Bundle
from edgefer.calibration.table import CalibrationTable
from edgefer.calibration.view import GraphView
from edgefer.data.faces import FaceSet
from edgefer.errors import InputError, reason
from edgefer.export.answers import Floats, answers
from edgefer.export.card import card
from edgefer.export.flavours import int8_graph
from edgefer.export.graph import OUTPUT, SourceGraph, graph_from_file, graph_from_torch
from edgefer.export.half import kept_in_fp32, to_half
from edgefer.export.parity import (
    LIMITS,
    TOLERANCES,
    compare_outputs,
    golden_faces,
    require_parity,
    require_probabilities,
)
from edgefer.export.ranges import calibrate
from edgefer.export.shipped import shipped_card, shipped_graph, shipped_table
from edgefer.files import sha256
from edgefer.golden import Golden
from edgefer.imports import require
from edgefer.manifest import Flavour, HigherPrecision, Manifest, Member, Parity, Precision
from edgefer.progress import Progress, silent
from edgefer.versions import installed
from edgefer.zoo.registry import DEFAULT_NETWORK, UNCHANGED, Choices, find_network

if TYPE_CHECKING:
    from onnx import ModelProto

_LIBRARIES = ("numpy", "onnx", "onnxruntime", "onnxsim", "torch")


@dataclass(frozen=True)
class Source:
    """What is exported: a graph, and for the default network the ranges and card that ship."""

    graph: SourceGraph
    parity: tuple[Parity, ...] = ()
    table: CalibrationTable | None = None
    card: str | None = None


@dataclass(frozen=True)
class _Graphs:
    """Both flavours, the precision that each computes in, and what is higher than asked for."""

    data: Mapping[Flavour, bytes]
    precision: Mapping[Flavour, Precision]
    higher: tuple[HigherPrecision, ...]


def find_source(what: str, weights: str | None, choices: Choices = UNCHANGED) -> Source:
    """The source for a network's name or an ONNX file; `weights` is a file or random:SEED.

    Raises InputError where there is no such network or file, its weights are missing, or were
    made for other choices.
    """
    if what.lower().endswith(".onnx"):
        if weights or choices != UNCHANGED:
            msg = (
                f"{what}: an ONNX file has its weights and its form: expected neither, "
                f"found {weights or choices}"
            )
            raise InputError(msg)
        graph = graph_from_file(Path(what))
        return Source(graph, table=graph.table)
    network = find_network(what)
    if weights is None and what == DEFAULT_NETWORK and network.varied(choices) == network:
        return Source(shipped_graph(), table=shipped_table(), card=shipped_card())
    if weights is None:
        msg = f"{what}: no weights ship with it; give --weights FILE or --weights random:SEED"
        raise InputError(msg)
    loaded = require("edgefer.zoo.weights", "torch").load_network(network, weights, choices)
    graph = graph_from_torch(*loaded)
    faces = golden_faces(graph.size)
    eager = require("edgefer.zoo.contract", "torch").answers(*loaded[:2], faces)
    found = answers(graph.data, faces)
    checks = compare_outputs("FP32 graph against torch", found, eager, LIMITS[Precision.FP32])
    require_parity(checks)
    return Source(graph, checks)


def export_bundle(
    source: Source,
    precision: Precision,
    calibration: FaceSet | None = None,
    *,
    allow_drawn: bool = False,
    progress: Progress = silent,
) -> Bundle:
    """The bundle of `source` in `precision`.

    `calibration` are the faces for the ranges of INT8; without them the ranges that ship are
    used. Raises InputError where INT8 has neither, CheckFailed where parity does not hold.
    """
    table = _ranges(source, precision, calibration, allow_drawn, progress)
    progress("graphs", 0, 1)
    graphs = _graphs(source.graph, precision, table)
    progress("checks", 0, 1)
    golden, parity = _check(source, graphs)
    progress("checks", 1, 1)
    return _assemble(source, precision, table, graphs, golden, parity)


def _ranges(
    source: Source,
    precision: Precision,
    calibration: FaceSet | None,
    allow_drawn: bool,
    progress: Progress,
) -> CalibrationTable | None:
    if precision is not Precision.INT8:
        return None
    if calibration is not None:
        if calibration.drawn and not allow_drawn:
            msg = (
                f"calibration on {calibration.name}: drawn faces are not those that the network "
                "will see; give real faces, or --allow-drawn"
            )
            raise InputError(msg)
        return calibrate(source.graph, calibration, progress)
    if source.table is None:
        msg = f"{source.graph.network}: INT8 needs faces for its ranges; give --calibration DATA"
        raise InputError(msg)
    if source.table.graph != source.graph.sha256:
        msg = f"{source.graph.network}: the ranges are another graph's; give --calibration DATA"
        raise InputError(msg)
    return source.table


def _graphs(source: SourceGraph, precision: Precision, table: CalibrationTable | None) -> _Graphs:
    gpu, cpu = Flavour.GPU, Flavour.CPU
    if precision is Precision.FP32:
        both = {gpu: source.data, cpu: source.data}
        return _Graphs(both, dict.fromkeys(Flavour, Precision.FP32), ())
    onnx = require("onnx", "export")
    model = onnx.load_model_from_string(source.data)
    if table is None:
        half = _serialized(to_half(model), source.network)
        precisions = {gpu: Precision.FP16, cpu: Precision.FP32}
        return _Graphs({gpu: half, cpu: source.data}, precisions, kept_in_fp32(GraphView(model)))
    made = {flavour: int8_graph(model, table, flavour) for flavour in Flavour}
    return _Graphs(
        {flavour: _serialized(graph, source.network) for flavour, (graph, _) in made.items()},
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


def _check(source: Source, graphs: _Graphs) -> tuple[Golden, tuple[Parity, ...]]:
    """Golden faces with the answers of each graph; CheckFailed where they are too far off."""
    faces = golden_faces(source.graph.size)
    reference = answers(source.graph.data, faces)
    require_probabilities(source.graph.network, reference[OUTPUT])
    expected: dict[Flavour, Floats] = {}
    checks = list(source.parity)
    for flavour in Flavour:
        found = answers(graphs.data[flavour], faces)
        expected[flavour] = found[OUTPUT]
        limit = LIMITS[graphs.precision[flavour]]
        checks += compare_outputs(f"{flavour.member} against FP32", found, reference, limit)
    require_parity(tuple(checks))
    tolerance = {flavour: TOLERANCES[graphs.precision[flavour]] for flavour in Flavour}
    return Golden(faces, reference[OUTPUT], expected, tolerance), tuple(checks)


def _assemble(
    source: Source,
    precision: Precision,
    table: CalibrationTable | None,
    graphs: _Graphs,
    golden: Golden,
    parity: tuple[Parity, ...],
) -> Bundle:
    members = {flavour.member: graphs.data[flavour] for flavour in Flavour}
    members[GOLDEN] = golden.to_npz()
    if table is not None:
        members[CALIBRATION] = table.to_json()
    manifest = Manifest(
        network=source.graph.network,
        size=source.graph.size,
        labels=source.graph.labels,
        precision=precision,
        outputs=source.graph.outputs,
        higher_precision=graphs.higher,
        variant=source.graph.variant,
        weights=source.graph.origin,
        calibration=table.provenance() if table else None,
        accuracy=None,
        parity=parity,
        versions={**installed(_LIBRARIES), "python": platform.python_version()},
        files={},
    )
    members[CARD] = card(manifest, source.card).encode()
    files = {name: Member(sha256(data), len(data)) for name, data in members.items()}
    return Bundle(replace(manifest, files=files), members)
