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


def collect_ranges(
    graph: bytes, tensors: Sequence[str], batches: Iterable[NDArray[np.uint8]]
) -> dict[str, Range]:
    """The range of each of `tensors` over all `batches` (uint8 [n, size, size, 3], RGB).

    Memory is that of one batch. Raises InputError where there is no face, or where a value is
    not finite.
    """
    session = _observing_session(graph, tensors)
    low = np.zeros(len(tensors))
    high = np.zeros(len(tensors))
    faces = 0
    for pixels in batches:
        values = session.run(list(tensors), {"pixels": pixels})
        low = np.minimum(low, [value.min() for value in values])
        high = np.maximum(high, [value.max() for value in values])
        faces += len(pixels)
    if not faces:
        msg = "calibration: expected at least one face, found none"
        raise InputError(msg)
    return {
        name: Range(float(least), float(greatest))
        for name, least, greatest in zip(tensors, low, high)
    }


def _observing_session(graph: bytes, tensors: Sequence[str]) -> InferenceSession:
    """An ONNX Runtime session of `graph` with `tensors` as further outputs."""
    onnx = require("onnx", "export")
    ort = require("onnxruntime", "cpu")
    model = onnx.load_model_from_string(graph)
    present = {output.name for output in model.graph.output}
    for name in tensors:
        if name not in present:
            model.graph.output.append(onnx.ValueInfoProto(name=name))
    options = ort.SessionOptions()
    options.log_severity_level = 3
    return ort.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
