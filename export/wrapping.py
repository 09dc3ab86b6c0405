"""Puts a graph of any classifier between our pixel input and our probabilities."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from edgefer.calibration.view import INPUT
from edgefer.export.graph import OUTPUT
from edgefer.export.spec import AnswerKind, Layout, Spec
from edgefer.export.tidy import IR_VERSION
from edgefer.imports import require
from edgefer.zoo.registry import PixelScale

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

PREFIX = "network."
_OURS = "pixel_input."
_AXES = {Layout.NHWC: [0, 2, 3, 1], Layout.NCHW: [0, 3, 1, 2]}


def behind_pixels(
    model: ModelProto, taken: str, answered: str, scale: PixelScale, spec: Spec, batch: int | str
) -> ModelProto:
    """The graph from uint8 pixels [batch, size, size, 3] to what is `answered`, and no more.

    `taken` is the name of the model's input, which `scale` makes of RGB.
    """
    onnx = require("onnx", "export")
    made: ModelProto = onnx.compose.add_prefix(model, PREFIX)
    made.ir_version = IR_VERSION  # in an old one, initializers would have to be inputs
    graph, kinds, about = made.graph, onnx.TensorProto, onnx.helper.make_tensor_value_info
    del graph.input[:], graph.output[:], graph.value_info[:]
    graph.input.append(about(INPUT, kinds.UINT8, [batch, spec.size, spec.size, 3]))
    graph.output.append(about(PREFIX + answered, kinds.FLOAT, None))
    constants = {
        f"{_OURS}weights": np.asarray(scale.weights, dtype=np.float32)[:, :, None, None],
        f"{_OURS}bias": np.asarray(scale.bias, dtype=np.float32),
    }
    graph.initializer.extend(onnx.numpy_helper.from_array(v, n) for n, v in constants.items())
    nodes = [*_pixel_input(PREFIX + taken, list(constants), spec.layout), *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    return made


def _pixel_input(scaled: str, constants: list[str], layout: Layout) -> list[NodeProto]:
    """From `pixels` to the network's input `scaled`, as `PixelInput` of the zoo has it."""
    onnx = require("onnx", "export")
    make, cast, planes = onnx.helper.make_node, f"{_OURS}cast", f"{_OURS}planes"
    convolved = scaled if layout is Layout.NCHW else f"{_OURS}scaled"
    nodes = [  # Cast comes first: TensorRT takes uint8 for nothing else
        make("Cast", [INPUT], [cast], to=onnx.TensorProto.FLOAT),
        make("Transpose", [cast], [planes], perm=_AXES[Layout.NCHW]),
        make("Conv", [planes, *constants], [convolved]),
    ]
    if layout is Layout.NHWC:
        nodes.append(make("Transpose", [convolved], [scaled], perm=_AXES[Layout.NHWC]))
    return nodes


def with_probabilities(raw: ModelProto, spec: Spec, flat: bool) -> ModelProto:
    """A copy of `raw` whose one output is `probabilities` [batch, labels].

    `flat` says that its answers have that shape already.
    """
    onnx = require("onnx", "export")
    made: ModelProto = onnx.ModelProto()
    made.CopyFrom(raw)
    graph, make, count = made.graph, onnx.helper.make_node, len(spec.labels)
    answers = graph.output[0].name
    if not flat:
        shape = onnx.numpy_helper.from_array(np.array([-1, count]), f"{_OURS}answers")
        graph.initializer.append(shape)
        graph.node.append(make("Reshape", [answers, shape.name], [f"{answers}.flat"]))
        answers = f"{answers}.flat"
    if spec.answers is AnswerKind.LOGITS:
        graph.node.append(make("Softmax", [answers], [OUTPUT], axis=1))
    else:
        _rename(graph.node, answers)
    batch = graph.input[0].type.tensor_type.shape.dim[0]
    sides = [batch.dim_value or batch.dim_param, count]
    about = onnx.helper.make_tensor_value_info(OUTPUT, onnx.TensorProto.FLOAT, sides)
    graph.output[0].CopyFrom(about)
    return made


def _rename(nodes: Iterable[NodeProto], answers: str) -> None:
    """Call those answers `probabilities`, wherever they are made and read."""
    for node in nodes:
        for names in (node.input, node.output):
            for position, name in enumerate(names):
                if name == answers:
                    names[position] = OUTPUT
