"""Where a result was measured: goes into every record, since a number without it says nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

from edgefer.machine import Machine, read_machine
from edgefer.versions import installed

# Libraries that answer or prepare pixels; those that are not installed are left out.
_LIBRARIES = (
    "numpy",
    "onnxruntime",
    "onnxruntime-gpu",
    "opencv-python",
    "opencv-python-headless",
    "tensorrt",
    "tensorrt-rtx",
)


@dataclass(frozen=True)
class Setting:
    """The machine, the libraries and the time (UTC, ISO 8601) of a measurement."""

    when: str
    machine: Machine
    versions: dict[str, str]

    def device(self, backend: str) -> str:
        """What that backend computes on, by name."""
        machine = self.machine
        if backend == "onnxruntime":
            return machine.processor
        return ", ".join(filter(None, (machine.jetson, *machine.gpus))) or machine.architecture


def read_setting(root: Path = Path("/")) -> Setting:
    """This machine now, or the one whose /proc and /etc stand under `root`."""
    return Setting(
        when=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        machine=read_machine(root),
        versions=installed(_LIBRARIES),
    )
