"""Repairs after training: another FP32 graph, other integers and biases for both INT8 flavours."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from edgefer.calibration.bias_correction import correct_bias
from edgefer.calibration.equalisation import NOT_SEEN, equalise, find_reaches
from edgefer.calibration.placement import place
from edgefer.calibration.repairs import Repair, Repairs
from edgefer.calibration.rounding import round_for_results
from edgefer.calibration.table import CalibrationTable
from edgefer.calibration.view import GraphView
from edgefer.data.faces import FaceSet
from edgefer.errors import InputError
from edgefer.export.answers import answers
from edgefer.export.graph import SourceGraph
from edgefer.export.parity import LIMITS, compare_outputs, golden_faces, require_parity
from edgefer.imports import require
from edgefer.manifest import Flavour, Precision
from edgefer.progress import Progress, silent

# Pixels of a batch: 8 faces of 224 (through a ResNet-50: 0.5 GB of activations), 64 small ones.
_PIXELS, _MOST_FACES = 8 * 224**2, 64


def equalised(
    graph: SourceGraph, faces: FaceSet | None = None, progress: Progress = silent
) -> SourceGraph:
    """`graph` with its channels equalised between layers; its ranges have to be found anew.

    With `faces` what they make of it decides, else its weights. Raises CheckFailed where its
    answers to drawn faces are not those that they were.
    """
    onnx = require("onnx", "export")
    model = onnx.load_model_from_string(graph.data)
    reaches = NOT_SEEN
    if faces is not None:
        reaches = find_reaches(model, _batches(faces, graph.size, Repair.EQUALISATION, progress))
    data = equalise(model, reaches).SerializeToString()
    drawn = golden_faces(graph.size)
    checks = compare_outputs(
        "equalised graph against its source",
        answers(data, drawn),
        answers(graph.data, drawn),
        LIMITS[Precision.FP32],
    )
    require_parity(checks)
    return replace(graph, data=data, table=None)


def repair(
    graph: SourceGraph,
    table: CalibrationTable,
    wanted: tuple[Repair, ...],
    faces: FaceSet,
    progress: Progress = silent,
) -> Repairs:
    """What those of `wanted` that are made on a calibrated graph change of its INT8 layers.

    All `faces` are looked at. Equalisation is none of them: it comes before the ranges. Raises
    InputError where there is no face, or `table` is of another graph.
    """
    if table.graph != graph.sha256:
        msg = f"{graph.network}: the ranges are another graph's; calibrate the graph to be repaired"
        raise InputError(msg)

    def batches(phase: Repair) -> Iterator[NDArray[np.uint8]]:
        return _batches(faces, graph.size, phase, progress)

    model = require("onnx", "export").load_model_from_string(graph.data)
    view = GraphView(model)
    weighted = place(view, Flavour.CPU).weighted
    layers = [node for node in view.nodes if node.name in weighted]
    integers, bias = {}, {}
    if Repair.ROUNDING in wanted:
        integers = round_for_results(model, layers, table.ranges, lambda: batches(Repair.ROUNDING))
    if Repair.BIAS_CORRECTION in wanted:
        faces_again = batches(Repair.BIAS_CORRECTION)
        bias = correct_bias(model, layers, table.ranges, integers, faces_again)
    return Repairs(bias, integers)


def _batches(
    faces: FaceSet, size: int, phase: Repair, progress: Progress
) -> Iterator[NDArray[np.uint8]]:
    if not len(faces):
        msg = f"{faces.name}: expected faces for {phase}, found none"
        raise InputError(msg)
    done = 0
    for pixels, _ in faces.batches(size, min(_MOST_FACES, max(1, _PIXELS // size**2))):
        yield pixels
        done += len(pixels)
        progress(str(phase), done, len(faces))
