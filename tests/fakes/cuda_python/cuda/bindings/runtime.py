"""Fake of `cuda.bindings.runtime`, as documented for cuda-python 12.6 to 13, on the fake device.

Every function gives a tuple: the error, then its answers, which are None where it failed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from tests.fakes.cuda_types import (
    Handle,
    attributes,
    cudaDeviceAttr,
    cudaDeviceProp,
    cudaError_t,
    cudaEvent_t,
    cudaGraph_t,
    cudaGraphExec_t,
    cudaMemcpyKind,
    cudaStream_t,
    cudaStreamCaptureMode,
    cudaStreamCaptureStatus,
)
from tests.fakes.device import DEVICE
from tests.fakes.faults import ERRORS, CudaError
from tests.fakes.streams import COPIES

cudaHostAllocDefault, cudaHostAllocPortable, cudaHostAllocMapped = 0, 1, 2
cudaHostAllocWriteCombined = 4
cudaStreamDefault, cudaStreamNonBlocking = 0, 1
cudaEventDefault, cudaEventBlockingSync, cudaEventDisableTiming = 0, 1, 2
cudaEventWaitDefault = 0

_Like: TypeAlias = "Handle | int | None"
_KINDS = {1: "copy_in", 2: "copy_out", 3: "copy_within"}
_NAMED = {sides: name for name, sides in COPIES.items()}


def _answer(work: Callable[[], object], answers: int = 1) -> tuple[object, ...]:
    """The error of `work`, and what it gives; `answers`: how many."""
    if DEVICE.missing == "driver" and DEVICE.runtime_version < 13000:
        msg = "Failed to dlopen libcuda.so.1"
        raise RuntimeError(msg)
    try:
        if DEVICE.missing:
            raise CudaError(35 if DEVICE.missing == "driver" else 100)
        found = work()
    except CudaError as error:
        return cudaError_t(error.code), *[None] * answers
    return cudaError_t(0), *(found if isinstance(found, tuple) else [found][:answers])


def _on(handle: _Like) -> int:
    """The number of a handle; only handles and numbers are taken."""
    if handle is None:
        return 0
    if not isinstance(handle, (int, Handle)):
        msg = f"Argument is not a handle or an int: {handle!r}"
        raise TypeError(msg)
    return int(handle)


def _first(device: int) -> dict[int, int]:
    """The attributes of the device, of which there is one."""
    DEVICE.sound()
    if device != 0:
        raise CudaError(101)
    return attributes()


def cudaSetDevice(device: int) -> tuple[object, ...]:
    return _answer(lambda: _first(device), 0)


def cudaGetDevice() -> tuple[object, ...]:
    return _answer(lambda: 0)


def cudaGetDeviceCount() -> tuple[object, ...]:
    return _answer(lambda: 1)


def cudaDeviceGetAttribute(attr: cudaDeviceAttr, device: int) -> tuple[object, ...]:
    return _answer(lambda: _first(device)[attr.value])


def cudaGetDeviceProperties(device: int) -> tuple[object, ...]:
    return _answer(lambda: _first(device) and cudaDeviceProp())


def cudaDriverGetVersion() -> tuple[object, ...]:
    if DEVICE.missing == "driver" and DEVICE.runtime_version >= 13000:
        return cudaError_t(0), 0
    return _answer(lambda: DEVICE.driver_version)


def cudaRuntimeGetVersion() -> tuple[object, ...]:
    return cudaError_t(0), DEVICE.runtime_version


def cudaMemGetInfo() -> tuple[object, ...]:
    return _answer(DEVICE.memory_info, 2)


def cudaMalloc(size: int) -> tuple[object, ...]:
    return _answer(lambda: DEVICE.malloc(size))


def cudaFree(devPtr: int | None) -> tuple[object, ...]:
    return _answer(lambda: DEVICE.free(int(devPtr or 0)), 0)


def cudaHostAlloc(size: int, flags: int) -> tuple[object, ...]:
    return _answer(lambda: DEVICE.host_alloc(size, mapped=bool(flags & cudaHostAllocMapped)))


def cudaFreeHost(ptr: int | None) -> tuple[object, ...]:
    return _answer(lambda: DEVICE.host_free(int(ptr or 0)), 0)


def cudaHostGetDevicePointer(pHost: int, flags: int) -> tuple[object, ...]:
    return _answer(lambda: DEVICE.device_pointer(int(pHost)))


def _operation(kind: cudaMemcpyKind, dst: int, src: int, count: int) -> str:
    """Which copy it is; the kind may be left to the addresses."""
    if kind.value != cudaMemcpyKind.cudaMemcpyDefault:
        return _KINDS[kind.value]
    sides = ["device" if DEVICE.reaches(at, count, "device") else "host" for at in (src, dst)]
    return _NAMED[sides[0], sides[1]]


def cudaMemcpyAsync(
    dst: int, src: int, count: int, kind: cudaMemcpyKind, stream: _Like
) -> tuple[object, ...]:
    operation = _operation(kind, dst, src, count)
    return _answer(lambda: DEVICE.copy(operation, dst, src, count, _on(stream)), 0)


def cudaMemcpy(dst: int, src: int, count: int, kind: cudaMemcpyKind) -> tuple[object, ...]:
    operation = _operation(kind, dst, src, count)
    return _answer(lambda: DEVICE.copy_now(operation, dst, src, count), 0)


def cudaDeviceSynchronize() -> tuple[object, ...]:
    return _answer(DEVICE.device_synchronize, 0)


def cudaStreamCreateWithFlags(flags: int) -> tuple[object, ...]:
    blocking = not flags & cudaStreamNonBlocking
    return _answer(lambda: cudaStream_t(DEVICE.stream_create(blocking=blocking)))


def cudaStreamDestroy(stream: _Like) -> tuple[object, ...]:
    return _answer(lambda: DEVICE.stream_destroy(_on(stream)), 0)


def cudaStreamSynchronize(stream: _Like) -> tuple[object, ...]:
    return _answer(lambda: DEVICE.synchronize(_on(stream)), 0)


def cudaStreamWaitEvent(stream: _Like, event: _Like, flags: int) -> tuple[object, ...]:
    return _answer(lambda: DEVICE.wait_event(_on(stream), _on(event)), 0)


def cudaStreamBeginCapture(stream: _Like, mode: cudaStreamCaptureMode) -> tuple[object, ...]:
    return _answer(lambda: DEVICE.begin_capture(_on(stream), mode.value), 0)


def cudaStreamEndCapture(stream: _Like) -> tuple[object, ...]:
    return _answer(lambda: cudaGraph_t(DEVICE.end_capture(_on(stream))))


def cudaStreamIsCapturing(stream: _Like) -> tuple[object, ...]:
    return _answer(lambda: cudaStreamCaptureStatus(int(DEVICE.is_capturing(_on(stream)))))


def cudaEventCreateWithFlags(flags: int) -> tuple[object, ...]:
    return _answer(lambda: cudaEvent_t(DEVICE.event_create()))


def cudaEventRecord(event: _Like, stream: _Like) -> tuple[object, ...]:
    return _answer(lambda: DEVICE.event_record(_on(event), _on(stream)), 0)


def cudaEventSynchronize(event: _Like) -> tuple[object, ...]:
    return _answer(lambda: DEVICE.event_synchronize(_on(event)), 0)


def cudaEventDestroy(event: _Like) -> tuple[object, ...]:
    return _answer(lambda: DEVICE.event_destroy(_on(event)), 0)


def cudaGraphInstantiate(graph: _Like, flags: int) -> tuple[object, ...]:
    return _answer(lambda: cudaGraphExec_t(DEVICE.graph_instantiate(_on(graph))))


def cudaGraphLaunch(graphExec: _Like, stream: _Like) -> tuple[object, ...]:
    return _answer(lambda: DEVICE.graph_launch(_on(graphExec), _on(stream)), 0)


def cudaGraphExecDestroy(graphExec: _Like) -> tuple[object, ...]:
    return _answer(lambda: DEVICE.executable_destroy(_on(graphExec)), 0)


def cudaGraphDestroy(graph: _Like) -> tuple[object, ...]:
    return _answer(lambda: DEVICE.graph_destroy(_on(graph)), 0)


def cudaGetErrorString(error: cudaError_t) -> tuple[object, ...]:
    return cudaError_t(0), ERRORS[error.value][1].encode()


def cudaGetErrorName(error: cudaError_t) -> tuple[object, ...]:
    return cudaError_t(0), ERRORS[error.value][0].encode()


def cudaGetLastError() -> tuple[object, ...]:
    return (cudaError_t(DEVICE.sticky),)


def cudaPeekAtLastError() -> tuple[object, ...]:
    return (cudaError_t(DEVICE.sticky),)
