"""The cache folder as doctor shows it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class CacheFolder:
    """The cache folder, how many engines are in it, and their bytes.

    `others_can_write` is said of the folder of the engines, None where there is none yet.
    """

    path: str
    others_can_write: bool | None
    engines: int
    size: int


def read_cache(folder: Path) -> CacheFolder:
    """What is there; a cache that nothing was put into holds no engines."""
    from edgefer.runtime.private_files import OTHERS

    engines = folder / "engines"
    try:
        status = engines.lstat()
        sizes = [path.stat().st_size for path in engines.glob("*.engine")]
    except OSError:
        return CacheFolder(str(folder), None, 0, 0)
    others = bool(status.st_mode & OTHERS) or status.st_uid != os.geteuid()
    return CacheFolder(str(folder), others, len(sizes), sum(sizes))
