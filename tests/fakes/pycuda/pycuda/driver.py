"""Fake of `pycuda.driver`, as documented for pycuda 2024.1, on the fake device.

Every call needs a context that is pushed in the calling thread. There are no graphs.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.fakes.device import DEVICE
from tests.fakes.faults import CudaError
from tests.fakes.pycuda_contexts import (
    Context,
    Dependent,
    Error,
    LaunchError,
    LogicError,
    MemoryError,
    RuntimeError,
)
from tests.fakes.pycuda_contexts import call as _call
from tests.fakes.pycuda_memory import DeviceAllocation, HostPointer, PagelockedHostAllocation

__all__ = [
    "Context",
    "Device",
    "DeviceAllocation",
    "Error",
    "Event",
    "HostPointer",
    "LaunchError",
    "LogicError",
    "MemoryError",
    "PagelockedHostAllocation",
    "RuntimeError",
    "Stream",
]


class device_attribute(IntEnum):
    MULTIPROCESSOR_COUNT = 16
    INTEGRATED = 18
    CAN_MAP_HOST_MEMORY = 19
    UNIFIED_ADDRESSING = 41
    COMPUTE_CAPABILITY_MAJOR = 75
    COMPUTE_CAPABILITY_MINOR = 76


class event_flags(IntEnum):
    DEFAULT = 0
    BLOCKING_SYNC = 1
    DISABLE_TIMING = 2


class host_alloc_flags:
    PORTABLE = 1
    DEVICEMAP = 2
    WRITECOMBINED = 4


_initialised = False


def init(flags: int = 0) -> None:
    """Start; needed before all else."""
    global _initialised
    if DEVICE.missing:
        msg = "cuInit failed: no CUDA-capable device is detected"
        raise RuntimeError(msg)
    _initialised = True


def get_version() -> tuple[int, int, int]:
    """The CUDA that pycuda was built for."""
    version = DEVICE.runtime_version
    return version // 1000, version % 1000 // 10, version % 10


def get_driver_version() -> int:
    """The CUDA of the driver."""
    return DEVICE.driver_version


class Device:
    """The device."""

    def __init__(self, ordinal: int) -> None:
        def first() -> None:
            if ordinal != 0:
                raise CudaError(101)

        if not _initialised:
            msg = "cuDeviceGet failed: initialization error"
            raise LogicError(msg)
        _call("cuDeviceGet", first, context=False)

    @staticmethod
    def count() -> int:
        """How many there are."""
        return 1

    def name(self) -> str:
        """Its name."""
        return DEVICE.name

    def compute_capability(self) -> tuple[int, int]:
        """Its compute capability."""
        return DEVICE.capability

    def total_memory(self) -> int:
        """Its memory."""
        return DEVICE.total_memory

    def get_attribute(self, attr: device_attribute) -> int:
        """An attribute."""
        major, minor = DEVICE.capability
        found = {16: 16, 18: int(DEVICE.integrated), 19: 1, 41: 1, 75: major, 76: minor}
        return found[attr.value]

    def retain_primary_context(self) -> Context:
        """The primary context, which is not pushed."""
        return _call("cuDevicePrimaryCtxRetain", lambda: Context(self), context=False)


class Stream(Dependent):
    """A stream, destroyed when it is let go of."""

    def __init__(self, flags: int = 0) -> None:
        blocking = not flags & 1
        made = _call("cuStreamCreate", lambda: DEVICE.stream_create(blocking=blocking))
        super().__init__(made)

    @property
    def handle(self) -> int:
        """Its handle."""
        return self._handle

    def synchronize(self) -> None:
        """Wait for what is on it."""
        _call("cuStreamSynchronize", lambda: DEVICE.synchronize(self._handle))

    def wait_for_event(self, evt: Event) -> None:
        """Wait for an event."""
        _call("cuStreamWaitEvent", lambda: DEVICE.wait_event(self._handle, evt._handle))

    def __del__(self) -> None:
        self._clean(DEVICE.stream_destroy)


class Event(Dependent):
    """An event, destroyed when it is let go of. It has no public handle."""

    def __init__(self, flags: int = 0) -> None:
        super().__init__(_call("cuEventCreate", DEVICE.event_create))

    def record(self, stream: Stream | None = None) -> Event:
        """Mark where the stream is."""
        _call("cuEventRecord", lambda: DEVICE.event_record(self._handle, _on(stream)))
        return self

    def synchronize(self) -> Event:
        """Wait for it."""
        _call("cuEventSynchronize", lambda: DEVICE.event_synchronize(self._handle))
        return self

    def __del__(self) -> None:
        self._clean(DEVICE.event_destroy)


def mem_get_info() -> tuple[int, int]:
    """Free and total memory."""
    return _call("cuMemGetInfo", DEVICE.memory_info)


def mem_alloc(bytes: int) -> DeviceAllocation:
    """Memory of the device."""
    return DeviceAllocation(_call("cuMemAlloc", lambda: DEVICE.malloc(bytes)))


def pagelocked_empty(shape: Any, dtype: Any, order: str = "C", mem_flags: int = 0) -> NDArray[Any]:
    """An array in page-locked memory, whose base is the allocation."""
    sizes = (shape,) if isinstance(shape, int) else tuple(shape)
    kind = np.dtype(dtype)
    size = int(np.prod(sizes)) * kind.itemsize
    mapped = bool(mem_flags & host_alloc_flags.DEVICEMAP)
    address = _call("cuMemHostAlloc", lambda: DEVICE.host_alloc(size, mapped=mapped))
    held = PagelockedHostAllocation(address)
    form = {"version": 3, "shape": sizes, "typestr": kind.str, "data": (address, False)}
    held.__array_interface__ = form
    return np.asarray(held)


def memcpy_htod_async(dest: Any, src: Any, stream: Stream | None = None) -> None:
    """Queue a copy to the device; the fake takes page-locked memory only."""
    address, size = _buffer(src)
    work = ("copy_in", int(dest), address, size, _on(stream))
    _call("cuMemcpyHtoDAsync", lambda: DEVICE.copy(*work))


def memcpy_dtoh_async(dest: Any, src: Any, stream: Stream | None = None) -> None:
    """Queue a copy from the device; the fake takes page-locked memory only."""
    address, size = _buffer(dest)
    work = ("copy_out", address, int(src), size, _on(stream))
    _call("cuMemcpyDtoHAsync", lambda: DEVICE.copy(*work))


def memcpy_dtod_async(dest: Any, src: Any, size: int, stream: Stream | None = None) -> None:
    """Queue a copy within the device."""
    work = ("copy_within", int(dest), int(src), size, _on(stream))
    _call("cuMemcpyDtoDAsync", lambda: DEVICE.copy(*work))


def _buffer(thing: Any) -> tuple[int, int]:
    """Address and size of a contiguous buffer."""
    view = np.frombuffer(memoryview(thing).cast("B"), np.uint8)
    return int(view.ctypes.data), view.nbytes


def _on(stream: Stream | None) -> int:
    """The handle of a stream; only objects are taken, as by pycuda."""
    if stream is None:
        return 0
    if not isinstance(stream, Stream):
        msg = f"No registered converter was able to produce a Stream from {stream!r}"
        raise TypeError(msg)
    return stream.handle
