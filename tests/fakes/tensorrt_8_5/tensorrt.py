"""Fake of `tensorrt` 8.5.2.2, which JetPack 5 brings: enough of it to be told by, no more."""

from __future__ import annotations

from tests.fakes.trt.common import Voice, names
from tests.fakes.trt.interfaces import ILogger, Logger

__version__ = "8.5.2.2"
__all__ = [
    "Builder",
    "BuilderFlag",
    "ILogger",
    "Logger",
    "NetworkDefinitionCreationFlag",
    "OnnxParser",
    "Runtime",
]

NetworkDefinitionCreationFlag = names(
    "NetworkDefinitionCreationFlag", "EXPLICIT_BATCH=0 EXPLICIT_PRECISION=1"
)
BuilderFlag = names("BuilderFlag", "FP16=0 INT8=1 DEBUG=2 GPU_FALLBACK=3 TF32=7")


class Builder(Voice):
    """The builder, which the fake does not let go any further."""

    max_batch_size = 1


class OnnxParser(Voice):
    """The parser."""

    def __init__(self, network: object, logger: ILogger) -> None:
        super().__init__(logger)


class Runtime(Voice):
    """The runtime."""
