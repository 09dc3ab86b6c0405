"""The workload of an ONNX graph: which nodes become one launch, and what each has to do.

The rule of fusion is ours, after what TensorRT's logs show; what it does in truth is its own
affair and differs from version to version:

* QuantizeLinear and DequantizeLinear cost nothing: they decide how wide a tensor is stored, and
  whether a layer computes in INT8. Reshapes and Concat cost nothing either.
* Conv, Gemm and MatMul are one launch each; only they have operations.
* A pointwise node (activation, Add, Mul, Cast, Transpose and such) joins the launch that makes the
  last of its inputs, where that is of weights or pointwise and of as many numbers.
* Anything else is a launch of its own that reads and writes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from edgefer.benchmarks.tensors import Tensors
from edgefer.benchmarks.workload import Layer, Workload, width
from edgefer.bundle import Bundle
from edgefer.calibration.layers import groups_of
from edgefer.errors import InputError
from edgefer.imports import require
from edgefer.manifest import Flavour, Precision

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

_WEIGHTED = ("Conv", "Gemm", "MatMul")
_QUANTISED = ("QuantizeLinear", "DequantizeLinear")
_FREE = ("Reshape", "Flatten", "Squeeze", "Unsqueeze", "Identity", "Dropout", "Concat")
_POINTWISE = (
    *("Relu", "LeakyRelu", "PRelu", "Sigmoid", "HardSigmoid", "HardSwish", "Tanh", "Gelu", "Erf"),
    *("Clip", "Softplus", "Elu", "Selu", "Mish", "Exp", "Log", "Sqrt", "Pow", "Abs", "Neg"),
    *("Add", "Sub", "Mul", "Div", "Min", "Max", "Where", "Cast", "Transpose", "Reciprocal"),
    "BatchNormalization",
)
# They read what they write, not all of their input.
_PICKS = ("Slice", "Split", "Gather", "Expand")
_NO_LAUNCH = ("Shape", "Constant", "ConstantOfShape", "Range")
# They multiply too, in ways that are not counted here: to take them for moves would be too fast.
_NOT_COUNTED = (
    *("ConvTranspose", "DeformConv", "Einsum", "Attention", "LSTM", "GRU", "RNN"),
    *("If", "Loop", "Scan", "ConvInteger", "MatMulInteger", "QLinearConv", "QLinearMatMul"),
)

# What is stored: the tensor that a layer made, and how many bytes each of its numbers takes.
Stored = tuple[str, int]


def bundle_workload(bundle: Bundle) -> Workload:
    """What a bundle's graph for TensorRT has to do for one face.

    Raises MissingDependency without onnx, and InputError where shapes do not follow from the
    graph or an operator's operations are not counted.
    """
    model = require("onnx", "export").load_model_from_string(bundle.graph(Flavour.GPU))
    return graph_workload(model, bundle.manifest.network)


def graph_workload(model: ModelProto, name: str) -> Workload:
    """The layers of a graph whose first axis of inputs and outputs is the batch."""
    return Workload(name, _Reader(model).layers())


class _Reader:
    """Goes through the nodes in their order and puts those of one launch into one group."""

    def __init__(self, model: ModelProto) -> None:
        self._tensors = Tensors(model)
        self._stored: dict[str, set[Stored]] = {
            name: {(name, self._tensors.width(name))} for name in self._tensors.inputs
        }
        self._int8: set[str] = set()
        self._groups: list[list[NodeProto]] = []
        self._maker: dict[str, int] = {}

    def layers(self) -> tuple[Layer, ...]:
        """One for each launch."""
        for node in self._tensors.nodes:
            self._take(node)
        reads = [self._reads(number) for number in range(len(self._groups))]
        answers = (self._stored.get(name, set()) for name in self._tensors.outputs)
        wanted = set().union(*answers, *reads)
        return tuple(self._layer(number, read, wanted) for number, read in enumerate(reads))

    def _take(self, node: NodeProto) -> None:
        sources = [name for name in node.input if name in self._stored]
        if node.op_type in _NOT_COUNTED:
            msg = f"node '{node.name}': expected operators that are counted, found {node.op_type}"
            raise InputError(msg)
        if node.op_type in _NO_LAUNCH or not sources:
            self._tensors.constants |= set(node.output)
            if node.op_type == "DequantizeLinear":
                self._int8 |= set(node.output)
        elif node.op_type in _QUANTISED:
            self._int8.add(node.output[0])
            self._stored[node.output[0]] = {
                (name, width(Precision.INT8)) for name, _ in self._stored[sources[0]]
            }
        elif node.op_type in _FREE:
            self._stored[node.output[0]] = set().union(*(self._stored[name] for name in sources))
            if all(name in self._int8 for name in sources):
                self._int8.add(node.output[0])
        else:
            self._launch(node, sources)

    def _launch(self, node: NodeProto, sources: Sequence[str]) -> None:
        number = self._joined(node, sources)
        if number is None:
            number = len(self._groups)
            self._groups.append([])
        self._groups[number].append(node)
        for name in filter(None, node.output):
            self._maker[name] = number
            self._stored[name] = {(name, self._tensors.width(name))}

    def _joined(self, node: NodeProto, sources: Sequence[str]) -> int | None:
        """The group that a pointwise node joins: no earlier one, which a later input may need."""
        read = {name for source in sources for name, _ in self._stored[source]}
        makers = [(self._maker[name], name) for name in read if name in self._maker]
        if node.op_type not in _POINTWISE or not makers:
            return None
        number, name = max(makers)
        fuses = self._groups[number][0].op_type in (*_WEIGHTED, *_POINTWISE)
        alike = self._tensors.elements(name) == self._tensors.elements(node.output[0])
        return number if fuses and alike else None

    def _reads(self, number: int) -> set[Stored]:
        """What a group reads that it does not make itself."""
        inputs = (name for node in self._groups[number] for name in node.input)
        found = set().union(*(self._stored.get(name, set()) for name in inputs))
        return {one for one in found if self._maker.get(one[0]) != number}

    def _layer(self, number: int, read: set[Stored], wanted: set[Stored]) -> Layer:
        nodes, tensors = self._groups[number], self._tensors
        first = nodes[0]
        made = [one for one in wanted if self._maker.get(one[0]) == number]
        written = sum(tensors.elements(name) * each for name, each in made)
        taken = sum(tensors.elements(name) * each for name, each in read)
        constants = {name for node in nodes for name in node.input if name in tensors.constants}
        rows, columns, groups, inner = self._matrices(first)
        return Layer(
            name=first.name or first.output[0],
            precision=self._precision(first),
            operations=2 * rows * columns * groups * inner,
            read=written if first.op_type in _PICKS else taken,
            written=written,
            weights=sum(self._constant(name) for name in constants),
            rows=rows,
            columns=columns,
            groups=groups,
            depthwise=first.op_type == "Conv" and groups > 1 and self._reads_one_channel(first),
        )

    def _constant(self, name: str) -> int:
        """Bytes of a constant: what was dequantised is stored in INT8."""
        each = self._tensors.width(name) if name in self._int8 else 1  # then numbers, not bytes
        return self._tensors.size(name) // each

    def _matrices(self, node: NodeProto) -> tuple[int, int, int, int]:
        """Rows, columns and number of the matrices of results, and multiply-adds for a result."""
        if node.op_type not in _WEIGHTED:
            return 0, 0, 1, 0
        made = self._tensors.shape(node.output[0])
        if node.op_type == "Conv":
            groups = groups_of(node)
            inner = int(np.prod(self._tensors.shape(node.input[1])[1:]))
            return int(np.prod(made[2:])), made[1] // groups, groups, inner
        inner = self._tensors.shape(node.input[0])[-1]
        if node.input[1] in self._tensors.constants:
            return int(np.prod(made[:-1])), made[-1], 1, inner
        *outer, rows, columns = [1, 1, *made]
        return rows, columns, int(np.prod(outer)), inner

    def _reads_one_channel(self, convolution: NodeProto) -> bool:
        return self._tensors.shape(convolution.input[1])[1] == 1

    def _precision(self, node: NodeProto) -> Precision:
        if node.op_type in _WEIGHTED and all(name in self._int8 for name in node.input[:2]):
            return Precision.INT8
        half = self._tensors.width(node.output[0]) == width(Precision.FP16)
        return Precision.FP16 if half else Precision.FP32
