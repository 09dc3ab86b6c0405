"""Graphs run by ONNX Runtime's CPU kernels, for what the export has to know of their answers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from edgefer.calibration.view import INPUT
from edgefer.export.graph import OUTPUT
from edgefer.imports import require
from edgefer.runtime.ort import rounds_fp16, session_options

if TYPE_CHECKING:
    from onnx import TensorProto
    from onnxruntime import InferenceSession

Floats = NDArray[np.float32]
Answers = Mapping[str, Floats]

_BATCH = 16


def open_graph(graph: bytes, threads: int | None = None) -> InferenceSession:
    """A session of a graph on the CPU, with `threads` threads (None: all cores)."""
    ort = require("onnxruntime", "cpu")
    if not rounds_fp16():
        graph = in_fp32(graph)
    options = session_options(threads)
    return ort.InferenceSession(graph, options, providers=["CPUExecutionProvider"])


def answers(graph: bytes, faces: NDArray[np.uint8]) -> Answers:
    """Each output of a graph by its name, float32 [n, ...], for faces uint8 [n, size, size, 3]."""
    session = open_graph(graph)
    names = [output.name for output in session.get_outputs()]
    found = session.run(names, {INPUT: faces})
    return {name: np.asarray(value, dtype=np.float32) for name, value in zip(names, found)}


def probabilities(graph: bytes, batches: Iterable[NDArray[np.uint8]]) -> Floats:
    """The probabilities for all faces of `batches`, float32 [n, labels]."""
    session = open_graph(graph)
    found = [session.run([OUTPUT], {INPUT: pixels})[0] for pixels in batches]
    return np.concatenate(found).astype(np.float32)


def in_batches_of(pixels: NDArray[np.uint8]) -> Iterator[NDArray[np.uint8]]:
    """The same faces, some at a time."""
    return (pixels[start : start + _BATCH] for start in range(0, len(pixels), _BATCH))


def in_fp32(graph: bytes) -> bytes:
    """The graph computed in FP32 where it is in FP16, if it has integers too; else as it is.

    For libraries that quantise FP16 values wrongly. Scales keep their values, which FP16 has.
    """
    onnx = require("onnx", "export")
    model = onnx.load_model_from_string(graph)
    if all(node.op_type != "QuantizeLinear" for node in model.graph.node):
        return graph
    half, single = onnx.TensorProto.FLOAT16, onnx.TensorProto.FLOAT
    del model.graph.value_info[:]
    for tensor in model.graph.initializer:
        if tensor.data_type == half:
            _widen(tensor)
    for node in model.graph.node:
        for attribute in node.attribute:
            if attribute.name in ("to", "dtype") and attribute.i == half:
                attribute.i = single
            elif attribute.t.data_type == half:
                _widen(attribute.t)
    made: bytes = model.SerializeToString()
    return made


def _widen(tensor: TensorProto) -> None:
    helper = require("onnx", "export").numpy_helper
    values = helper.to_array(tensor).astype(np.float32)
    tensor.CopyFrom(helper.from_array(values, tensor.name))
