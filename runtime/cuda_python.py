"""CUDA through NVIDIA's cuda-python: its runtime API, which uses the primary context by itself."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from types import ModuleType
from typing import Any, NoReturn

from edgefer.errors import MachineError, MissingDependency, RuntimeLost, reason
from edgefer.imports import require
from edgefer.machine import read_machine
from edgefer.runtime.cuda import Cuda, Device

_OUT_OF_MEMORY = 2
# CUDA's manual says of each: "the process must be terminated and relaunched".
LOST = frozenset({226, 700, 702, 710, 714, 715, 716, 717, 718, 719, 721, 810, 911})
_ADVICE = {
    _OUT_OF_MEMORY: "close what else uses the GPU",
    35: "install or update the NVIDIA driver",
    46: "close what else uses the GPU",
    100: "see whether nvidia-smi lists a GPU; a container has to be given it",
}


class CudaPython(Cuda):
    """cuda-python 12.6 or newer, on device 0."""

    name = "cuda-python"
    graphs = True

    def __init__(self) -> None:
        self._runtime = runtime = _load()
        try:
            code, _ = runtime.cudaGetDeviceCount()
        except RuntimeError as error:  # cuda-python 12.6 raises where 13 gives a code
            msg = f"CUDA: no NVIDIA driver on this machine ({reason(error)}); install it"
            raise MachineError(msg) from error
        if code:
            self._refuse("cudaGetDeviceCount", code)
        # Bound once: these are called for every batch.
        self._copy = runtime.cudaMemcpyAsync
        self._wait = runtime.cudaStreamSynchronize
        self._launch = runtime.cudaGraphLaunch
        kinds = runtime.cudaMemcpyKind
        self._in = kinds.cudaMemcpyHostToDevice
        self._out = kinds.cudaMemcpyDeviceToHost
        self._within = kinds.cudaMemcpyDeviceToDevice
        # Any other mode is broken off by a camera's or torch's thread that allocates meanwhile.
        self._mode = runtime.cudaStreamCaptureMode.cudaStreamCaptureModeThreadLocal

    def current(self) -> AbstractContextManager[None]:
        """Selects device 0, and afterwards the device that was selected before.

        A context that the host made itself, as pycuda's autoinit does, does not come back: use
        PyCuda beside such a host.
        """
        return _Selected(self._runtime.cudaGetDevice, self._runtime.cudaSetDevice, self._refuse)

    def device(self) -> Device:
        """The device in use."""
        asked = self._runtime.cudaDeviceAttr
        found = self._ask("cudaGetDeviceProperties", 0).name
        driver = self._ask("cudaDriverGetVersion")
        major, minor, integrated = (
            self._ask("cudaDeviceGetAttribute", attribute, 0)
            for attribute in (
                asked.cudaDevAttrComputeCapabilityMajor,
                asked.cudaDevAttrComputeCapabilityMinor,
                asked.cudaDevAttrIntegrated,
            )
        )
        name = found.decode(errors="replace").rstrip("\0")
        return Device(name, (major, minor), (driver // 1000, driver % 1000 // 10), bool(integrated))

    def memory(self) -> tuple[int, int]:
        """Free and total memory of the device."""
        code, free, total = self._runtime.cudaMemGetInfo()
        if code:
            self._refuse("cudaMemGetInfo", code)
        return free, total

    def create_stream(self) -> int:
        """A stream that does not wait for the default one."""
        flags = self._runtime.cudaStreamNonBlocking
        return int(self._ask("cudaStreamCreateWithFlags", flags))

    def destroy_stream(self, stream: int) -> None:
        """Free a stream."""
        self._ask("cudaStreamDestroy", stream)

    def synchronize(self, stream: int) -> None:
        """Wait until everything on the stream is done."""
        (code,) = self._wait(stream)
        if code:
            self._refuse("cudaStreamSynchronize", code)

    def allocate(self, size: int) -> int:
        """Memory of the device."""
        code, address = self._runtime.cudaMalloc(size)
        if code:
            self._refuse("cudaMalloc", code, size)
        return int(address)

    def free(self, address: int) -> None:
        """Free what `allocate` gave."""
        self._ask("cudaFree", address)

    def allocate_host(self, size: int, *, mapped: bool = False) -> int:
        """Page-locked memory of the host."""
        names = self._runtime
        flags = names.cudaHostAllocMapped if mapped else names.cudaHostAllocDefault
        code, address = names.cudaHostAlloc(size, flags)
        if code:
            self._refuse("cudaHostAlloc", code, size)
        return int(address)

    def free_host(self, address: int) -> None:
        """Free what `allocate_host` gave."""
        self._ask("cudaFreeHost", address)

    def device_address(self, address: int) -> int:
        """Where the device finds mapped memory of the host."""
        return int(self._ask("cudaHostGetDevicePointer", address, 0))

    def copy_in(self, target: int, source: int, size: int, stream: int) -> None:
        """Queue a copy from the host to the device."""
        (code,) = self._copy(target, source, size, self._in, stream)
        if code:
            self._refuse("cudaMemcpyAsync", code)

    def copy_out(self, target: int, source: int, size: int, stream: int) -> None:
        """Queue a copy from the device to the host."""
        (code,) = self._copy(target, source, size, self._out, stream)
        if code:
            self._refuse("cudaMemcpyAsync", code)

    def copy_within(self, target: int, source: int, size: int, stream: int) -> None:
        """Queue a copy within the device."""
        (code,) = self._copy(target, source, size, self._within, stream)
        if code:
            self._refuse("cudaMemcpyAsync", code)

    def wait_for(self, producer: int, stream: int) -> None:
        """Let `stream` wait for what is on the stream `producer` now."""
        event = self._ask("cudaEventCreateWithFlags", self._runtime.cudaEventDisableTiming)
        try:
            self._ask("cudaEventRecord", event, producer)
            self._ask("cudaStreamWaitEvent", stream, event, 0)
        finally:
            # CUDA keeps it until the stream has passed it.
            self._runtime.cudaEventDestroy(event)

    def begin_capture(self, stream: int) -> None:
        """From now on the stream records instead of running."""
        self._ask("cudaStreamBeginCapture", stream, self._mode)

    def end_capture(self, stream: int) -> int:
        """Stop recording, and give what was recorded; after a refusal the stream runs again."""
        recorded = self._ask("cudaStreamEndCapture", stream)
        try:
            return int(self._ask("cudaGraphInstantiate", recorded, 0))
        finally:
            self._runtime.cudaGraphDestroy(recorded)

    def launch(self, graph: int, stream: int) -> None:
        """Queue a graph."""
        (code,) = self._launch(graph, stream)
        if code:
            self._refuse("cudaGraphLaunch", code)

    def destroy_graph(self, graph: int) -> None:
        """Free a graph."""
        self._ask("cudaGraphExecDestroy", graph)

    def _ask(self, call: str, *arguments: Any) -> Any:
        """Call the function of that name, and give what it answers beside its status."""
        code, *answer = getattr(self._runtime, call)(*arguments)
        if code:
            self._refuse(call, code)
        return answer[0] if answer else None

    def _refuse(self, call: str, code: Any, size: int | None = None) -> NoReturn:
        """Raise the error of ours for a status of CUDA's, with its own name and text."""
        runtime = self._runtime
        name, text = (
            ask(code)[1].decode() for ask in (runtime.cudaGetErrorName, runtime.cudaGetErrorString)
        )
        # Or the next library that asks for the last error takes it for its own.
        runtime.cudaGetLastError()
        if code in LOST:
            msg = f"{call}: CUDA lost this process ({name}: {text}); start it again"
            raise RuntimeLost(msg)
        if code == _OUT_OF_MEMORY:
            failed, free, total = runtime.cudaMemGetInfo()
            found = "an unknown number" if failed else f"{free:,} of {total:,}"
            asked = "memory" if size is None else f"{size:,} bytes"
            msg = f"{call}: asked for {asked}, found {found} free ({name}: {text})"
        else:
            msg = f"{call}: CUDA refused it ({name}: {text})"
        advice = _ADVICE.get(int(code))
        raise MachineError(f"{msg}; {advice}" if advice else msg)


class _Selected(AbstractContextManager[None]):
    """Device 0 within a with-block of one thread."""

    def __init__(
        self,
        ask: Callable[[], tuple[Any, int]],
        select: Callable[[int], tuple[Any]],
        refuse: Callable[[str, Any], NoReturn],
    ) -> None:
        self._ask = ask
        self._select = select
        self._refuse = refuse
        self._before = 0

    def __enter__(self) -> None:
        code, before = self._ask()
        self._before = 0 if code else before
        (code,) = self._select(0)
        if code:
            self._refuse("cudaSetDevice", code)

    def __exit__(self, *_: object) -> None:
        if self._before:
            self._select(self._before)


def _load() -> ModuleType:
    """The runtime API, under its name of today or that of before cuda-python 12.6."""
    try:
        return require("cuda.bindings.runtime", _extra())
    except MissingDependency:
        try:
            return importlib.import_module("cuda.cudart")
        except ImportError:
            pass
        raise


def _extra() -> str:
    machine = read_machine()
    if machine.jetson is None:
        return "tensorrt"
    return "jetpack6" if "R36" in (machine.l4t or "") else "jetpack7"
