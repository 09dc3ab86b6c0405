"""Errors and contexts of the fake pycuda: what needs a context, and how it is let go of."""

from __future__ import annotations

import builtins
import sys
import threading
import warnings
from collections.abc import Callable
from typing import Any, TypeVar

from tests.fakes.device import DEVICE
from tests.fakes.faults import ERRORS, CudaError

_Found = TypeVar("_Found")


class Error(Exception):
    """The base of pycuda's errors."""


class LogicError(Error):
    """Most errors."""


class MemoryError(Error, builtins.MemoryError):
    """Memory is short."""


class LaunchError(Error):
    """A kernel failed or took too long."""


class RuntimeError(Error):
    """There is no device, for one."""


_CLASSES: dict[int, type[Error]] = {2: MemoryError, 702: LaunchError, 719: LaunchError}
_CLASSES |= {100: RuntimeError, 600: RuntimeError, 999: Error}
_THREAD = threading.local()


def call(routine: str, work: Callable[[], _Found], *, context: bool = True) -> _Found:
    """Do it, in a context; errors become pycuda's.

    Real pycuda collects garbage and tries again where memory is short; this one does not.
    """
    if context and not stack():
        msg = f"{routine} failed: invalid device context - no currently active context?"
        raise LogicError(msg)
    try:
        return work()
    except CudaError as error:
        msg = f"{routine} failed: {ERRORS[error.code][1]}"
        raise _CLASSES.get(error.code, LogicError)(msg) from None


def stack() -> list[Context]:
    """The contexts that the calling thread has pushed."""
    if not hasattr(_THREAD, "stack"):
        _THREAD.stack = []
    found: list[Context] = _THREAD.stack
    return found


class Context:
    """The primary context; there is no other here."""

    def __init__(self, device: Any) -> None:
        self._device = device
        self._thread = threading.get_ident()
        self._valid = True

    def push(self) -> None:
        """Make it that of the calling thread."""
        if not self._valid:
            msg = "cuCtxPushCurrent failed: invalid device context"
            raise LogicError(msg)
        stack().append(self)

    @staticmethod
    def pop() -> None:
        """Give the calling thread back what it had before."""
        if not stack():
            msg = "context::pop failed: invalid device context - cannot pop non-current context"
            raise LogicError(msg)
        stack().pop()

    def detach(self) -> None:
        """Let go of it."""
        if not self._valid:
            msg = "context::detach failed: invalid device context - cannot detach from invalid"
            raise LogicError(msg)
        self._valid = False
        while self in stack():
            stack().remove(self)

    @staticmethod
    def get_current() -> Context | None:
        """The context of the calling thread."""
        return stack()[-1] if stack() else None

    @staticmethod
    def get_device() -> Any:
        """Its device."""
        return call("cuCtxGetDevice", lambda: stack()[-1]._device)

    @staticmethod
    def synchronize() -> None:
        """Wait for everything."""
        call("cuCtxSynchronize", DEVICE.device_synchronize)


class Dependent:
    """What belongs to the context it was made in, and needs it to be freed."""

    def __init__(self, handle: int) -> None:
        self._handle = handle
        self._context = stack()[-1]

    def _clean(self, free: Callable[[int], None]) -> None:
        """Free it. As with pycuda this raises nothing, and can leave something behind."""
        handle, self._handle = getattr(self, "_handle", 0), 0
        if not handle or not self._context._valid:
            return
        switch = Context.get_current() is not self._context
        if switch and self._context._thread != threading.get_ident():
            text = f"{type(self).__name__} in out-of-thread context could not be cleaned up"
            warnings.warn(text, UserWarning, stacklevel=3)
            return
        if switch:
            self._context.push()
        try:
            free(handle)
        except CudaError as error:
            sys.stderr.write(f"PyCUDA WARNING: a clean-up operation failed: {error}\n")
        finally:
            if switch:
                Context.pop()
