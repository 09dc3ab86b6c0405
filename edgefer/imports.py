"""Loads an optional library, or names the extra that brings it."""

from __future__ import annotations

import importlib
import os
import sys
from types import ModuleType

from edgefer.errors import MissingDependency

# From 1.32 on, ONNX Runtime looks up a server and keeps files in the home folder unless this is in
# the environment before it is imported, by us or by another library.
_NO_TELEMETRY = ("ORT_DISABLE_TELEMETRY", "1")


def require(module: str, extra: str) -> ModuleType:
    """Import `module`, or raise MissingDependency with the command that installs it."""
    if module not in sys.modules:
        os.environ.setdefault(*_NO_TELEMETRY)
    try:
        return importlib.import_module(module)
    except ImportError as error:
        if error.name is not None and error.name.split(".")[0] == module.split(".")[0]:
            reason = "is not installed"
        else:
            reason = f"does not load ({error})"
        msg = f"{module} {reason}; run: pip install 'edgefer[{extra}]'"
        raise MissingDependency(msg) from error
