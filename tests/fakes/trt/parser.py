"""The fake ONNX parser: reads a graph for real, and refuses what its version refuses."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import onnx
from google.protobuf.message import DecodeError
from onnx import TensorProto

from tests.fakes.trt.common import ErrorCode, Voice
from tests.fakes.trt.fusion import fused
from tests.fakes.trt.graph import Graph, Value
from tests.fakes.trt.interfaces import Severity
from tests.fakes.trt.layers import Layers
from tests.fakes.trt.network import Parsed


class ParserError:
    """Why a graph was refused; every property is a method."""

    def __init__(self, code: Any, desc: str, node: int = -1, name: str = "", op: str = "") -> None:
        self._code, self._desc = code, desc
        self._node, self._name, self._operator = node, name, op

    def code(self) -> Any:
        """The kind of error."""
        return self._code

    def desc(self) -> str:
        """What is wrong."""
        return self._desc

    def node(self) -> int:
        """The number of the node; -1 where it is none's fault."""
        return self._node

    def node_name(self) -> str:
        """The name of the node, which may be empty."""
        return self._name

    def node_operator(self) -> str:
        """The operator of the node."""
        return self._operator

    def file(self) -> str:
        """Where in the parser."""
        return "ModelImporter.cpp"

    def line(self) -> int:
        """Where in the parser."""
        return 489

    def func(self) -> str:
        """Where in the parser."""
        return "parseNode" if self._node >= 0 else "deserializeOnnxModel"

    def local_function_stack(self) -> list[str]:
        """Functions of the graph around the node."""
        return []

    def local_function_stack_size(self) -> int:
        """How many there are."""
        return 0

    def __str__(self) -> str:
        place = f"In node {self._node} with name: {self._name} and operator: {self._operator} "
        where = place if self._node >= 0 else ""
        return f"{where}({self.func()}): {self._code.name}: {self._desc}"


class OnnxParser(Voice):
    """The parser."""

    def __init__(self, network: Any, logger: Any) -> None:
        super().__init__(logger)
        self.network = network
        self._errors: list[ParserError] = []

    @property
    def num_errors(self) -> int:
        """How many errors."""
        return len(self._errors)

    def get_error(self, index: int) -> ParserError | None:
        """An error."""
        return self._errors[index] if 0 <= index < len(self._errors) else None

    def clear_errors(self) -> None:
        """Forget them."""
        self._errors.clear()

    def parse_from_file(self, model: str) -> bool:
        """Parse a file."""
        return self.parse(Path(model).read_bytes(), model)

    def parse(self, model: bytes, path: str | None = None) -> bool:
        """Parse a graph; False where it is refused."""
        try:
            # A copy: what is parsed is any buffer.
            proto = onnx.load_model_from_string(bytes(memoryview(model)))
        except DecodeError:
            text = "Failed to parse the ONNX model."
            return self._refuse(ParserError(ErrorCode.MODEL_DESERIALIZE_FAILED, text))
        for error in self._refusals(proto):
            return self._refuse(error)
        graph = Graph(proto)
        layers = Layers(graph, self.release)
        for node in graph.nodes:
            layers.add(node)
        held = {tensor.name for tensor in proto.graph.initializer}
        inputs = [info.name for info in proto.graph.input if info.name not in held]
        outputs = [info.name for info in proto.graph.output]
        self.network.fill(
            layers.layers, [*map(layers.tensor, inputs)], [*map(layers.tensor, outputs)]
        )
        self.network.name = proto.graph.name
        self.network.parsed = Parsed(
            proto.SerializeToString(),
            [_described(name, graph.values[name]) for name in inputs],
            [_described(name, graph.values[name]) for name in outputs],
            fused(graph),
            any(node.op_type == "QuantizeLinear" for node in graph.nodes),
        )
        return True

    def _refuse(self, error: ParserError) -> bool:
        self._errors.append(error)
        self.say(Severity.ERROR, str(error))
        return False

    def _refusals(self, proto: onnx.ModelProto) -> Iterator[ParserError]:
        opset = next((entry.version for entry in proto.opset_import if not entry.domain), 0)
        for what, found, known in (
            ("IR version", proto.ir_version, self.release.ir),
            ("opset", opset, self.release.opset),
        ):
            if found > known:
                text = f"The model has {what} {found}, the parser knows none above {known}."
                yield ParserError(ErrorCode.UNSUPPORTED_GRAPH, text)
        for tensor in proto.graph.initializer:
            if tensor.data_location == TensorProto.EXTERNAL:
                text = f"Failed to open file of the weights of {tensor.name}."
                yield ParserError(ErrorCode.MODEL_DESERIALIZE_FAILED, text)
        graph = Graph(proto)
        for number, node in enumerate(graph.nodes):
            if text := _wrong(graph, node):
                code = ErrorCode.INVALID_NODE
                yield ParserError(code, text, number, node.name, node.op_type)


def _wrong(graph: Graph, node: Any) -> str:
    """What TensorRT's parser would say against a node; the texts are its own."""
    operator, name = node.op_type, graph.names[id(node)]
    if node.domain not in ("", "ai.onnx") or not onnx.defs.has(operator, node.domain):
        return 'creator && "Plugin not found, are the plugin name, version, and namespace correct?"'
    quantises = operator in ("QuantizeLinear", "DequantizeLinear")
    if quantises and len(node.input) > 2:
        zeros = graph.array(node.input[2])
        if zeros is not None and zeros.astype(int).any():
            return (
                "Assertion failed: shiftIsAllZeros(zeroPoint): Non-zero zero point is not "
                "supported."
            )
    source = graph.values.get(node.input[0]) if node.input else None
    if source is None:
        return ""
    if operator == "DequantizeLinear" and source.dtype == "INT32":
        return (
            f"Invalid Node - {name}\n{name}: input has type Int32 but must have type FP8, FP4, "
            "Int4, Int8, or UInt8."
        )
    pixels = {info.name for info in graph.model.graph.input}
    if source.dtype == "UINT8" and node.input[0] in pixels and operator != "Cast":
        return (
            f"Invalid Node - {name}\n{name}: first input has type UInt8 but must have type Float, "
            "Half, BFloat16, FP8, Int4, Int8, Int64, Int32, or Bool."
        )
    return ""


def _described(name: str, value: Value) -> dict[str, Any]:
    return {"name": name, "dtype": value.dtype, "dims": list(value.dims)}
