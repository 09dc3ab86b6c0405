"""CUDA through pycuda: its driver API, made to use the primary context as all others do."""

from __future__ import annotations

import ctypes
import importlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import lru_cache
from types import ModuleType
from typing import Any, NoReturn

from edgefer.errors import MachineError, RuntimeLost, reason
from edgefer.imports import require
from edgefer.runtime.cuda import Cuda, Device

# pycuda gives no code, only CUDA's own text. These are the texts of the errors of which CUDA's
# manual says: "the process must be terminated and relaunched".
_LOST = (
    "invalid access of peer gpu memory over nvlink or a hardware error",
    "an illegal memory access was encountered",
    "the launch timed out and was terminated",
    "device-side assert triggered",
    "hardware stack error",
    "an illegal instruction was encountered",
    "misaligned address",
    "operation not supported on global/shared address space",
    "invalid program counter",
    "unspecified launch failure",
    "tensor memory not completely freed",
    "the mps client has been terminated by the server",
    "entity outside of cuda",
)
_NON_BLOCKING = 1  # CU_STREAM_NON_BLOCKING, for which pycuda has no name
_DEFAULT_STREAMS = (0, 1)


class PyCuda(Cuda):
    """pycuda on device 0. It cannot capture CUDA graphs."""

    name = "pycuda"
    graphs = False

    def __init__(self) -> None:
        self._driver = driver = _load()
        self._refused: type[Exception] = driver.Error
        try:
            driver.init()
            self._device = driver.Device(0)
            self._current = _Pushed(driver)
        except driver.Error as error:
            _refuse(driver, error)
        # pycuda frees what nobody holds; each under the integer that names it here.
        self._streams: dict[int, Any] = {}
        self._memory: dict[int, Any] = {}
        self._host: dict[int, Any] = {}
        # Bound once: these are called for every batch.
        self._copy_in = driver.memcpy_htod_async
        self._copy_out = driver.memcpy_dtoh_async

    def current(self) -> AbstractContextManager[None]:
        """Pushes the primary context, and pops it afterwards."""
        return self._current

    def device(self) -> Device:
        """The device in use."""
        found, names = self._device, self._driver.device_attribute
        version = self._ask(self._driver.get_driver_version)
        return Device(
            name=self._ask(found.name),
            capability=self._ask(found.compute_capability),
            driver=(version // 1000, version % 1000 // 10),
            integrated=bool(self._ask(found.get_attribute, names.INTEGRATED)),
        )

    def memory(self) -> tuple[int, int]:
        """Free and total memory of the device."""
        free, total = self._ask(self._driver.mem_get_info)
        return free, total

    def create_stream(self) -> int:
        """A stream that does not wait for the default one."""
        stream = self._ask(self._driver.Stream, _NON_BLOCKING)
        self._streams[stream.handle] = stream
        return int(stream.handle)

    def destroy_stream(self, stream: int) -> None:
        """Free a stream."""
        _taken(self._streams, stream, "stream")

    def synchronize(self, stream: int) -> None:
        """Wait until everything on the stream is done."""
        try:
            self._streams[stream].synchronize()
        except self._refused as error:
            _refuse(self._driver, error)

    def allocate(self, size: int) -> int:
        """Memory of the device."""
        memory = self._ask(self._driver.mem_alloc, size, size=size)
        self._memory[int(memory)] = memory
        return int(memory)

    def free(self, address: int) -> None:
        """Free what `allocate` gave."""
        self._ask(_taken(self._memory, address, "memory of the device").free)

    def allocate_host(self, size: int, *, mapped: bool = False) -> int:
        """Page-locked memory of the host."""
        flags = self._driver.host_alloc_flags.DEVICEMAP if mapped else 0
        array = self._ask(self._driver.pagelocked_empty, size, "uint8", "C", flags, size=size)
        address = int(array.ctypes.data)
        self._host[address] = array.base
        return address

    def free_host(self, address: int) -> None:
        """Free what `allocate_host` gave."""
        self._ask(_taken(self._host, address, "page-locked memory").free)

    def device_address(self, address: int) -> int:
        """Where the device finds mapped memory of the host."""
        return int(self._ask(self._host[address].get_device_pointer))

    def copy_in(self, target: int, source: int, size: int, stream: int) -> None:
        """Queue a copy from the host to the device."""
        try:
            self._copy_in(target, _buffer(source, size), self._streams[stream])
        except self._refused as error:
            _refuse(self._driver, error)

    def copy_out(self, target: int, source: int, size: int, stream: int) -> None:
        """Queue a copy from the device to the host."""
        try:
            self._copy_out(_buffer(target, size), source, self._streams[stream])
        except self._refused as error:
            _refuse(self._driver, error)

    def copy_within(self, target: int, source: int, size: int, stream: int) -> None:
        """Queue a copy within the device."""
        self._ask(self._driver.memcpy_dtod_async, target, source, size, self._streams[stream])

    def wait_for(self, producer: int, stream: int) -> None:
        """Let `stream` wait for what is on the stream `producer` now."""
        known = self._streams.get(producer)
        if known is None and producer not in _DEFAULT_STREAMS:
            # pycuda makes no stream of another library's handle: the host waits for all of them.
            self._ask(self._driver.Context.synchronize)
            return
        event = self._ask(self._driver.Event, self._driver.event_flags.DISABLE_TIMING)
        self._ask(event.record, known)
        self._ask(self._streams[stream].wait_for_event, event)

    def begin_capture(self, stream: int) -> None:
        """Raises MachineError: pycuda has no graphs."""
        raise _no_graphs()

    def end_capture(self, stream: int) -> int:
        """Raises MachineError: pycuda has no graphs."""
        raise _no_graphs()

    def launch(self, graph: int, stream: int) -> None:
        """Raises MachineError: pycuda has no graphs."""
        raise _no_graphs()

    def destroy_graph(self, graph: int) -> None:
        """Raises MachineError: pycuda has no graphs."""
        raise _no_graphs()

    def _ask(self, function: Callable[..., Any], *arguments: Any, size: int | None = None) -> Any:
        """What the function answers; `size` is what it was asked to allocate."""
        try:
            return function(*arguments)
        except self._refused as error:
            _refuse(self._driver, error, size)


class _Pushed(AbstractContextManager[None]):
    """The primary context on top of the calling thread's within a with-block."""

    def __init__(self, driver: Any) -> None:
        self._driver = driver
        self._push = _primary(driver).push
        self._pop = driver.Context.pop

    def __enter__(self) -> None:
        try:
            self._push()
        except self._driver.Error as error:
            _refuse(self._driver, error)

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            self._pop()
        except self._driver.Error as error:
            if kind is None:  # or it would hide what went wrong first
                _refuse(self._driver, error)


def _refuse(driver: Any, error: Exception, size: int | None = None) -> NoReturn:
    """Raise the error of ours for one of pycuda's, with CUDA's own text."""
    found = reason(error)
    if any(text in found.lower() for text in _LOST):
        msg = f"CUDA lost this process ({found}); start it again"
        raise RuntimeLost(msg) from error
    if not isinstance(error, driver.MemoryError):
        msg = f"CUDA refused it ({found})"
        raise MachineError(msg) from error
    asked = "memory" if size is None else f"{size:,} bytes"
    try:
        free = "{:,} of {:,}".format(*driver.mem_get_info())
    except driver.Error:
        free = "an unknown number"
    msg = f"asked for {asked}, found {free} free ({found}); close what else uses the GPU"
    raise MachineError(msg) from error


def _load() -> ModuleType:
    require("pycuda", "pycuda")
    try:
        return importlib.import_module("pycuda.driver")
    except ModuleNotFoundError:
        return require("pycuda.driver", "pycuda")
    except ImportError as error:
        msg = f"CUDA: no NVIDIA driver on this machine ({reason(error)}); install it"
        raise MachineError(msg) from error


@lru_cache(maxsize=1)
def _primary(driver: ModuleType) -> Any:
    """The primary context, kept: where pycuda lets go of it, it leaves it current."""
    return driver.Device(0).retain_primary_context()


@lru_cache(maxsize=64)
def _buffer(address: int, size: int) -> Any:
    """Memory as pycuda takes it; the view holds on to nothing."""
    return (ctypes.c_ubyte * size).from_address(address)


def _taken(kept: dict[int, Any], name: int, what: str) -> Any:
    """What is known by that number, no longer known."""
    try:
        return kept.pop(name)
    except KeyError:
        msg = f"{what}: expected one that is in use, found {name:#x}, which was freed or never made"
        raise MachineError(msg) from None


def _no_graphs() -> MachineError:
    return MachineError("pycuda cannot capture CUDA graphs; install cuda-python for them")
