"""The program in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import IO

ROOT = Path(__file__).parents[2]


def program(
    *arguments: object, stdout: int | IO[bytes] = subprocess.PIPE, **environment: str
) -> subprocess.CompletedProcess[str]:
    """`python -m edgefer ARGUMENTS...`, with these variables beside those of the test."""
    return subprocess.run(
        [sys.executable, "-m", "edgefer", *map(str, arguments)],
        env={**os.environ, **environment},
        cwd=ROOT,
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
