"""The pixels' scale in integers: where it is exact it changes nothing, elsewhere it is not done."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from numpy.typing import NDArray
from onnx import numpy_helper

from edgefer.calibration.grid import activation_grid
from edgefer.calibration.table import Range
from edgefer.export.pixel_integers import scale_integers
from edgefer.manifest import Flavour
from tests.export.graphs import GraphMaker

PIXELS = np.arange(256, dtype=np.uint8)


def scaled(weights: NDArray[np.float32], bias: NDArray[np.float32] | None) -> onnx.ModelProto:
    """A graph that scales the pixels so, with its result on INT8's grid."""
    made = GraphMaker()
    made.constants[0].CopyFrom(numpy_helper.from_array(weights, "w.0"))
    if bias is not None:
        made.constants[1].CopyFrom(numpy_helper.from_array(bias, "bias.1"))
    else:
        del made.nodes[2].input[2:]
    model = made.close("stem", 8)
    grid = activation_grid(Range(-3, 3), Flavour.CPU)
    for name, values in {"step": grid.scale, "zero": grid.zero}.items():
        model.graph.initializer.append(numpy_helper.from_array(values, name))
    make = onnx.helper.make_node
    quantised = make("QuantizeLinear", ["input", "step", "zero"], ["integers"], name="integers")
    back = make("DequantizeLinear", ["integers", "step", "zero"], ["back"], name="back")
    stem = next(node for node in model.graph.node if node.name == "stem")
    stem.input[0] = "back"
    model.graph.node.insert(3, quantised)
    model.graph.node.insert(4, back)
    model.graph.output.append(onnx.helper.make_tensor_value_info("integers", 2, ["n", 3, 12, 12]))
    return model


def integers(model: onnx.ModelProto) -> NDArray[np.int64]:
    """What every grey and every single colour becomes."""
    faces = np.zeros((4, 256, 1, 3), np.uint8)
    faces[0] = PIXELS[:, None, None]
    for colour in range(3):
        faces[1 + colour, :, 0, colour] = PIXELS
    padded = np.zeros((4, 12 * 22, 12, 3), np.uint8)
    padded[:, :256, :1] = faces
    faces = padded.reshape(-1, 12, 12, 3)
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(["integers"], {"pixels": faces})[0].astype(np.int64)


def diagonal(*scales: float) -> NDArray[np.float32]:
    return np.diag(np.array(scales, np.float32))[:, :, None, None]


IMAGENET = diagonal(0.01712475, 0.017507, 0.01742919)
OFFSET = np.array([-2.117904, -2.0357144, -1.8044444], np.float32)


@pytest.mark.parametrize(
    ("weights", "bias"),
    [
        (IMAGENET, OFFSET),
        (IMAGENET, None),
        (diagonal(1 / 127.5, 1 / 127.5, 1 / 127.5), np.full(3, -1, np.float32)),
        (-IMAGENET[::-1].copy(), -OFFSET),
    ],
    ids=["imagenet", "no offset", "symmetric", "from blue to red, negative"],
)
def test_every_pixel_becomes_the_integer_that_it_was(
    weights: NDArray[np.float32], bias: NDArray[np.float32] | None
) -> None:
    model = scaled(weights, bias)
    before = integers(model)
    assert scale_integers(model) == {"input"}
    onnx.checker.check_model(model, full_check=True)
    assert "Cast" not in {node.op_type for node in model.graph.node}
    read = {name for node in model.graph.node for name in node.input}
    assert {tensor.name for tensor in model.graph.initializer} <= read
    after = integers(model)
    # the offset is rounded, by 1/254 of a pixel's step: what lay between two integers may turn
    assert np.abs(after - before).max() <= 1
    assert (after != before).mean() < 0.01


def mixed() -> onnx.ModelProto:
    return scaled(np.full((3, 3, 1, 1), 1 / 384, np.float32), OFFSET)


def large() -> onnx.ModelProto:
    """A first layer of the network itself, whose window is larger."""
    made = GraphMaker()
    del made.nodes[2:]
    made.conv("stem", "planes", 3, 8)
    return made.close("stem", 8)


def in_float() -> onnx.ModelProto:
    """What follows is not INT8."""
    return GraphMaker().close("stem", 8)


def read_twice() -> onnx.ModelProto:
    model = scaled(IMAGENET, OFFSET)
    model.graph.output.append(onnx.helper.make_tensor_value_info("planes", 1, ["n", 3, 12, 12]))
    model.graph.node.append(onnx.helper.make_node("Relu", ["planes"], ["more"], name="more"))
    return model


@pytest.mark.parametrize("make", [mixed, large, in_float, read_twice])
def test_other_graphs_stay_as_they_are(make: object) -> None:
    model = make()  # type: ignore[operator]
    before = model.SerializeToString(deterministic=True)
    assert scale_integers(model) == set()
    assert model.SerializeToString(deterministic=True) == before
