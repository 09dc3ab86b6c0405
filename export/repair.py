"""Repairs after training: another FP32 graph, other integers and biases for both INT8 flavours."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from edgefer.calibration.bias_correction import correct_bias
from edgefer.calibration.equalisation import equalise, find_reaches
from edgefer.calibration.placement import layers_of
from edgefer.calibration.repairs import Repair, Repairs
from edgefer.calibration.rounding import round_for_results
from edgefer.calibration.table import CalibrationTable
from edgefer.calibration.view import GraphView
from edgefer.data.faces import FaceSet, Pixels
from edgefer.errors import InputError
from edgefer.export.answers import answers
from edgefer.export.graph import SourceGraph
from edgefer.export.parity import LIMITS, compare_outputs, golden_faces, require_parity
from edgefer.export.ranges import KEPT
from edgefer.imports import require
from edgefer.manifest import Precision
from edgefer.progress import Progress, silent
from edgefer.training.feed import Feed

# Pixels of a batch: 8 faces of 224 (through a ResNet-50: 0.5 GB of activations), 64 small ones.
_PIXELS, _MOST_FACES = 8 * 224**2, 64


def equalised(graph: SourceGraph, faces: FaceSet, progress: Progress = silent) -> SourceGraph:
    """`graph` with its channels equalised between layers; its ranges have to be found anew.

    What `faces` make of it decides. Raises InputError where there is none, CheckFailed where its
    answers to drawn faces are not those that they were.
    """
    onnx = require("onnx", "export")
    model = onnx.load_model_from_string(graph.data)
    seen = _feed(faces, graph.size, progress)(Repair.EQUALISATION)
    data = equalise(model, find_reaches(model, seen)).SerializeToString()
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
    batches = _feed(faces, graph.size, progress)
    model = require("onnx", "export").load_model_from_string(graph.data)
    layers = layers_of(GraphView(model))
    integers, bias = {}, {}
    if Repair.ROUNDING in wanted:
        integers = round_for_results(model, layers, table.ranges, lambda: batches(Repair.ROUNDING))
    if Repair.BIAS_CORRECTION in wanted:
        faces_again = batches(Repair.BIAS_CORRECTION)
        bias = correct_bias(model, layers, table.ranges, integers, faces_again)
    return Repairs(bias, integers)


def _feed(faces: FaceSet, size: int, progress: Progress) -> Callable[[Repair], Iterator[Pixels]]:
    """The faces for each repair, from the start each time that it is called."""
    if not len(faces):
        msg = f"{faces.name}: expected faces for repairs, found none"
        raise InputError(msg)
    feed = Feed(faces, size, keep=KEPT, progress=progress)
    count = min(_MOST_FACES, max(1, _PIXELS // size**2))
    return lambda phase: feed.pixels(count, str(phase))
