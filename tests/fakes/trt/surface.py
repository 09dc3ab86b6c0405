"""The names that all fakes of TensorRT from 10 on share, and how a version makes its classes."""

from __future__ import annotations

from typing import Any

from tests.fakes.trt.builder import Builder
from tests.fakes.trt.common import Dims, ErrorCode, ErrorCodeTRT, IHostMemory, Release, volume
from tests.fakes.trt.config import IBuilderConfig, IOptimizationProfile, ITimingCache
from tests.fakes.trt.context import IExecutionContext
from tests.fakes.trt.engine import ICudaEngine, Runtime
from tests.fakes.trt.enums import (
    DeviceType,
    ExecutionContextAllocationStrategy,
    LayerInformationFormat,
    MemoryPoolType,
    ProfilingVerbosity,
    TensorIOMode,
    TensorLocation,
    nptype,
)
from tests.fakes.trt.inspector import EngineInspector
from tests.fakes.trt.interfaces import IErrorRecorder, ILogger, IProgressMonitor, Logger
from tests.fakes.trt.network import ILayer, INetworkDefinition, ITensor
from tests.fakes.trt.parser import OnnxParser, ParserError

__all__ = [
    "DeviceType",
    "Dims",
    "EngineInspector",
    "ErrorCode",
    "ErrorCodeTRT",
    "ExecutionContextAllocationStrategy",
    "IErrorRecorder",
    "IHostMemory",
    "ILogger",
    "IOptimizationProfile",
    "IProgressMonitor",
    "ITimingCache",
    "LayerInformationFormat",
    "Logger",
    "MemoryPoolType",
    "ParserError",
    "ProfilingVerbosity",
    "TensorIOMode",
    "TensorLocation",
    "nptype",
    "volume",
]


def declare(
    release: Release,
    *,
    builder: type[Any] = Builder,
    config: type[Any] = IBuilderConfig,
    network: type[Any] = INetworkDefinition,
    layer: type[Any] = ILayer,
    tensor: type[Any] = ITensor,
    engine: type[Any] = ICudaEngine,
) -> dict[str, Any]:
    """The classes of a version, which know of what release they are."""
    bases: dict[str, type[Any]] = {
        "Builder": builder,
        "IBuilderConfig": config,
        "INetworkDefinition": network,
        "ICudaEngine": engine,
        "IExecutionContext": IExecutionContext,
        "OnnxParser": OnnxParser,
        "Runtime": Runtime,
    }
    made = {name: type(name, (base,), {"release": release}) for name, base in bases.items()}
    release.layer, release.tensor = layer, tensor
    release.network, release.config = made["INetworkDefinition"], made["IBuilderConfig"]
    release.engine, release.context = made["ICudaEngine"], made["IExecutionContext"]
    return {**made, "ILayer": layer, "ITensor": tensor}
