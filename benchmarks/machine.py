"""Where a result was measured: goes into every record, since a number without it says nothing."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from edgefer.machine import Machine, read_machine
from edgefer.runtime.selection import ON_CPU
from edgefer.versions import installed

# Libraries that answer or prepare pixels; those that are not installed are left out.
_LIBRARIES = (
    "numpy",
    "onnxruntime",
    "onnxruntime-gpu",
    "opencv-python",
    "opencv-python-headless",
    "openvino",
    "tensorrt",
    "tensorrt-rtx",
)

_CHECKOUT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Setting:
    """The machine, the libraries and the time (UTC, ISO 8601) of a measurement.

    `revision` is the commit of a checkout, with -dirty where files differ from it; None elsewhere.
    """

    when: str
    machine: Machine
    versions: dict[str, str]
    revision: str | None

    def device(self, backend: str) -> str:
        """What that backend computes on, by name."""
        machine = self.machine
        if backend in ON_CPU:
            return machine.processor
        return ", ".join(filter(None, (machine.jetson, *machine.gpus))) or machine.architecture


def read_setting(root: Path = Path("/")) -> Setting:
    """This machine now, or the one whose /proc and /etc stand under `root`."""
    return Setting(
        when=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        machine=read_machine(root),
        versions=installed(_LIBRARIES),
        revision=read_revision(_CHECKOUT),
    )


def read_revision(root: Path) -> str | None:
    """The commit of the checkout at `root`, None where there is none."""
    if not (root / "pyproject.toml").is_file():
        return None
    command = ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip() or None
