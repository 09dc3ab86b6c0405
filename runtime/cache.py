"""Where the runtime keeps what it can make or fetch again."""

from __future__ import annotations

import os
from pathlib import Path

from edgefer.errors import MachineError


def cache_folder() -> Path:
    """`edgefer` in the user's cache folder (XDG_CACHE_HOME, or ~/.cache); it may not exist yet."""
    named = os.environ.get("XDG_CACHE_HOME", "")
    if Path(named).is_absolute():  # the XDG specification ignores a relative one
        return Path(named, "edgefer")
    try:
        return Path.home() / ".cache" / "edgefer"
    except RuntimeError as error:
        msg = "expected a home folder for the cache, found none; set XDG_CACHE_HOME"
        raise MachineError(msg) from error
