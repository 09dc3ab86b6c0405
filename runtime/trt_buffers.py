"""Memory of the host and of the device for one tensor, allocated once."""

from __future__ import annotations

import ctypes
from contextlib import ExitStack
from math import prod

import numpy as np
from numpy.typing import DTypeLike, NDArray

from edgefer.runtime.backend import MOST_FACES
from edgefer.runtime.cuda import Cuda


class Buffer:
    """Page-locked memory of the host for up to MOST_FACES faces, and its twin on the device.

    `host` is [MOST_FACES, *shape], `address` where the device has it, `face` the bytes of one face.
    Mapped memory is one for both, and is not copied: on a Jetson they share it anyway.
    """

    def __init__(
        self,
        cuda: Cuda,
        owner: ExitStack,
        shape: tuple[int, ...],
        kind: DTypeLike,
        *,
        mapped: bool = False,
    ) -> None:
        self._cuda = cuda
        self.face = prod(shape) * np.dtype(kind).itemsize
        self._mapped = mapped
        size = MOST_FACES * self.face
        self._start = cuda.allocate_host(size, mapped=mapped)
        owner.callback(cuda.free_host, self._start)
        memory = (ctypes.c_uint8 * size).from_address(self._start)
        flat: NDArray[np.uint8] = np.frombuffer(memoryview(memory), np.uint8)
        self.host = flat.view(kind).reshape(MOST_FACES, *shape)
        if mapped:
            self.address = cuda.device_address(self._start)
        else:
            self.address = cuda.allocate(size)
            owner.callback(cuda.free, self.address)

    def copy_in(self, count: int, stream: int, first: int = 0) -> None:
        """Queue the copy of faces from `first` on to the front of the device's memory."""
        if not self._mapped:
            source = self._start + first * self.face
            self._cuda.copy_in(self.address, source, count * self.face, stream)

    def copy_out(self, count: int, stream: int, first: int = 0) -> None:
        """Queue the copy of the front of the device's memory to faces from `first` on."""
        if not self._mapped:
            target = self._start + first * self.face
            self._cuda.copy_out(target, self.address, count * self.face, stream)

    def take(self, source: int, count: int, stream: int) -> None:
        """Queue the copy of faces that are on the device already."""
        self._cuda.copy_within(self.address, source, count * self.face, stream)
