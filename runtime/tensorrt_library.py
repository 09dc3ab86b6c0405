"""TensorRT and TensorRT-RTX, whatever their version: asks what is there, not which version it is.

The differences between 10.3 and 11.4 that matter here are gathered in this file, so that no other
has to know them.
"""

from __future__ import annotations

import re
from collections import deque
from functools import cache
from types import ModuleType
from typing import Any, NoReturn

from edgefer.choice import Choice
from edgefer.errors import MachineError, MissingDependency, RuntimeLost
from edgefer.imports import is_there, require
from edgefer.machine import read_machine

_MOST_LINES = 40
# "non-recoverable… any further calls … undefined behavior", says NvInferRuntimeBase.h.
_LOST = re.compile(r"Error Code 2: (?!OutOfMemory)")


class Edition(Choice):
    """The two libraries: the one of Jetsons and data centres, and the one of desktop RTX."""

    TENSORRT = "tensorrt"
    RTX = "tensorrt-rtx"

    @property
    def module(self) -> str:
        """What it is imported as."""
        return "tensorrt" if self is Edition.TENSORRT else "tensorrt_rtx_bindings"

    @property
    def extra(self) -> str:
        """The extra that brings it, but for Jetsons."""
        return "tensorrt" if self is Edition.TENSORRT else "rtx"


class TensorRT:
    """One of the libraries, its logger, and what its log said since it was last asked."""

    def __init__(self, edition: Edition, library: ModuleType) -> None:
        self.edition = edition
        self.library: Any = library
        self.version: str = library.__version__
        self._lines: deque[str] = deque(maxlen=_MOST_LINES)
        self.logger = _logger(self.library, self._lines)

    def log(self) -> str:
        """The warnings and errors since the last call, each once, on one line."""
        # a copy first: other threads may log meanwhile
        lines = dict.fromkeys(" ".join(line.split()) for line in list(self._lines))
        self._lines.clear()
        return " | ".join(lines) or "its log says nothing"

    def refuse(self, what: str) -> NoReturn:
        """Raise the error for a call that gave None or False, with the library's own log."""
        log = self.log()
        msg = f"{what}: {self.edition} {self.version} refused it: {log}"
        raise RuntimeLost(msg) if _LOST.search(log) else MachineError(msg)

    def builder(self) -> Any:
        """A builder; MachineError with the log where CUDA does not suit the library."""
        try:
            return self.library.Builder(self.logger)
        except TypeError:  # what pybind11 raises where a factory gives nothing
            self.refuse("making a builder")

    def runtime(self) -> Any:
        """A runtime; MachineError with the log where CUDA does not suit the library."""
        try:
            return self.library.Runtime(self.logger)
        except TypeError:
            self.refuse("making a runtime")

    def network_flags(self) -> int:
        """Types as the graph has them: 10 has to be told so, 11 knows nothing else."""
        flags = self.library.NetworkDefinitionCreationFlag
        typed = getattr(flags, "STRONGLY_TYPED", None)
        # 11 still has the name, and ignores it with a warning; only 10 has the other one
        return 1 << int(typed) if typed is not None and hasattr(flags, "EXPLICIT_BATCH") else 0


def is_installed(edition: Edition) -> bool:
    """Whether the library can be found, without the cost of importing it."""
    return is_there(edition.module)


def open_library(edition: Edition) -> TensorRT:
    """The library; a second call gives the same, since TensorRT keeps one logger for a process.

    Raises MissingDependency where it is not installed, MachineError where it is too old.
    """
    return _opened(edition, _import(edition))


@cache
def _opened(edition: Edition, library: ModuleType) -> TensorRT:
    # progress monitors came after 8.6, and with them parsers that read opset 19
    if not hasattr(library, "IProgressMonitor"):
        msg = (
            f"{edition} {library.__version__}: expected 10.3 or newer, whose parser reads "
            "opset 19; on a Jetson move to JetPack 6.1 or newer, elsewhere run: "
            f"pip install --upgrade 'edgefer[{edition.extra}]'"
        )
        raise MachineError(msg)
    return TensorRT(edition, library)


def _import(edition: Edition) -> ModuleType:
    try:
        return require(edition.module, edition.extra)
    except MissingDependency as error:
        if read_machine().jetson is None:
            raise
        msg = _on_jetson(edition, error)
        raise MissingDependency(msg) from error


def _on_jetson(edition: Edition, error: MissingDependency) -> str:
    if edition is Edition.RTX:
        return f"{edition} does not run on a Jetson; its JetPack brings TensorRT"
    found = str(error).split("; run:")[0]
    return (
        f"{found}; JetPack brings TensorRT: run sudo apt install nvidia-jetpack, and make the "
        "virtual environment with --system-site-packages (docs/jetson.md); never pip's over it"
    )


def _logger(library: Any, lines: deque[str]) -> Any:
    """A logger of that library; its callbacks come from any thread, and a deque takes them."""

    class Log(library.ILogger):  # type: ignore[misc]
        def __init__(self) -> None:
            library.ILogger.__init__(self)

        def log(self, severity: Any, message: str) -> None:
            if severity <= library.ILogger.WARNING:
                lines.append(message)

    return Log()
