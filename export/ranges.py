"""Ranges of a graph from a set of faces: which tensors, how many faces, what is recorded."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from edgefer.calibration.collect import MINMAX, collect_ranges
from edgefer.calibration.placement import tensors_to_observe
from edgefer.calibration.table import CalibrationTable
from edgefer.calibration.view import GraphView
from edgefer.data.faces import FaceSet
from edgefer.errors import InputError
from edgefer.export.graph import SourceGraph
from edgefer.imports import require
from edgefer.progress import Progress, silent

# Ranges settle after a few hundred faces; balanced, so that rare expressions are among them.
FACES = 512
_BATCH = 8  # of 224 pixels, through a ResNet-50: 1.5 GB


def calibrate(graph: SourceGraph, faces: FaceSet, progress: Progress = silent) -> CalibrationTable:
    """The calibration table of `graph`, from up to 512 of `faces`, balanced over the classes."""
    if not len(faces):
        msg = f"{faces.name}: expected faces to calibrate on, found none"
        raise InputError(msg)
    onnx = require("onnx", "export")
    chosen = faces.balanced(FACES)
    model = onnx.load_model_from_string(graph.data)
    ranges = collect_ranges(
        graph.data, tensors_to_observe(GraphView(model)), _batches(chosen, graph.size, progress)
    )
    return CalibrationTable(
        graph=graph.sha256,
        calibrator=MINMAX,
        data=faces.name,
        faces=len(chosen),
        data_sha256=chosen.digest(),
        drawn=faces.drawn,
        ranges=ranges,
    )


def _batches(faces: FaceSet, size: int, progress: Progress) -> Iterator[NDArray[np.uint8]]:
    done = 0
    for pixels, _ in faces.batches(size, _BATCH):
        yield pixels
        done += len(pixels)
        progress("ranges", done, len(faces))
