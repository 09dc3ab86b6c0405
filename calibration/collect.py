"""Runs faces through the FP32 graph and keeps what ranges are made of, in bounded memory.

First the ends of every activation, which the graph itself finds; then, where a calibrator wants
them, histograms of absolute values in bins that the ends have fixed. Counts do not depend on the
order of the faces.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from edgefer.calibration.calibrators import BINS, Histogram
from edgefer.calibration.fetch import fetch, opened
from edgefer.calibration.table import Range
from edgefer.calibration.view import INPUT, LAYOUT, GraphView
from edgefer.errors import InputError
from edgefer.imports import require

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

_LEAST, _GREATEST, _FIRST_AXIS = "least values", "greatest values", "first axis"
_SUMS = "sums"  # not a number where one of the values is none: the ends pass over such
_REDUCED = {_LEAST: "ReduceMin", _GREATEST: "ReduceMax", _SUMS: "ReduceSum"}
# A Clip without end has an infinite one.
_ENDLESS = ("Clip",)
_DEAD = 1e-30  # an activation that never exceeds it has no distribution


def float_activations(view: GraphView) -> list[str]:
    """All activations in FP32 in the order of the graph, but the pixels in another layout."""
    floats = view.floats()
    return [
        str(name)
        for node in view.nodes
        if not (node.op_type in LAYOUT and view.reads_pixels(node))
        for name in node.output
        if name in floats
    ]


def greatest_weights(view: GraphView) -> dict[str, float]:
    """The greatest absolute value of each constant in FP32, but of the ends of a Clip.

    Raises InputError where one is not finite.
    """
    found = {}
    for name in view.float_constants():
        endless = all(reader.op_type in _ENDLESS for reader in view.readers[name])
        if endless or not view.size(name):
            continue
        found[name] = float(np.abs(view.values(name)).max())
        if not np.isfinite(found[name]):
            msg = (
                f"calibration: {name}: expected finite weights, found NaN or infinite ones; "
                "train or convert the network again"
            )
            raise InputError(msg)
    return found


def collect_ranges(
    graph: bytes, tensors: Sequence[str], batches: Iterable[NDArray[np.uint8]]
) -> dict[str, Range]:
    """The range of each of `tensors` over all `batches` (uint8 [n, size, size, 3], RGB).

    Memory is that of running one batch: the graph itself reduces each tensor to its ends. Raises
    InputError where there is no face, or where a value is not finite.
    """
    session = _observing_session(graph, tensors)
    low = np.zeros(len(tensors))
    high = np.zeros(len(tensors))
    faces = 0
    for pixels in batches:
        least, greatest, sums = session.run([_LEAST, _GREATEST, _SUMS], {INPUT: pixels})
        _check_finite(tensors, sums)
        low, high = np.minimum(low, least), np.maximum(high, greatest)
        faces += len(pixels)
    if not faces:
        msg = "calibration: expected at least one face, found none"
        raise InputError(msg)
    return {
        name: Range(float(least), float(greatest))
        for name, least, greatest in zip(tensors, low, high)
    }


def collect_histograms(
    graph: bytes, ranges: Mapping[str, Range], batches: Iterable[NDArray[np.uint8]]
) -> dict[str, Histogram]:
    """The histogram of each tensor of `ranges`, which are those of the same `batches`.

    Memory is that of one batch with all these tensors.
    """
    model = require("onnx", "export").load_model_from_string(graph)
    counts = {name: np.zeros(BINS, np.int64) for name in ranges}
    for seen in fetch(model, list(ranges), batches):
        for name, values in seen.items():
            if ranges[name].limit > _DEAD:
                counts[name] += counted(values, ranges[name].limit)
    return {name: Histogram(counts[name], ranges[name].limit) for name in ranges}


def counted(values: NDArray[np.float32], limit: float) -> NDArray[np.int64]:
    """How many absolute values lie in each bin; what is at the limit or past it is in the last."""
    places = np.abs(values.reshape(-1))
    places *= np.float32(BINS / limit)
    found = np.bincount(places.astype(np.int64), minlength=BINS)
    found[BINS - 1] += found[BINS:].sum()
    return found[:BINS]


def _check_finite(tensors: Sequence[str], sums: NDArray[np.float32]) -> None:
    for name, total in zip(tensors, sums):
        if not np.isfinite(total):
            msg = (
                f"calibration: {name}: expected finite values, found others; look at the weights "
                "and the operators before it"
            )
            raise InputError(msg)


def _observing_session(graph: bytes, tensors: Sequence[str]) -> InferenceSession:
    """An ONNX Runtime session of `graph` that gives the ends of all `tensors` instead."""
    onnx = require("onnx", "export")
    model = onnx.load_model_from_string(graph)
    make, kind = onnx.helper.make_node, onnx.TensorProto.FLOAT
    del model.graph.output[:]
    for output, reduce in _REDUCED.items():
        ends = [f"{output} of {name}" for name in tensors]
        nodes = (make(reduce, [name], [end], keepdims=0) for name, end in zip(tensors, ends))
        model.graph.node.extend(nodes)
        # a scalar cannot be concatenated
        rows = [f"{end}, a row" for end in ends]
        model.graph.node.extend(
            make("Unsqueeze", [end, _FIRST_AXIS], [row]) for end, row in zip(ends, rows)
        )
        model.graph.node.append(make("Concat", rows, [output], axis=0))
        value = onnx.helper.make_tensor_value_info(output, kind, [len(tensors)])
        model.graph.output.append(value)
    axis = onnx.numpy_helper.from_array(np.zeros(1, np.int64), _FIRST_AXIS)
    model.graph.initializer.append(axis)
    return opened(model)
