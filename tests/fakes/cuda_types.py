"""The constants, enumerations and handles of the fake `cuda.bindings.runtime`."""

from __future__ import annotations

from enum import IntEnum

from tests.fakes.device import DEVICE
from tests.fakes.faults import ERRORS

_NUMBERS = {name: code for code, (name, _) in ERRORS.items()}
cudaError_t = IntEnum("cudaError_t", _NUMBERS)  # type: ignore[misc]


class cudaDeviceAttr(IntEnum):
    cudaDevAttrMultiProcessorCount = 16
    cudaDevAttrIntegrated = 18
    cudaDevAttrCanMapHostMemory = 19
    cudaDevAttrUnifiedAddressing = 41
    cudaDevAttrComputeCapabilityMajor = 75
    cudaDevAttrComputeCapabilityMinor = 76
    cudaDevAttrConcurrentManagedAccess = 89


class cudaMemcpyKind(IntEnum):
    cudaMemcpyHostToHost = 0
    cudaMemcpyHostToDevice = 1
    cudaMemcpyDeviceToHost = 2
    cudaMemcpyDeviceToDevice = 3
    cudaMemcpyDefault = 4


class cudaStreamCaptureMode(IntEnum):
    cudaStreamCaptureModeGlobal = 0
    cudaStreamCaptureModeThreadLocal = 1
    cudaStreamCaptureModeRelaxed = 2


class cudaStreamCaptureStatus(IntEnum):
    cudaStreamCaptureStatusNone = 0
    cudaStreamCaptureStatusActive = 1
    cudaStreamCaptureStatusInvalidated = 2


class Handle:
    """A handle: an object that int() turns into its number."""

    def __init__(self, init_value: int = 0) -> None:
        self._value = int(init_value)

    def __int__(self) -> int:
        return self._value

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._value:#x}>"


class cudaStream_t(Handle): ...


class cudaEvent_t(Handle): ...


class cudaGraph_t(Handle): ...


class cudaGraphExec_t(Handle): ...


class cudaDeviceProp:
    """What cudaGetDeviceProperties tells, in part."""

    def __init__(self) -> None:
        self.name = DEVICE.name.encode()
        self.major, self.minor = DEVICE.capability
        self.integrated = int(DEVICE.integrated)
        self.totalGlobalMem = DEVICE.total_memory
        self.canMapHostMemory = self.unifiedAddressing = 1


def attributes() -> dict[int, int]:
    """What cudaDeviceGetAttribute tells."""
    major, minor = DEVICE.capability
    shared = int(DEVICE.integrated)
    return {16: 16, 18: shared, 19: 1, 41: 1, 75: major, 76: minor, 89: 1 - shared}
