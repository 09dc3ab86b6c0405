"""Chooses among calibrators: the one whose INT8 graphs stay nearest to FP32 on faces held back."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from edgefer.calibration.calibrators import Calibrator
from edgefer.calibration.table import CalibrationTable
from edgefer.calibration.view import GraphView
from edgefer.data.faces import FaceSet, Pixels
from edgefer.errors import CheckFailed
from edgefer.export.answers import Floats, in_batches_of, probabilities
from edgefer.export.flavours import quantized_graph
from edgefer.export.gate import mean_divergence
from edgefer.export.graph import SourceGraph
from edgefer.imports import require
from edgefer.manifest import Flavour
from edgefer.progress import Progress, silent

# Faces that judge: within this many multiply-adds of FP32 for all of them, but not too few.
_MULTIPLY_ADDS, _FEWEST, _MOST = 2e11, 64, 512


def least_harm(
    graph: SourceGraph,
    tables: Mapping[Calibrator, CalibrationTable],
    faces: FaceSet,
    progress: Progress = silent,
) -> CalibrationTable:
    """The table with the least mean KL(FP32 || INT8) over `faces`, of the flavour further off.

    Of equals the simpler calibrator's; `tables` has that one first. What was tried is in it, but
    for what gave answers that are not numbers. CheckFailed where all did.
    """
    judges = _some(graph, faces)
    pixels = judges.pixels(graph.size)
    reference = probabilities(graph.data, in_batches_of(pixels))
    tried: dict[str, float] = {}
    for number, (calibrator, table) in enumerate(tables.items(), start=1):
        tried[str(calibrator)] = _divergence(graph, table, reference, pixels)
        progress("calibrators", number, len(tables))
    best = min(tables, key=lambda calibrator: tried[calibrator])
    finite = {name: divergence for name, divergence in tried.items() if math.isfinite(divergence)}
    if not finite:
        msg = f"{graph.network}: no calibrator gives finite answers in INT8; export with fp16"
        raise CheckFailed(msg)
    return replace(tables[best], tried=finite)


def _some(graph: SourceGraph, faces: FaceSet) -> FaceSet:
    """As many of the faces as a network of this cost can be judged by in a minute or so."""
    view = GraphView(require("onnx", "export").load_model_from_string(graph.data))
    cost = sum(view.multiply_adds(node) for node in view.nodes)
    count = min(_MOST, max(_FEWEST, int(_MULTIPLY_ADDS / cost)), len(faces))
    return faces.select(np.arange(count) * len(faces) // count)


def _divergence(
    graph: SourceGraph, table: CalibrationTable, reference: Floats, pixels: Pixels
) -> float:
    """Of the worse flavour, in nats: that of the rounding to INT8 alone."""
    model = require("onnx", "export").load_model_from_string(graph.data)
    found = []
    for flavour in Flavour:
        made, _ = quantized_graph(model, table, flavour)
        answers = probabilities(made.SerializeToString(), in_batches_of(pixels))
        found.append(mean_divergence(reference, answers))
    return max(found)
