"""Bundles around a graph of five nodes. Needs onnx; the other helpers of these tests do not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from edgefer.bundle import CARD, GOLDEN, Bundle
from edgefer.files import sha256
from edgefer.golden import Golden
from edgefer.labels import ORDERS
from edgefer.manifest import Flavour, Manifest, Member, Precision

LABELS = ORDERS["ferplus"]
SIZE = 8
REGIONS = 2


def tiny_graph(
    *,
    size: int = SIZE,
    labels: int = len(LABELS),
    batch: str | int = "n",
    pixels: int = TensorProto.UINT8,
    name: str = "pixels",
    weight: NDArray[np.float32] | None = None,
    regions: Sequence[str | int] | None = None,
) -> onnx.ModelProto:
    """A network that answers by the mean colour; with `regions`, a second output of that shape."""
    if weight is None:
        weight = np.random.default_rng(0).normal(0, 0.05, (3, labels)).astype(np.float32)
    nodes = [
        helper.make_node("Cast", [name], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("ReduceMean", ["floats", "axes"], ["mean"], keepdims=0),
        helper.make_node("MatMul", ["mean", "weight"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
    ]
    numbers = range(0 if regions is None else 3)
    outputs = [_value("probabilities", TensorProto.FLOAT, [batch, labels])]
    if regions is not None:
        nodes.append(helper.make_node("Slice", ["mean", "0", "2", "1"], ["region_weights"]))
        outputs.append(_value("region_weights", TensorProto.FLOAT, regions))
    constants = [
        numpy_helper.from_array(weight, "weight"),
        numpy_helper.from_array(np.array([1, 2]), "axes"),
        *(numpy_helper.from_array(np.array([number]), str(number)) for number in numbers),
    ]
    inputs = [_value(name, pixels, [batch, size, size, 3])]
    graph = helper.make_graph(nodes, "tiny", inputs, outputs, constants)
    opsets = [helper.make_opsetid("", 19)]
    model: onnx.ModelProto = helper.make_model(graph, ir_version=9, opset_imports=opsets)
    return model


def _value(name: str, kind: int, shape: Sequence[str | int]) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, shape)


def tiny_bundle(
    graph: bytes | None = None,
    *,
    precision: Precision = Precision.FP32,
    outputs: tuple[str, ...] = ("probabilities",),
) -> Bundle:
    """A bundle with `graph` as both flavours, whose golden answers are those of the usual graph."""
    usual = tiny_graph().SerializeToString()
    faces = np.random.default_rng(1).integers(0, 256, (4, SIZE, SIZE, 3), np.uint8)
    session = onnxruntime.InferenceSession(usual, providers=["CPUExecutionProvider"])
    (answers,) = session.run(None, {"pixels": faces})
    golden = Golden(faces, answers, dict.fromkeys(Flavour, answers), dict.fromkeys(Flavour, 1e-4))
    members = {flavour.member: graph or usual for flavour in Flavour}
    members |= {GOLDEN: golden.to_npz(), CARD: b"# tiny\n"}
    manifest = replace(
        Manifest.bare("tiny", SIZE, LABELS),
        precision=precision,
        outputs=outputs,
        weights={"source": "test"},
        files={name: Member(sha256(data), len(data)) for name, data in members.items()},
    )
    return Bundle(manifest, members)
