"""The fake runtime and engine."""

from __future__ import annotations

import weakref
from math import prod
from typing import Any

from tests.fakes.device import DEVICE
from tests.fakes.trt.common import Dims, IHostMemory, Voice
from tests.fakes.trt.config import dla_cores
from tests.fakes.trt.context import IExecutionContext
from tests.fakes.trt.enums import (
    ExecutionContextAllocationStrategy,
    ProfilingVerbosity,
    TensorIOMode,
    TensorLocation,
)
from tests.fakes.trt.inspector import EngineInspector
from tests.fakes.trt.interfaces import Severity
from tests.fakes.trt.plan import read_plan

_STATIC = ExecutionContextAllocationStrategy.STATIC


class Runtime(Voice):
    """The runtime."""

    engine_host_code_allowed = False
    DLA_core = -1
    max_threads = 1

    @property
    def num_DLA_cores(self) -> int:
        """How many cores the DLA has."""
        return dla_cores(self.release)

    def deserialize_cuda_engine(self, serialized_engine: Any) -> Any:
        """The engine of a plan; None where it does not suit."""
        data = bytes(memoryview(serialized_engine))
        if DEVICE.sticky:
            self.complain(1, "IRuntime::deserializeCudaEngine", f"cudaError {DEVICE.sticky}")
            return None
        found = read_plan(data, self)
        return None if found is None else self.release.engine(self, *found, data)


class ICudaEngine(Voice):
    """An engine."""

    def __init__(self, runtime: Runtime, header: dict[str, Any], graph: bytes, plan: bytes) -> None:
        super().__init__(runtime.logger)
        self.header, self.graph = header, graph
        self._plan = plan
        self._tensors = {entry["name"]: entry for entry in header["inputs"] + header["outputs"]}
        # Who uses which profile; a context that is gone uses none.
        self.contexts: weakref.WeakSet[IExecutionContext] = weakref.WeakSet()

    @property
    def name(self) -> str:
        """The name of the network."""
        return str(self.header["name"])

    @property
    def num_io_tensors(self) -> int:
        """How many inputs and outputs."""
        return len(self._tensors)

    @property
    def num_layers(self) -> int:
        """How many layers are left after fusing."""
        return len(self.header["layers"])

    @property
    def num_optimization_profiles(self) -> int:
        """How many profiles."""
        return len(self.header["profiles"])

    @property
    def profiling_verbosity(self) -> Any:
        """How much the inspector may tell."""
        return ProfilingVerbosity[self.header["verbosity"]]

    @property
    def device_memory_size_v2(self) -> int:
        """Memory that a context takes: here, one for each byte of the graph."""
        return len(self.graph)

    def get_tensor_name(self, index: int) -> str:
        """The name of an input or output."""
        return str([*self._tensors][index])

    def get_tensor_mode(self, name: str) -> Any:
        """Whether it is an input or an output; NONE where it is neither."""
        if self._entry(name, "getTensorIOMode") is None:
            return TensorIOMode.NONE
        inputs = [entry["name"] for entry in self.header["inputs"]]
        return TensorIOMode.INPUT if name in inputs else TensorIOMode.OUTPUT

    def get_tensor_dtype(self, name: str) -> Any:
        """The type."""
        entry = self._entry(name, "getTensorDataType")
        return self.release.DataType[entry["dtype"] if entry else "FLOAT"]

    def get_tensor_shape(self, name: str) -> Dims:
        """The shape, with -1 for sizes that change."""
        entry = self._entry(name, "getTensorShape")
        return Dims(
            size if isinstance(size, int) else -1 for size in (entry or {"dims": []})["dims"]
        )

    def get_tensor_location(self, name: str) -> Any:
        """Where the tensor has to lie."""
        return TensorLocation.DEVICE

    def is_shape_inference_io(self, name: str) -> bool:
        """Whether the tensor holds a shape."""
        return False

    def get_tensor_profile_shape(self, name: str, profile_index: int) -> list[Dims]:
        """The smallest, usual and largest shape of an input."""
        profiles = self.header["profiles"]
        if not 0 <= profile_index < len(profiles) or name not in profiles[profile_index]:
            text = f"{name} is no input with a shape in profile {profile_index}."
            self.complain(3, "ICudaEngine::getProfileShape", text)
            return []
        return [Dims(shape) for shape in profiles[profile_index][name]]

    def create_execution_context(self, strategy: Any = _STATIC) -> IExecutionContext | None:
        """A context; None where memory is short."""
        where = "ICudaEngine::createExecutionContext"
        if DEVICE.sticky:
            self.complain(1, where, f"cudaError {DEVICE.sticky}")
            return None
        if self.device_memory_size_v2 > DEVICE.memory_info()[0]:
            text = f"Requested size was {self.device_memory_size_v2} bytes."
            self.complain(2, where, text)
            return None
        context: IExecutionContext = self.release.context(self)
        return context

    def create_engine_inspector(self) -> EngineInspector:
        """An inspector."""
        return EngineInspector(self)

    def serialize(self) -> IHostMemory:
        """The plan."""
        return IHostMemory(self._plan)

    def largest(self, name: str, profile: int) -> int:
        """The most bytes that a tensor can have, as far as is known; else -1."""
        sizes = self.sizes({key: top[2] for key, top in self.header["profiles"][profile].items()})
        dims = [sizes.get(size, size) for size in self._tensors[name]["dims"]]
        if not all(isinstance(size, int) and size >= 0 for size in dims):
            return -1
        return int(prod(dims) * self.get_tensor_dtype(name).itemsize)

    def sizes(self, shapes: dict[str, Any]) -> dict[str, int]:
        """The sizes that the shapes of inputs give to the names of sizes."""
        return {
            size: shape[axis]
            for entry in self.header["inputs"]
            if (shape := shapes.get(entry["name"])) is not None
            for axis, size in enumerate(entry["dims"])
            if isinstance(size, str)
        }

    def entry(self, name: str) -> dict[str, Any] | None:
        """What the plan says of a tensor."""
        return self._tensors.get(name)

    def _entry(self, name: str, what: str) -> dict[str, Any] | None:
        if name not in self._tensors:
            text = (
                f"Given invalid tensor name: {name}. Get valid tensor names with getIOTensorName()"
            )
            self.complain(3, f"ICudaEngine::{what}", text)
            self.say(Severity.VERBOSE, f"valid names are {', '.join(self._tensors)}")
        return self._tensors.get(name)
