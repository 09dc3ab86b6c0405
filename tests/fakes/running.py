"""Graphs to parse and engines to run, for the tests of the fakes themselves."""

from __future__ import annotations

import ctypes
import importlib
from types import ModuleType
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from tests.runtime.tiny import tiny_graph

BATCH, SIZE, LABELS = 4, 8, 8
PIXELS, ANSWERS = BATCH * SIZE * SIZE * 3, BATCH * LABELS * 4
FACES = np.random.default_rng(3).integers(0, 256, (BATCH, SIZE, SIZE, 3), np.uint8)
Parts = tuple[Any, Any]


def quantised(zero: int = 0, bias: bool = False, opset: int = 19) -> onnx.ModelProto:
    """A convolution between Q and DQ; with `bias`, one dequantised from INT32."""
    held = {
        "scale": np.float32(0.1),
        "zero": np.int8(zero),
        "weight": np.ones((4, 3, 1, 1), np.int8),
        "scales": np.full(4, 0.05, np.float32),
        "numbers": np.arange(4, dtype=np.int32),
    }
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "scale", "zero"], ["q"], "quantise"),
        helper.make_node("DequantizeLinear", ["q", "scale", "zero"], ["d"], "dequantise"),
        helper.make_node("DequantizeLinear", ["weight", "scales"], ["w"], "weights", axis=0),
        helper.make_node("DequantizeLinear", ["numbers", "scales"], ["b"], "bias", axis=0),
        helper.make_node("Conv", ["d", "w", "b"] if bias else ["d", "w"], ["c"], "conv"),
        helper.make_node("Relu", ["c"], ["y"], "relu"),
    ]
    graph = helper.make_graph(
        nodes if bias else nodes[:3] + nodes[4:],
        "quantised",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, 4, 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 4, 4, 4])],
        [numpy_helper.from_array(np.asarray(array), name) for name, array in held.items()],
    )
    return helper.make_model(graph, ir_version=9, opset_imports=[helper.make_opsetid("", opset)])


def recorder(trt: ModuleType) -> Any:
    """A log that keeps its lines."""

    class Log(trt.ILogger):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.lines: list[str] = []

        def log(self, severity: Any, msg: str) -> None:
            if severity <= trt.Logger.WARNING:
                self.lines.append(f"{severity.name} {msg}")

    return Log()


def parsed(trt: ModuleType, log: Any, graph: onnx.ModelProto, flags: int = 0) -> Parts:
    """Builder and network."""
    builder = trt.Builder(log)
    network = builder.create_network(flags)
    parser = trt.OnnxParser(network, log)
    assert parser.parse(graph.SerializeToString()), parser.get_error(0).desc()
    return builder, network


def built(parts: Parts, config: Any = None, **settings: Any) -> Any:
    """The plan of a network for one to BATCH faces."""
    builder, network = parts
    config = config or builder.create_builder_config()
    for name, value in settings.items():
        setattr(config, name, value)
    profile = builder.create_optimization_profile()
    tensor = network.get_input(0)
    shapes = [(count, *tuple(tensor.shape)[1:]) for count in (1, 2, BATCH)]
    profile.set_shape(tensor.name, *shapes)
    assert config.add_optimization_profile(profile) == 0
    return builder.build_serialized_network(network, config)


class Run:
    """The tiny engine with its buffers, through cuda-python."""

    def __init__(self, trt: ModuleType) -> None:
        self.cuda = importlib.import_module("cuda.bindings.runtime")
        self.log = recorder(trt)
        plan = built(parsed(trt, self.log, tiny_graph()))
        self.engine = trt.Runtime(self.log).deserialize_cuda_engine(plan)
        self.context = self.engine.create_execution_context()
        self.stream = self.get(self.cuda.cudaStreamCreateWithFlags(1))
        self.buffers = [self.get(self.cuda.cudaMalloc(size)) for size in (PIXELS, ANSWERS)]
        self.host = [self.get(self.cuda.cudaHostAlloc(size, 0)) for size in (PIXELS, ANSWERS)]
        assert self.context.set_input_shape("pixels", FACES.shape)
        assert self.context.set_tensor_address("pixels", self.buffers[0])
        assert self.context.set_tensor_address("probabilities", self.buffers[1])

    @staticmethod
    def get(answer: tuple[Any, ...]) -> Any:
        """What a call gave, which must have worked."""
        assert answer[0].name == "cudaSuccess"
        return answer[1] if len(answer) > 1 else None

    def queue(self) -> bool:
        """Queue the copies and the execution."""
        kind = self.cuda.cudaMemcpyKind
        to, back = kind.cudaMemcpyHostToDevice, kind.cudaMemcpyDeviceToHost
        copy, stream = self.cuda.cudaMemcpyAsync, self.stream
        self.get(copy(self.buffers[0], self.host[0], PIXELS, to, stream))
        if not self.context.execute_async_v3(stream_handle=int(stream)):
            return False
        self.get(copy(self.host[1], self.buffers[1], ANSWERS, back, stream))
        return True

    def wait(self) -> str:
        """Wait for the stream; the name of the error."""
        return str(self.cuda.cudaStreamSynchronize(self.stream)[0].name)

    def give(self, faces: NDArray[np.uint8]) -> None:
        """Put faces into the memory that is copied in."""
        ctypes.memmove(self.host[0], faces.tobytes(), PIXELS)

    def answers(self) -> NDArray[np.float32]:
        """What lies in the memory that is copied out."""
        data = ctypes.string_at(self.host[1], ANSWERS)
        return np.frombuffer(data, np.float32).reshape(BATCH, LABELS)

    def capture(self) -> Any:
        """The queue as a graph that can be launched."""
        mode = self.cuda.cudaStreamCaptureMode.cudaStreamCaptureModeThreadLocal
        self.get(self.cuda.cudaStreamBeginCapture(self.stream, mode))
        self.queue()
        graph = self.get(self.cuda.cudaStreamEndCapture(self.stream))
        made = self.get(self.cuda.cudaGraphInstantiate(graph, 0))
        self.get(self.cuda.cudaGraphDestroy(graph))
        return made

    def close(self) -> None:
        """Free everything but graphs."""
        for address in self.buffers:
            self.cuda.cudaFree(address)
        for address in self.host:
            self.cuda.cudaFreeHost(address)
        self.cuda.cudaStreamDestroy(self.stream)
