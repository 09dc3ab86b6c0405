"""Fake of `tensorrt_rtx_bindings` 1.7.1 with a GPU: its names are those of the real module.

The real one builds here, and runs nothing without a driver. This one runs on the fake device.
"""

from __future__ import annotations

from typing import Any

from tests.fakes.trt import enums as _enums
from tests.fakes.trt.common import IHostMemory as _IHostMemory
from tests.fakes.trt.common import Release as _Release
from tests.fakes.trt.common import names as _names
from tests.fakes.trt.config import IBuilderConfig as _IBuilderConfig
from tests.fakes.trt.engine import ICudaEngine as _ICudaEngine
from tests.fakes.trt.surface import *  # noqa: F403
from tests.fakes.trt.surface import declare as _declare

__version__ = "1.7.1.116"

DataType = _enums.DataType
LayerType = _enums.LayerType
BuilderFlag = _enums.BuilderFlag11
NetworkDefinitionCreationFlag = _enums.NetworkFlag11
PreviewFeature = _enums.PreviewFeature11
OnnxParserFlag = _enums.OnnxParserFlag

ComputeCapability = _names(
    "ComputeCapability", "NONE=0 CURRENT=1 SM75=75 SM80=80 SM86=86 SM89=89 SM120=120 SM121=121"
)
CudaGraphStrategy = _names("CudaGraphStrategy", "DISABLED=0 WHOLE_GRAPH_CAPTURE=1")
DynamicShapesKernelSpecializationStrategy = _names(
    "DynamicShapesKernelSpecializationStrategy", "LAZY=0 EAGER=1 NONE=2"
)
_PREFIX = b"kernels of "


class IBuilderConfig(_IBuilderConfig):
    """Builds for GPUs that need not be here."""

    num_compute_capabilities = 0

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.state_capabilities: dict[int, Any] = {}

    def set_compute_capability(self, compute_capability: Any, index: int) -> bool:
        """One of the GPUs to build for."""
        self.state_capabilities[index] = compute_capability
        return 0 <= index < self.num_compute_capabilities


class IRuntimeCache:
    """Compiled kernels."""

    content = b""
    loaded = 0

    def deserialize(self, blob: Any) -> bool:
        """Whether the kernels are of this device."""
        data = bytes(memoryview(blob))
        if not data.startswith(_PREFIX):
            return False
        IRuntimeCache.loaded += 1
        self.content = data
        return True

    def serialize(self) -> Any:
        """All kernels so far."""
        return _IHostMemory(self.content)


class IRuntimeConfig:
    """How contexts run."""

    cuda_graph_strategy = CudaGraphStrategy.DISABLED
    dynamic_shapes_kernel_specialization_strategy = DynamicShapesKernelSpecializationStrategy.LAZY
    cache: Any = None

    def create_runtime_cache(self) -> IRuntimeCache:
        """An empty cache."""
        return IRuntimeCache()

    def set_runtime_cache(self, cache: IRuntimeCache) -> bool:
        """Use it."""
        self.cache = cache
        return True


class ICudaEngine(_ICudaEngine):
    """Its contexts take a runtime config."""

    def create_runtime_config(self) -> IRuntimeConfig:
        """A config with everything as it is by default."""
        return IRuntimeConfig()

    def create_execution_context(self, runtime_config: Any = None) -> Any:
        """A context; it compiles its kernels, or finds them in the cache."""
        context = super().create_execution_context()
        if runtime_config is not None and runtime_config.cache is not None:
            runtime_config.cache.content = _PREFIX + self.name.encode()
        return context


_classes = _declare(
    _Release(
        version=__version__,
        opset=25,
        ir=13,
        serialization=170,
        bindings="I/O Tensors",
        weak=False,
        dla=False,
        DataType=DataType,
        LayerType=LayerType,
        NetworkDefinitionCreationFlag=NetworkDefinitionCreationFlag,
        PreviewFeature=PreviewFeature,
    ),
    config=IBuilderConfig,
    engine=ICudaEngine,
)
_context = _classes["IExecutionContext"]
_context.is_stream_capturable = lambda self, stream: True
globals().update(_classes)
globals().update(_enums.shorthands(DataType))
