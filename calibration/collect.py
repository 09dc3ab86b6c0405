"""Runs faces through the FP32 graph and keeps the range of every activation that is asked for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from edgefer.calibration.table import Range
from edgefer.errors import InputError
from edgefer.imports import require

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

MINMAX = "min-max"
_LEAST, _GREATEST, _FIRST_AXIS = "least values", "greatest values", "first axis"
_SUMS = "sums"  # not a number where one of the values is none: the ends pass over such
_REDUCED = {_LEAST: "ReduceMin", _GREATEST: "ReduceMax", _SUMS: "ReduceSum"}


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
        least, greatest, sums = session.run([_LEAST, _GREATEST, _SUMS], {"pixels": pixels})
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


def _check_finite(tensors: Sequence[str], sums: NDArray[np.float32]) -> None:
    for name, total in zip(tensors, sums):
        if not np.isfinite(total):
            msg = f"calibration: {name}: expected finite values, found others; are the weights?"
            raise InputError(msg)


def _observing_session(graph: bytes, tensors: Sequence[str]) -> InferenceSession:
    """An ONNX Runtime session of `graph` that gives the ends of all `tensors` instead."""
    onnx = require("onnx", "export")
    ort = require("onnxruntime", "cpu")
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
    options = ort.SessionOptions()
    options.log_severity_level = 3
    return ort.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
