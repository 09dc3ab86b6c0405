"""What goes wrong on the fake device: CUDA's errors, planned failures, and the count of calls."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

# The errors that the fakes give: their names and texts in the CUDA runtime.
ERRORS = {
    0: ("cudaSuccess", "no error"),
    1: ("cudaErrorInvalidValue", "invalid argument"),
    2: ("cudaErrorMemoryAllocation", "out of memory"),
    3: ("cudaErrorInitializationError", "initialization error"),
    35: (
        "cudaErrorInsufficientDriver",
        "CUDA driver version is insufficient for CUDA runtime version",
    ),
    46: ("cudaErrorDevicesUnavailable", "CUDA-capable device(s) is/are busy or unavailable"),
    100: ("cudaErrorNoDevice", "no CUDA-capable device is detected"),
    101: ("cudaErrorInvalidDevice", "invalid device ordinal"),
    201: ("cudaErrorDeviceUninitialized", "invalid device context"),
    400: ("cudaErrorInvalidResourceHandle", "invalid resource handle"),
    401: ("cudaErrorIllegalState", "the operation cannot be performed in the present state"),
    600: ("cudaErrorNotReady", "device not ready"),
    700: ("cudaErrorIllegalAddress", "an illegal memory access was encountered"),
    702: ("cudaErrorLaunchTimeout", "the launch timed out and was terminated"),
    709: ("cudaErrorContextIsDestroyed", "context is destroyed"),
    710: ("cudaErrorAssert", "device-side assert triggered"),
    714: ("cudaErrorHardwareStackError", "hardware stack error"),
    715: ("cudaErrorIllegalInstruction", "an illegal instruction was encountered"),
    716: ("cudaErrorMisalignedAddress", "misaligned address"),
    717: ("cudaErrorInvalidAddressSpace", "operation not supported on global/shared address space"),
    718: ("cudaErrorInvalidPc", "invalid program counter"),
    719: ("cudaErrorLaunchFailure", "unspecified launch failure"),
    801: ("cudaErrorNotSupported", "operation not supported"),
    900: (
        "cudaErrorStreamCaptureUnsupported",
        "operation not permitted when stream is capturing",
    ),
    901: (
        "cudaErrorStreamCaptureInvalidated",
        "operation failed due to a previous error during capture",
    ),
    905: (
        "cudaErrorStreamCaptureIsolation",
        "dependency created on uncaptured work in another stream",
    ),
    906: (
        "cudaErrorStreamCaptureImplicit",
        "operation would make the legacy stream depend on a capturing blocking stream",
    ),
    907: (
        "cudaErrorCapturedEvent",
        "operation not permitted on an event last recorded in a capturing stream",
    ),
    908: (
        "cudaErrorStreamCaptureWrongThread",
        "attempt to terminate a thread-local capture sequence from another thread",
    ),
    999: ("cudaErrorUnknown", "unknown error"),
}

# After one of these nothing works any more until the process ends.
STICKY = frozenset({700, 702, 710, 714, 715, 716, 717, 718, 719})

OPERATIONS = (
    *("malloc", "free", "host_alloc", "host_free", "copy_in", "copy_out", "copy_within"),
    *("launch", "enqueue", "executed", "synchronize", "stream_create", "stream_destroy"),
    *("event_create", "event_destroy", "event_record", "wait_event", "graph_instantiate"),
    *("graph_destroy", "begin_capture", "end_capture"),
)

_Method = TypeVar("_Method", bound=Callable[..., Any])


class CudaError(Exception):
    """An error of CUDA, by its number; the fakes of the libraries translate it."""

    def __init__(self, code: int) -> None:
        super().__init__(f"{code}: {ERRORS[code][1]}")
        self.code = code


def locked(method: _Method) -> _Method:
    """One call at a time, as several threads share the device."""

    @wraps(method)
    def call(self: Faults, *args: Any, **kwargs: Any) -> Any:
        with self.lock:
            return method(self, *args, **kwargs)

    return call  # type: ignore[return-value]


class Faults:
    """Counts the operations, and lets them fail as planned."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.counts: Counter[str] = Counter()
        # The error that every call gives from now on; 0 while the process is sound.
        self.sticky = 0
        self._planned: list[list[Any]] = []

    def fail(self, operation: str, after: int = 0, error: int | None = None) -> None:
        """Let the call of `operation` fail that comes after `after` more have been let through."""
        if operation not in OPERATIONS:
            msg = f"{operation!r} is no operation: {', '.join(OPERATIONS)}"
            raise ValueError(msg)
        if error is None:
            error = 2 if operation in ("malloc", "host_alloc") else 700
        if error not in ERRORS:
            msg = f"{error} is none of the errors that the fake knows"
            raise ValueError(msg)
        self._planned.append([operation, after, error])

    def sound(self) -> None:
        """Raise the sticky error, if there was one."""
        if self.sticky:
            raise CudaError(self.sticky)

    def begin(self, operation: str) -> None:
        """Count a call; raises what is planned for it."""
        self.sound()
        self._raise_planned(operation)
        self.counts[operation] += 1

    def release(self, operation: str) -> None:
        """Count a call that frees something, which is freed even if the call fails."""
        self.counts[operation] += 1
        self.sound()
        self._raise_planned(operation)

    def broken(self, code: int) -> CudaError:
        """The error `code`, which sticks if it is of that kind."""
        if code in STICKY:
            self.sticky = self.sticky or code
        return CudaError(code)

    def _raise_planned(self, operation: str) -> None:
        due = []
        for plan in [plan for plan in self._planned if plan[0] == operation]:
            if plan[1] == 0:
                self._planned.remove(plan)
                due.append(plan[2])
            plan[1] -= 1
        if due:
            raise self.broken(due[0])
