"""The classes of TensorRT that the caller subclasses: logs, error recorders, monitors."""

from __future__ import annotations

import sys
from enum import IntEnum
from typing import Any, ClassVar


class _Made(type):
    """Refuses a subclass that forgot its base's __init__, as pybind11 does."""

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        made = super().__call__(*args, **kwargs)
        if "_made" not in vars(made):
            base = next(k for k in cls.__mro__ if k.__module__.startswith("tests.fakes"))
            msg = f"tensorrt.{base.__name__}.__init__() must be called when overriding __init__"
            raise TypeError(msg)
        return made


class Interface(metaclass=_Made):
    """A class that the caller subclasses."""

    def __init__(self) -> None:
        self._made = True


class Severity(IntEnum):
    """How grave a line of the log is."""

    INTERNAL_ERROR = 0
    ERROR = 1
    WARNING = 2
    INFO = 3
    VERBOSE = 4

    def __str__(self) -> str:
        return f"Severity.{self.name}"

    def __format__(self, format_spec: str) -> str:
        return format(str(self), format_spec)


class ILogger(Interface):
    """The log; subclasses override `log`."""

    Severity = Severity
    INTERNAL_ERROR, ERROR, WARNING, INFO, VERBOSE = Severity

    def log(self, severity: Any, msg: str) -> None:
        """Take one line."""
        raise NotImplementedError


class Logger(ILogger):
    """The log that TensorRT brings."""

    def __init__(self, min_severity: Any = Severity.WARNING) -> None:
        super().__init__()
        self.min_severity = min_severity

    def log(self, severity: Any, msg: str) -> None:
        """Print the line."""
        if severity <= self.min_severity:
            sys.stderr.write(f"[TRT] [{severity.name[0]}] {msg}\n")


class IErrorRecorder(Interface):
    """Takes the errors with their codes; subclasses override all of it."""

    MAX_DESC_LENGTH: ClassVar[int] = 127

    def report_error(self, code: Any, desc: str) -> bool:
        """Take one error."""
        raise NotImplementedError


class IProgressMonitor(Interface):
    """Hears of the build; subclasses override all of it."""

    def phase_start(self, phase_name: str, parent_phase: str | None, num_steps: int) -> None:
        """A phase began."""
        raise NotImplementedError

    def step_complete(self, phase_name: str, step: int) -> bool:
        """A step is done; False stops the build."""
        raise NotImplementedError

    def phase_finish(self, phase_name: str) -> None:
        """A phase ended."""
        raise NotImplementedError
