"""What is exported, by its name: a network of ours with weights, an ONNX file, or a factory."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edgefer.calibration.table import CalibrationTable
from edgefer.errors import InputError
from edgefer.export.answers import answers
from edgefer.export.factory import graph_from_factory, is_factory
from edgefer.export.foreign import graph_from_foreign
from edgefer.export.graph import SourceGraph, graph_from_file, graph_from_torch
from edgefer.export.parity import LIMITS, compare_outputs, golden_faces, require_parity
from edgefer.export.shipped import shipped_card, shipped_graph, shipped_table
from edgefer.export.spec import Spec
from edgefer.imports import require
from edgefer.manifest import Parity, Precision
from edgefer.zoo.registry import DEFAULT_NETWORK, UNCHANGED, Choices, find_network


@dataclass(frozen=True)
class Source:
    """What is exported: a graph, and for the default network the ranges and card that ship."""

    graph: SourceGraph
    parity: tuple[Parity, ...] = ()
    table: CalibrationTable | None = None
    card: str | None = None


def find_source(
    what: str, weights: str | None, choices: Choices = UNCHANGED, spec: Spec | None = None
) -> Source:
    """The source for a network's name, an ONNX file, or `package.module:factory`.

    `weights` is a file or random:SEED; `spec` says what a network takes that is not ours. Raises
    InputError where there is no such network or file, its weights are missing, or were made for
    other choices.
    """
    if what.lower().endswith(".onnx"):
        if weights or choices != UNCHANGED:
            msg = (
                f"{what}: an ONNX file has its weights and its form: expected neither, "
                f"found {weights or choices}"
            )
            raise InputError(msg)
        if spec is not None:
            return Source(graph_from_foreign(Path(what), spec))
        graph = graph_from_file(Path(what))
        return Source(graph, table=graph.table)
    if spec is not None or is_factory(what):
        return _find_made(what, weights, choices, spec)
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


def _find_made(what: str, weights: str | None, choices: Choices, spec: Spec | None) -> Source:
    """The source for a factory."""
    if not is_factory(what):
        msg = f"{what}: a spec is for MODEL.onnx or package.module:factory; leave out --spec"
        raise InputError(msg)
    if spec is None:
        msg = f"{what}: expected --spec FILE, which says what the network takes, found none"
        raise InputError(msg)
    if choices != UNCHANGED:
        msg = f"{what}: its form is the factory's choice: expected none, found {choices}"
        raise InputError(msg)
    return Source(*graph_from_factory(what, weights, spec))
