"""The fake execution context: runs the graph with ONNX Runtime, on the fake device's stream."""

from __future__ import annotations

import os
import weakref
from math import prod
from typing import Any

import numpy as np

from tests.fakes.device import DEVICE
from tests.fakes.faults import ERRORS, CudaError
from tests.fakes.trt.common import Dims, Voice
from tests.fakes.trt.enums import nptype
from tests.fakes.trt.interfaces import Severity

_SESSIONS: dict[bytes, Any] = {}
_WHERE = "IExecutionContext::enqueueV3"


class IExecutionContext(Voice):
    """A context."""

    def __init__(self, engine: Any) -> None:
        super().__init__(engine.logger)
        self.engine = engine
        self.name = ""
        self.enqueue_emits_profile = True
        self._shapes: dict[str, tuple[int, ...]] = {}
        self._addresses: dict[str, int] = {}
        # Counts changes of shape and profile: a graph captured before one is no longer sound.
        self._state = 0
        # The state that an execution outside of a capture has brought to the device.
        self._flushed = -1
        self._profile = 0 if self._free(0) else -1
        engine.contexts.add(self)

    @property
    def active_optimization_profile(self) -> int:
        """The profile in use; -1 where none is."""
        return self._profile

    def set_optimization_profile_async(self, profile_index: int, stream_handle: int) -> bool:
        """Use another profile."""
        where = "IExecutionContext::setOptimizationProfileAsync"
        if not 0 <= profile_index < self.engine.num_optimization_profiles:
            text = f"Profile index {profile_index} is out of range."
            return self._no(3, where, text)
        if profile_index != self._profile and not self._free(profile_index):
            text = (
                f"Profile {profile_index} has been chosen by another IExecutionContext. Use "
                "another profileIndex or destroy the IExecutionContext that use this profile."
            )
            return self._no(3, where, text)
        self._profile = profile_index
        self._shapes.clear()
        self._state += 1
        return True

    def set_input_shape(self, name: str, shape: Any) -> bool:
        """State the shape of an input."""
        where = "IExecutionContext::setInputShape"
        found = tuple(int(size) for size in shape)
        inputs = {entry["name"]: entry for entry in self.engine.header["inputs"]}
        if name not in inputs:
            return self._no(3, where, f"Given invalid tensor name: {name}.")
        if self._profile < 0:
            return self._no(9, where, "No optimization profile is set.")
        low, _, high = self.engine.header["profiles"][self._profile][name]
        fits = len(found) == len(low) and all(a <= b <= c for a, b, c in zip(low, found, high))
        if not fits:
            text = (
                f"Set dimension {list(found)} for tensor {name} does not satisfy any optimization "
                f"profiles. Valid range for profile {self._profile}: {list(low)}..{list(high)}."
            )
            return self._no(3, where, text)
        if self._shapes.get(name) != found:
            self._shapes[name] = found
            self._state += 1
        return True

    def infer_shapes(self) -> list[str]:
        """The inputs that still lack a shape."""
        return [
            entry["name"]
            for entry in self.engine.header["inputs"]
            if entry["name"] not in self._shapes
            and not all(isinstance(size, int) and size >= 0 for size in entry["dims"])
        ]

    @property
    def all_binding_shapes_specified(self) -> bool:
        """Whether no input lacks a shape."""
        return not self.infer_shapes()

    def get_tensor_shape(self, name: str) -> Dims:
        """The shape, with -1 for what is not known yet."""
        if name in self._shapes:
            return Dims(self._shapes[name])
        sizes = self.engine.sizes(self._shapes)
        dims = [sizes.get(size, size) for size in (self.engine.entry(name) or {"dims": []})["dims"]]
        return Dims(size if isinstance(size, int) else -1 for size in dims)

    def get_max_output_size(self, name: str) -> int:
        """The most bytes that an output can have."""
        return -1 if self._profile < 0 else int(self.engine.largest(name, self._profile))

    def set_tensor_address(self, name: str, memory: int) -> bool:
        """State where a tensor lies."""
        if self.engine.entry(name) is None:
            text = f"Given invalid tensor name: {name}."
            return self._no(3, "IExecutionContext::setTensorAddress", text)
        self._addresses[name] = _integer(memory)
        return True

    def get_tensor_address(self, name: str) -> int:
        """Where a tensor lies; 0 where it was not stated."""
        return self._addresses.get(name, 0)

    def execute_async_v3(self, stream_handle: int) -> bool:
        """Queue an execution; False where it cannot be."""
        stream = _integer(stream_handle)
        if text := self._unready():
            return self._no(3, _WHERE, text)
        if stream == 0:
            text = (
                "Using default stream in enqueueV3() may lead to performance issues due to "
                "additional calls to cudaDeviceSynchronize() by TensorRT to ensure correct "
                "synchronizations. Please use non-default stream instead."
            )
            self.say(Severity.WARNING, text)
        try:
            if DEVICE.is_capturing(stream) and self._flushed != self._state:
                # TensorRT has to bring the new shapes to the device first, which waits.
                DEVICE.invalidate(stream)
                raise CudaError(900)
            work = _Work(self, self._state)
            if not DEVICE.queue("enqueue", stream, work):
                self._flushed = self._state
                work.captured = False
        except CudaError as error:
            name, text = ERRORS[error.code]
            return self._no(1, _WHERE, f"cudaError {error.code}, {name}: {text}")
        return True

    @property
    def state(self) -> int:
        """How often shape or profile changed."""
        return self._state

    def _unready(self) -> str:
        """Why an execution cannot be queued."""
        if self._profile < 0:
            return "No optimization profile is set."
        if missing := self.infer_shapes():
            return f"Not all shapes are specified: {', '.join(missing)}."
        for name in map(self.engine.get_tensor_name, range(self.engine.num_io_tensors)):
            if not self._addresses.get(name):
                return (
                    f"Neither address or allocator is set for tensor {name}. Call "
                    "setTensorAddress or setOutputAllocator before enqueue/execute."
                )
        return ""

    def _free(self, profile: int) -> bool:
        """Whether the profile may be used."""
        if self.engine.header["shares_profiles"]:
            return True
        used = {c.active_optimization_profile for c in self.engine.contexts if c is not self}
        return profile not in used

    def _no(self, code: int, where: str, text: str) -> bool:
        self.complain(code, where, text)
        return False


class _Work:
    """One execution, with the addresses and shapes of when it was queued."""

    def __init__(self, context: IExecutionContext, state: int) -> None:
        # Weak: TensorRT does not keep a context alive for the graphs that were captured from it.
        self._context = weakref.ref(context)
        self._state = state
        self.captured = True
        self._graph = context.engine.graph
        engine = context.engine
        self._inputs, self._outputs = (
            [
                (
                    entry["name"],
                    context.get_tensor_address(entry["name"]),
                    tuple(context.get_tensor_shape(entry["name"])),
                    nptype(engine.get_tensor_dtype(entry["name"])),
                )
                for entry in engine.header[side]
            ]
            for side in ("inputs", "outputs")
        )

    def __call__(self) -> None:
        context = self._context()
        if context is None or (self.captured and context.state != self._state):
            # The memory that the execution works in is gone, or laid out for other shapes.
            raise DEVICE.broken(700)
        DEVICE.begin("executed")
        feed = {}
        for name, address, shape, kind in self._inputs:
            size = prod(shape) * np.dtype(kind).itemsize
            feed[name] = np.frombuffer(DEVICE.read(address, size), kind).reshape(shape)
        answers = _session(self._graph).run([name for name, *_ in self._outputs], feed)
        for (_, address, _, _), answer in zip(self._outputs, answers):
            DEVICE.write(address, np.ascontiguousarray(answer).tobytes())


def _integer(number: Any) -> int:
    """Only integers are taken for addresses and streams, as by the older bindings."""
    if not hasattr(number, "__index__"):
        msg = f"incompatible function arguments: {number!r} is no int"
        raise TypeError(msg)
    return int(number)


def _session(graph: bytes) -> Any:
    """ONNX Runtime with the graph, made once."""
    if graph not in _SESSIONS:
        os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        # It would quantise biases that TensorRT leaves as they are.
        entry = "optimization.disable_specified_optimizers"
        options.add_session_config_entry(entry, "WeightBiasQuantization")
        providers = ["CPUExecutionProvider"]
        _SESSIONS[graph] = onnxruntime.InferenceSession(graph, options, providers=providers)
    return _SESSIONS[graph]
