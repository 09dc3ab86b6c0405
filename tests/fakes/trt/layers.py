"""Makes the layers of a network from ONNX nodes, as TensorRT's parser does in the main."""

from __future__ import annotations

from typing import Any

from tests.fakes.trt.common import Release
from tests.fakes.trt.graph import Graph

_KINDS = {
    "CONVOLUTION": "Conv",
    "DECONVOLUTION": "ConvTranspose",
    "MATRIX_MULTIPLY": "Gemm MatMul",
    "ACTIVATION": "Relu Sigmoid Clip LeakyRelu HardSigmoid Tanh Elu Selu Softplus Softsign Gelu",
    "POOLING": "MaxPool AveragePool",
    "REDUCE": "GlobalAveragePool GlobalMaxPool ReduceMean ReduceSum ReduceMax ReduceMin ReduceL2",
    "SHUFFLE": "Flatten Reshape Transpose Squeeze Unsqueeze DepthToSpace SpaceToDepth",
    "SCALE": "BatchNormalization",
    "CONCATENATION": "Concat",
    "SLICE": "Slice Pad Expand Split",
    "CAST": "Cast",
    "SHAPE": "Shape",
    "GATHER": "Gather GatherElements GatherND",
    "SOFTMAX": "Softmax LogSoftmax",
    "UNARY": "Exp Log Sqrt Reciprocal Abs Neg Erf Floor Ceil Round Sign Not Sin Cos",
    "RESIZE": "Resize Upsample",
    "SELECT": "Where",
    "TOPK": "TopK ArgMax ArgMin",
    "NORMALIZATION": "LayerNormalization InstanceNormalization GroupNormalization",
    "IDENTITY": "Identity Dropout",
    "QUANTIZE": "QuantizeLinear",
    "DEQUANTIZE": "DequantizeLinear",
    "EINSUM": "Einsum",
    "ONE_HOT": "OneHot",
    "GRID_SAMPLE": "GridSample",
    "PARAMETRIC_RELU": "PRelu",
}
KINDS = {operator: kind for kind, operators in _KINDS.items() for operator in operators.split()}

# Constants that are weights of the layer itself and no layers of their own.
_OWN = {"Conv", "ConvTranspose", "BatchNormalization", "Gemm"}
# What the DLA can do, of which this is a small part.
_DLA = {"CONVOLUTION", "ACTIVATION", "POOLING", "MATRIX_MULTIPLY", "CONSTANT"}


def kind_of(operator: str) -> str:
    """The layer that an operator becomes; most of the rest is arithmetic."""
    return KINDS.get(operator, "ELEMENTWISE")


def runs_on_dla(layer: Any) -> bool:
    """Whether the fake DLA can run a layer."""
    return layer.type.name in _DLA


class Layers:
    """Collects layers and tensors."""

    def __init__(self, graph: Graph, release: Release) -> None:
        self.graph = graph
        self.release = release
        self.layers: list[Any] = []
        self._tensors: dict[str, Any] = {}
        self._zeros = 0

    def tensor(self, name: str) -> Any:
        """The tensor of that name."""
        if name not in self._tensors:
            value = self.graph.values[name]
            kind = getattr(self.release.DataType, value.dtype)
            self._tensors[name] = self.release.tensor(name, kind, value.shape)
        return self._tensors[name]

    def add(self, node: Any) -> None:
        """Add what a node becomes."""
        if node.op_type == "Constant":
            return
        quantises = node.op_type in ("QuantizeLinear", "DequantizeLinear")
        inputs = []
        for index, name in enumerate(node.input):
            if quantises and index == 2:
                inputs.append(self._zero_point(node))
            elif name in self.graph.constants:
                if self._is_layer(node, name):
                    inputs.append(self._constant(name))
            elif name:
                inputs.append(self.tensor(name))
        self._append(self.graph.names[id(node)], kind_of(node.op_type), inputs, node.output)

    def _is_layer(self, node: Any, name: str) -> bool:
        floats = self.graph.values[name].dtype in ("FLOAT", "HALF", "BF16", "INT8")
        return floats and node.op_type not in _OWN

    def _constant(self, name: str) -> Any:
        made = f"{name}_output"
        if made not in self._tensors:
            value = self.graph.values[name]
            kind = getattr(self.release.DataType, value.dtype)
            self._tensors[made] = self.release.tensor(made, kind, value.shape)
            self._append(name, "CONSTANT", [], [made])
        return self._tensors[made]

    def _zero_point(self, node: Any) -> Any:
        """Zero points become constants of the type and shape of the scale."""
        title = "tmp_weight" if self._zeros == 0 else f"tmp_weight_{self._zeros - 1}"
        self._zeros += 1
        scale = self.tensor(node.input[1])
        made = f"{title}_output"
        self._tensors[made] = self.release.tensor(made, scale.dtype, tuple(scale.shape))
        self._append(title, "CONSTANT", [], [made])
        return self._tensors[made]

    def _append(self, name: str, kind: str, inputs: list[Any], outputs: Any) -> None:
        made = [self.tensor(output) for output in outputs if output]
        layer_type = getattr(self.release.LayerType, kind)
        self.layers.append(self.release.layer(name, layer_type, inputs, made))
