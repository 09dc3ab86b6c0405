"""Gives chosen tensors of an FP32 graph, batch after batch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from edgefer.calibration.table import Range
from edgefer.calibration.view import INPUT
from edgefer.imports import require

if TYPE_CHECKING:
    from onnx import ModelProto
    from onnxruntime import InferenceSession

Floats = NDArray[np.float32]


def fetch(
    model: ModelProto, tensors: Sequence[str], batches: Iterable[NDArray[np.uint8]]
) -> Iterator[dict[str, Floats]]:
    """The values of `tensors` (FP32) for each batch of faces (uint8 [n, size, size, 3], RGB)."""
    if not tensors:  # ONNX Runtime would give all there are
        return
    onnx = require("onnx", "export")
    seen = onnx.ModelProto()
    seen.CopyFrom(model)
    del seen.graph.output[:]
    seen.graph.output.extend(
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in tensors
    )
    session = opened(seen)
    for pixels in batches:
        yield dict(zip(tensors, session.run(list(tensors), {INPUT: pixels})))


def opened(model: ModelProto) -> InferenceSession:
    """An ONNX Runtime session on the CPU that says nothing but errors."""
    ort = require("onnxruntime", "cpu")
    options = ort.SessionOptions()
    options.log_severity_level = 3
    return ort.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )


def within(values: Floats, limits: Range) -> Floats:
    """`values` as far as their integers go in both flavours; these round each in its own steps."""
    return values.clip(-limits.limit, limits.limit)
