"""What TensorRT 10 has and 11 has not."""

from __future__ import annotations

from typing import Any

from tests.fakes.trt.builder import Builder
from tests.fakes.trt.config import IBuilderConfig
from tests.fakes.trt.engine import ICudaEngine
from tests.fakes.trt.network import ILayer, INetworkDefinition, ITensor


class Builder10(Builder):
    """Says what the device is fast at."""

    platform_has_fast_fp16 = True
    platform_has_fast_int8 = True
    platform_has_tf32 = True


class IBuilderConfig10(IBuilderConfig):
    """May calibrate."""

    def __init__(self, builder: Any) -> None:
        super().__init__(builder)
        self.int8_calibrator: Any = None
        self.algorithm_selector: Any = None


class INetworkDefinition10(INetworkDefinition):
    """Knows of implicit batches, which it never has."""

    has_implicit_batch_dimension = False


class ILayer10(ILayer):
    """May be given a precision."""

    precision_is_set = False

    def set_output_type(self, index: int, dtype: Any) -> None:
        """State the type of an output."""
        self.get_output(index).dtype = dtype


class ITensor10(ITensor):
    """May be given a range."""

    dynamic_range: Any = None

    def set_dynamic_range(self, min: float, max: float) -> bool:
        """State the range."""
        self.dynamic_range = (min, max)
        return True


class ICudaEngine10(ICudaEngine):
    """Has the size of its memory under the old name too."""

    has_implicit_batch_dimension = False

    @property
    def device_memory_size(self) -> int:
        """Memory that a context takes."""
        return self.device_memory_size_v2
