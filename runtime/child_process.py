"""Children for what may crash, hang or print: how they start, and how they answer."""

from __future__ import annotations

import os
import signal
import sys
from typing import IO

# As -m, but the current folder, which that puts first, is not where modules come from.
_RUN = (
    "import sys; getattr(sys.flags, 'safe_path', False) or sys.path.pop(0); import runpy; "
    "runpy.run_module(sys.argv.pop(1), run_name='__main__', alter_sys=True)"
)


def command(module: str, *arguments: str) -> list[str]:
    """Runs one of our modules in a process of its own."""
    return [sys.executable, "-c", _RUN, module, *arguments]


def environment() -> dict[str, str]:
    """In it a child imports what this process would import, from wherever it is started."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}


def take_output() -> IO[str]:
    """In the child, first of all: standard output for its answers alone.

    What libraries print goes to standard error.
    """
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return answers


def leave() -> None:
    """In the child, last of all: libraries may crash as they are unloaded, with all long told."""
    os._exit(0)


def how_it_ended(status: int) -> str:
    """The end of a child that did not answer, in words."""
    if status >= 0:
        return f"ended with status {status}"
    try:
        name = signal.Signals(-status).name
    except ValueError:
        name = f"signal {-status}"
    return f"crashed ({name})"
