"""What the runtime asks of CUDA, whichever library answers: one small file each, behind this."""

from __future__ import annotations

import ctypes
import sys
from abc import ABC, abstractmethod
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import ClassVar

from edgefer.errors import MachineError, MissingDependency


@dataclass(frozen=True)
class Device:
    """A GPU: its name, compute capability, and CUDA version of its driver as (major, minor).

    `integrated` is true where it shares its memory with the CPU, as on every Jetson.
    """

    name: str
    capability: tuple[int, int]
    driver: tuple[int, int]
    integrated: bool


class Cuda(ABC):
    """One CUDA library on the first device, in its primary context.

    Addresses and handles are integers, sizes are in bytes. Every method but `current` has to be
    called inside `with cuda.current():`. Each raises MachineError where CUDA refuses it, and
    RuntimeLost where CUDA says that the process is lost.
    """

    name: ClassVar[str]
    # Whether this library can capture a stream into a CUDA graph.
    graphs: ClassVar[bool]

    @abstractmethod
    def current(self) -> AbstractContextManager[None]:
        """Makes the primary context that of the calling thread; what was there comes back."""

    @abstractmethod
    def device(self) -> Device:
        """The device in use."""

    @abstractmethod
    def memory(self) -> tuple[int, int]:
        """Free and total memory of the device."""

    @abstractmethod
    def create_stream(self) -> int:
        """A stream that does not wait for the default one."""

    @abstractmethod
    def destroy_stream(self, stream: int) -> None:
        """Free a stream."""

    @abstractmethod
    def synchronize(self, stream: int) -> None:
        """Wait until everything on the stream is done."""

    @abstractmethod
    def allocate(self, size: int) -> int:
        """Memory of the device."""

    @abstractmethod
    def free(self, address: int) -> None:
        """Free what `allocate` gave."""

    @abstractmethod
    def allocate_host(self, size: int, *, mapped: bool = False) -> int:
        """Page-locked memory of the host; `mapped`: that the device can reach too."""

    @abstractmethod
    def free_host(self, address: int) -> None:
        """Free what `allocate_host` gave."""

    @abstractmethod
    def device_address(self, address: int) -> int:
        """Where the device finds mapped memory of the host."""

    @abstractmethod
    def copy_in(self, target: int, source: int, size: int, stream: int) -> None:
        """Queue a copy from the host to the device."""

    @abstractmethod
    def copy_out(self, target: int, source: int, size: int, stream: int) -> None:
        """Queue a copy from the device to the host."""

    @abstractmethod
    def copy_within(self, target: int, source: int, size: int, stream: int) -> None:
        """Queue a copy within the device."""

    @abstractmethod
    def wait_for(self, producer: int, stream: int) -> None:
        """Let `stream` wait for what is on the stream `producer` now."""

    @abstractmethod
    def begin_capture(self, stream: int) -> None:
        """From now on the stream records instead of running; where `graphs` is true."""

    @abstractmethod
    def end_capture(self, stream: int) -> int:
        """Stop recording, and give what was recorded as a graph that can be launched."""

    @abstractmethod
    def launch(self, graph: int, stream: int) -> None:
        """Queue a graph."""

    @abstractmethod
    def destroy_graph(self, graph: int) -> None:
        """Free a graph."""


# The driver's own library; without it there is no need to import any other.
DRIVER = "libcuda.so.1" if sys.platform == "linux" else None


def find_cuda() -> Cuda:
    """The library that the host uses already, or else the first of cuda-python and pycuda.

    Raises MissingDependency where neither is installed, MachineError where there is no GPU.
    """
    require_driver()
    from edgefer.runtime.cuda_pycuda import PyCuda
    from edgefer.runtime.cuda_python import CudaPython

    # A host that uses one of them must not get a second view of the same context.
    host = "pycuda.driver" in sys.modules and "cuda.bindings.runtime" not in sys.modules
    missing: list[str] = []
    refused: list[str] = []
    for library in (PyCuda, CudaPython) if host else (CudaPython, PyCuda):
        try:
            return library()
        except MissingDependency as error:
            missing.append(str(error))
        except MachineError as error:  # the other one may be for this driver
            refused.append(f"{library.name}: {error}")
    if refused:
        raise MachineError("; ".join(refused))
    msg = f"CUDA from Python: {missing[0]}; or, beside the CUDA toolkit: {missing[1]}"
    raise MissingDependency(msg)


def require_driver() -> None:
    """Raise MachineError where there is no NVIDIA driver, at the cost of looking for a file."""
    try:
        ctypes.CDLL(DRIVER)  # None is this program itself, which loads
    except OSError as error:
        msg = f"no NVIDIA driver on this machine ({DRIVER} does not load)"
        raise MachineError(msg) from error
