"""Loads an optional library, or names the extra that brings it."""

from __future__ import annotations

import importlib
from types import ModuleType

from edgefer.errors import MissingDependency


def require(module: str, extra: str) -> ModuleType:
    """Import `module`, or raise MissingDependency with the command that installs it."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        if error.name is not None and error.name.split(".")[0] == module.split(".")[0]:
            reason = "is not installed"
        else:
            reason = f"does not load ({error})"
        msg = f"{module} {reason}; run: pip install 'edgefer[{extra}]'"
        raise MissingDependency(msg) from error
