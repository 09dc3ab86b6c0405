"""Memory as the fake pycuda has it: freed when it is let go of."""

from __future__ import annotations

from typing import Any

from tests.fakes.device import DEVICE
from tests.fakes.pycuda_contexts import Dependent, LogicError, call


class DeviceAllocation(Dependent):
    """Memory of the device, freed when it is let go of."""

    def __int__(self) -> int:
        return self._handle

    __index__ = __int__

    def free(self) -> None:
        """Free it."""
        if not self._handle:
            msg = "device_allocation::free failed: invalid resource handle"
            raise LogicError(msg)
        self._clean(DEVICE.free)

    def __del__(self) -> None:
        self._clean(DEVICE.free)


class HostPointer(Dependent):
    """Memory of the host that the device may find."""

    # What numpy reads to lay an array over it.
    __array_interface__: dict[str, Any]

    def get_device_pointer(self) -> int:
        """Where the device finds it."""
        address = self._handle
        return call("cuMemHostGetDevicePointer", lambda: DEVICE.device_pointer(address))


class PagelockedHostAllocation(HostPointer):
    """Page-locked memory of the host; it is the base of an array."""

    def free(self) -> None:
        """Free it."""
        if not self._handle:
            msg = "pagelocked_host_allocation::free failed: invalid resource handle"
            raise LogicError(msg)
        self._clean(DEVICE.host_free)

    def __del__(self) -> None:
        self._clean(DEVICE.host_free)
