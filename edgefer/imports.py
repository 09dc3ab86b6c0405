"""Loads an optional library, or names the extra that brings it."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from types import ModuleType

from edgefer.errors import MissingDependency

# From 1.32 on, ONNX Runtime looks up a server and keeps files in the home folder unless this is in
# the environment before it is imported, by us or by another library.
_NO_TELEMETRY = ("ORT_DISABLE_TELEMETRY", "1")
# OpenVINO reports each import to a server and keeps files in the home folder through this module,
# and does neither where it is not installed; there is no variable that turns it off.
_REPORTS = "openvino_telemetry"


def require(module: str, extra: str) -> ModuleType:
    """Import `module`, or raise MissingDependency with the command that installs it."""
    if module not in sys.modules:
        os.environ.setdefault(*_NO_TELEMETRY)
    try:
        with _hidden(_REPORTS):
            return importlib.import_module(module)
    except ImportError as error:
        if error.name is not None and error.name.split(".")[0] == module.split(".")[0]:
            reason = "is not installed"
        else:
            reason = f"does not load ({error})"
        msg = f"{module} {reason}; run: pip install 'edgefer[{extra}]'"
        raise MissingDependency(msg) from error


def is_there(module: str) -> bool:
    """Whether a library can be found, without the cost of importing it."""
    try:
        return find_spec(module) is not None
    except (ImportError, ValueError):  # no parent package; a module that was planted without a spec
        return False


@contextmanager
def _hidden(module: str) -> Iterator[None]:
    """Within, `module` is as if it were not installed; one that is loaded already stays."""
    if module in sys.modules:
        yield
        return
    sys.modules[module] = None  # type: ignore[assignment]  # how Python marks what must not load
    try:
        yield
    finally:
        sys.modules.pop(module, None)
