"""Memory of the fake device: real memory of this process, with every access checked."""

from __future__ import annotations

import ctypes
import mmap
import tempfile
from collections import deque
from dataclasses import dataclass

from tests.fakes.faults import CudaError, Faults, locked

# CUDA aligns to 256 bytes.
_ALIGNMENT = 256
# Nobody promises zeros: what was not written, or is read after it was freed, must not look right.
_FRESH = 0xCB
_FREED = 0xDD


@dataclass(frozen=True)
class Region:
    """An allocation; `alias` is where the device finds mapped memory of the host."""

    kind: str
    address: int
    size: int
    alias: int | None
    owner: object


class Memory(Faults):
    """Allocates, frees, and tells whether a range lies in one allocation of the right side."""

    total_memory = 8 << 30
    free_memory = 6 << 30

    def __init__(self) -> None:
        super().__init__()
        self.regions: dict[int, Region] = {}
        # Freed memory is kept a while, so that a late access finds rubbish and not a crash.
        self._graveyard: deque[Region] = deque(maxlen=256)

    def refuse_while_capturing(self) -> None:
        """Raise where a capture forbids the call; streams know of captures."""

    @locked
    def malloc(self, size: int) -> int:
        """Memory of the device."""
        self.refuse_while_capturing()
        self.begin("malloc")
        if size == 0:
            return 0
        self._room(size)
        return self._keep(*_plain(size), "device memory", size)

    @locked
    def host_alloc(self, size: int, *, mapped: bool) -> int:
        """Page-locked memory of the host; `mapped`: with a second address for the device."""
        self.refuse_while_capturing()
        self.begin("host_alloc")
        if size == 0:
            return 0
        self._room(size)
        if not mapped:
            return self._keep(*_plain(size), "host memory", size)
        address, alias, owner = _twice(size)
        return self._keep(address, owner, "host memory", size, alias)

    @locked
    def free(self, address: int) -> None:
        """Free memory of the device."""
        self._release("device memory", address, "free")

    @locked
    def host_free(self, address: int) -> None:
        """Free page-locked memory."""
        self._release("host memory", address, "host_free")

    @locked
    def device_pointer(self, address: int) -> int:
        """Where the device finds mapped memory of the host."""
        self.sound()
        region = self.regions.get(address)
        if region is None or region.alias is None:
            raise CudaError(1)
        return region.alias

    @locked
    def memory_info(self) -> tuple[int, int]:
        """Free and total memory."""
        self.sound()
        return self.free_memory - self._used(), self.total_memory

    def reaches(self, address: int, size: int, side: str) -> bool:
        """Whether the range lies within one live allocation that `side` can reach."""
        for region in self.regions.values():
            start = region.address
            if side == "device" and region.kind == "host memory":
                if region.alias is None:
                    continue
                start = region.alias
            elif side == "host" and region.kind == "device memory":
                continue
            if start <= address and address + size <= start + region.size:
                return True
        return False

    def read(self, address: int, size: int) -> bytes:
        """What the device finds there; an illegal address is an error of the device."""
        if not self.reaches(address, size, "device"):
            raise self.broken(700)
        return ctypes.string_at(address, size)

    def write(self, address: int, data: bytes) -> None:
        """Let the device write there."""
        if not self.reaches(address, len(data), "device"):
            raise self.broken(700)
        ctypes.memmove(address, data, len(data))

    def _used(self) -> int:
        return sum(region.size for region in self.regions.values())

    def _room(self, size: int) -> None:
        if size > self.free_memory - self._used():
            raise CudaError(2)

    def _keep(
        self, address: int, owner: object, kind: str, size: int, alias: int | None = None
    ) -> int:
        ctypes.memset(address, _FRESH, size)
        self.regions[address] = Region(kind, address, size, alias, owner)
        return address

    def _release(self, kind: str, address: int, operation: str) -> None:
        if address == 0:
            return
        self.refuse_while_capturing()
        region = self.regions.get(address)
        if region is None or region.kind != kind:
            self.sound()
            raise CudaError(1)
        del self.regions[address]
        ctypes.memset(address, _FREED, region.size)
        self._graveyard.append(region)
        self.release(operation)


def _plain(size: int) -> tuple[int, object]:
    """An aligned address, and what keeps the memory alive."""
    owner = ctypes.create_string_buffer(size + _ALIGNMENT)
    return -(-ctypes.addressof(owner) // _ALIGNMENT) * _ALIGNMENT, owner


def _twice(size: int) -> tuple[int, int, object]:
    """Memory at two addresses: whoever gives the device the host's address is found out."""
    with tempfile.TemporaryFile() as file:
        file.truncate(size)
        views = [ctypes.c_char.from_buffer(mmap.mmap(file.fileno(), size)) for _ in range(2)]
    return ctypes.addressof(views[0]), ctypes.addressof(views[1]), views
