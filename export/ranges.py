"""Ranges of a graph from a set of faces: which tensors, how many faces, what is recorded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from edgefer.calibration.calibrators import CalibrationOptions, Calibrator, Histogram, clipped
from edgefer.calibration.chosen import chosen_faces, held_back
from edgefer.calibration.collect import (
    collect_histograms,
    collect_ranges,
    float_activations,
    greatest_weights,
)
from edgefer.calibration.placement import tensors_to_observe
from edgefer.calibration.table import CalibrationTable, Range
from edgefer.calibration.view import GraphView
from edgefer.data.faces import FaceSet
from edgefer.export.auto_ranges import least_harm
from edgefer.export.graph import SourceGraph
from edgefer.export.range_cache import Request, cached
from edgefer.imports import require
from edgefer.progress import Progress, silent
from edgefer.training.feed import Feed

DEFAULT = CalibrationOptions()
# Tensors that came within a quarter of FP16's greatest number stay in FP32 (our choice).
NEAR_FP16 = float(np.finfo(np.float16).max) / 4
# Pixels of a batch: 4 faces of 224, at most 64 small ones.
_PIXELS, _MOST_FACES = 4 * 224**2, 64
KEPT = 1 << 28  # bytes of decoded faces


@dataclass(frozen=True)
class Statistics:
    """What the activations of a graph took over all faces, by tensor name.

    `limits` are the ends of all of them. `histograms` are of those that INT8 needs ranges of; there
    are none for min-max. `weights` are the greatest absolute values of the constants.
    """

    limits: Mapping[str, Range]
    weights: Mapping[str, float]
    histograms: Mapping[str, Histogram]

    def ranges(self, tensors: Sequence[str], options: CalibrationOptions) -> dict[str, Range]:
        """What a calibrator makes of them for `tensors`."""
        exact = {name: self.limits[name] for name in tensors}
        if options.calibrator is Calibrator.MIN_MAX:
            return exact
        histograms = self.histograms
        return {name: clipped(exact[name], histograms[name], options) for name in exact}

    @property
    def beyond_fp16(self) -> dict[str, float]:
        """The tensors near what FP16 holds or beyond, with the greatest absolute values."""
        found = {name: each.limit for name, each in self.limits.items()}
        return {name: most for name, most in {**self.weights, **found}.items() if most > NEAR_FP16}


def calibrate(
    graph: SourceGraph,
    faces: FaceSet,
    options: CalibrationOptions = DEFAULT,
    progress: Progress = silent,
) -> CalibrationTable:
    """The calibration table of `graph` from faces that `chosen_faces` takes of `faces`.

    The order of the faces makes no difference. Ranges that were found before, of the same graph
    from the same faces, are read from the user's cache. Raises InputError where there are no faces
    (auto: none to hold back), pixels are not uint8, or weights or activations are not finite.
    """
    chosen = chosen_faces(faces, options, progress)
    judges = None
    if options.calibrator is Calibrator.AUTO:
        judges = held_back(faces, options, progress)
    request = Request.of(graph, chosen, judges, options)
    return cached(request, lambda: _calibrated(graph, chosen, judges, options, progress))


def beyond_fp16(
    graph: SourceGraph, faces: FaceSet, progress: Progress = silent
) -> dict[str, float]:
    """The tensors of a graph that come near what FP16 holds with any of `faces`, or go beyond it.

    ONNX Runtime's CPU kernels would not show it: they compute in FP32 inside.
    """
    return observe(graph, faces, Calibrator.MIN_MAX, progress).beyond_fp16


def observe(
    graph: SourceGraph,
    faces: FaceSet,
    calibrator: Calibrator,
    progress: Progress = silent,
    batch: int | None = None,
) -> Statistics:
    """The statistics that `calibrator` needs, over all of `faces`, `batch` at a time.

    Memory does not grow with the number of faces. Raises InputError where a weight or an activation
    is not finite; but for min-max, where no layer is worth INT8.
    """
    view = _view(graph)
    weights = greatest_weights(view)
    feed = Feed(faces, graph.size, keep=KEPT, progress=progress)
    count = batch or min(_MOST_FACES, max(1, _PIXELS // graph.size**2))
    limits = collect_ranges(graph.data, float_activations(view), feed.pixels(count, "ranges"))
    histograms = {}
    if calibrator is not Calibrator.MIN_MAX:
        wanted = {name: limits[name] for name in tensors_to_observe(view)}
        histograms = collect_histograms(graph.data, wanted, feed.pixels(count, "histograms"))
    return Statistics(limits, weights, histograms)


def _calibrated(
    graph: SourceGraph,
    chosen: FaceSet,
    judges: FaceSet | None,
    options: CalibrationOptions,
    progress: Progress,
) -> CalibrationTable:
    tensors = tensors_to_observe(_view(graph))
    statistics = observe(graph, chosen, options.calibrator, progress)
    tables = {}
    for calibrator in options.calibrator.alternatives:
        by_percentile = calibrator is Calibrator.PERCENTILE
        tables[calibrator] = CalibrationTable(
            graph=graph.sha256,
            calibrator=str(calibrator),
            data=chosen.name,
            faces=len(chosen),
            data_sha256=chosen.digest(),
            drawn=chosen.drawn,
            ranges=statistics.ranges(tensors, replace(options, calibrator=calibrator)),
            beyond_fp16=statistics.beyond_fp16,
            classes=_counts(chosen),
            percentile=options.percentile if by_percentile else None,
        )
    if judges is None:
        return tables[options.calibrator]
    return least_harm(graph, tables, judges, progress)


def _view(graph: SourceGraph) -> GraphView:
    return GraphView(require("onnx", "export").load_model_from_string(graph.data))


def _counts(faces: FaceSet) -> dict[str, int]:
    """How many faces bear each label, in the order of the labels."""
    found = Counter(faces.classes.tolist())
    return {str(label): found[number] for number, label in enumerate(faces.labels)}
