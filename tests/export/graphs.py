"""Small graphs that keep the contract, for tests of what is done to them."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

SIZE = 12
LABELS = ["neutral", "happiness", "surprise"]


class GraphMaker:
    """Adds nodes behind the pixel input, then closes the graph with pool, classifier, softmax."""

    def __init__(self, channels: int = 8, seed: int = 0, size: int = SIZE) -> None:
        self.size = size
        self.random = np.random.default_rng(seed)
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self.node("Cast", ["pixels"], "cast", to=TensorProto.FLOAT)
        self.node("Transpose", ["cast"], "planes", perm=[0, 3, 1, 2])
        scale = np.eye(3, dtype=np.float32)[:, :, None, None] / 64
        self.node("Conv", ["planes", self.constant("w", scale), self.bias(3, -2.0)], "input")
        self.conv("stem", "input", 3, channels)

    def node(self, kind: str, inputs: Sequence[str], output: str, **attributes: object) -> str:
        self.nodes.append(helper.make_node(kind, inputs, [output], name=output, **attributes))
        return output

    def constant(self, name: str, values: NDArray[np.generic]) -> str:
        unique = f"{name}.{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(values, unique))
        return unique

    def bias(self, count: int, centre: float = 0.0) -> str:
        values = centre + self.random.normal(0, 0.1, count)
        return self.constant("bias", values.astype(np.float32))

    def weight(self, *shape: int) -> str:
        deviation = np.sqrt(2 / np.prod(shape[1:]))
        return self.constant("weight", self.random.normal(0, deviation, shape).astype(np.float32))

    def conv(
        self,
        name: str,
        source: str,
        inputs: int,
        outputs: int,
        *,
        group: int = 1,
        bias: bool = True,
    ) -> str:
        """A 3x3 convolution that keeps the size."""
        operands = [source, self.weight(outputs, inputs // group, 3, 3)]
        if bias:
            operands.append(self.bias(outputs))
        return self.node("Conv", operands, name, pads=[1, 1, 1, 1], group=group)

    def close(self, source: str, channels: int) -> onnx.ModelProto:
        """The whole model, checked."""
        self.node("GlobalAveragePool", [source], "pool")
        self.node("Flatten", ["pool"], "flat")
        classes = len(LABELS)
        weight, bias = self.weight(classes, channels), self.bias(classes)
        self.node("Gemm", ["flat", weight, bias], "classifier", transB=1)
        self.node("Softmax", ["classifier"], "probabilities", axis=1)
        pixels = helper.make_tensor_value_info(
            "pixels", TensorProto.UINT8, ["n", self.size, self.size, 3]
        )
        answers = helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["n", classes])
        graph = helper.make_graph(self.nodes, "test", [pixels], [answers], self.constants)
        opsets = [helper.make_opsetid("", 19)]
        model: onnx.ModelProto = helper.make_model(graph, ir_version=9, opset_imports=opsets)
        described = {"network": "test", "labels": LABELS, "weights": {"source": "test"}}
        helper.set_model_props(model, {"edgefer": json.dumps(described)})
        onnx.checker.check_model(model, full_check=True)
        return model


def residual(size: int = SIZE) -> onnx.ModelProto:
    """stem -> relu -> (conv, relu, conv) + relu -> relu -> (conv) + conv -> relu."""
    made = GraphMaker(size=size)
    made.node("Relu", ["stem"], "a")
    made.conv("b1", "a", 8, 8)
    made.node("Relu", ["b1"], "b2")
    made.conv("b3", "b2", 8, 8)
    made.node("Add", ["b3", "a"], "sum1")
    made.node("Relu", ["sum1"], "c")
    made.conv("d1", "c", 8, 16)
    made.node("Conv", ["c", made.weight(16, 8, 1, 1)], "shortcut")
    made.node("Add", ["d1", "shortcut"], "sum2")
    made.node("Relu", ["sum2"], "e")
    return made.close("e", 16)


def moving() -> onnx.ModelProto:
    """relu -> max pool -> conv -> depth to space, joined with the relu in two ways."""
    made = GraphMaker()
    made.node("Relu", ["stem"], "a")
    made.node("MaxPool", ["a"], "smaller", kernel_shape=[2, 2], strides=[2, 2])
    made.conv("parts", "smaller", 8, 32)
    made.node("DepthToSpace", ["parts"], "larger", blocksize=2)
    made.node("Concat", ["a", "larger"], "both", axis=1)
    made.conv("left", "both", 16, 8)
    made.node("Add", ["larger", "a"], "sum")
    made.conv("right", "sum", 8, 8)
    made.node("Add", ["left", "right"], "all")
    return made.close("all", 8)


def depthwise() -> onnx.ModelProto:
    """A depthwise convolution without bias, then one whose output is signed."""
    made = GraphMaker()
    made.conv("depth", "stem", 8, 8, group=8, bias=False)
    made.node("Relu", ["depth"], "a")
    made.conv("last", "a", 8, 8)
    return made.close("last", 8)


def shared_weights() -> onnx.ModelProto:
    """Two layers that read one weight, as CBAM's do."""
    made = GraphMaker()
    weight, bias = made.weight(8, 8, 3, 3), made.bias(8)
    made.node("Conv", ["stem", weight, bias], "one", pads=[1, 1, 1, 1])
    made.node("Relu", ["one"], "a")
    made.node("Conv", ["a", weight, bias], "two", pads=[1, 1, 1, 1])
    made.node("Relu", ["two"], "b")
    return made.close("b", 8)


def large_classifier() -> onnx.ModelProto:
    """A hidden layer with most of the multiply-adds, its weights not transposed."""
    made = GraphMaker()
    made.node("Relu", ["stem"], "a")
    made.node("Flatten", ["a"], "b")
    weight = made.weight(8 * SIZE * SIZE, 64)
    made.node("Gemm", ["b", weight, made.bias(64)], "hidden")
    made.node("Relu", ["hidden"], "c")
    made.node("Unsqueeze", ["c", made.constant("axes", np.array([2, 3]))], "d")
    return made.close("d", 64)


GRAPHS = {made.__name__: made for made in (residual, depthwise, shared_weights, large_classifier)}
