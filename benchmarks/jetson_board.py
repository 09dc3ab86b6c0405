"""A Jetson before a benchmark: its power modes, and where it may not hold still.

Read from files that need no root; nothing is ever changed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from edgefer.benchmarks.jetson_telemetry import find_gpu
from edgefer.benchmarks.sysfs import in_order, read_all, read_number, read_text
from edgefer.jetson import power_mode
from edgefer.machine import read_machine

# Our choice: more than any board has; its own list may leave numbers out.
_MOST_MODES = 100
_COOLEST = "cool"  # NVIDIA's other profile, quiet, lets the board get warmer
_FAN = "etc/nvfancontrol.conf"


@dataclass(frozen=True)
class Board:
    """This machine's power modes.

    `name` is the Jetson's, None for what is none; `mode` is the power mode now, None where nothing
    tells; `modes` are all that nvpmodel has here, each with its number, which differs by board.
    """

    name: str | None
    mode: str | None
    modes: Mapping[str, int]


def read_board(root: Path = Path("/")) -> Board:
    """This machine, or the one whose files stand under `root`."""
    machine = read_machine(root)
    listed = read_all(root / "etc/nvpmodel.conf")
    found = {power_mode(f"pmode:{number}", listed): number for number in range(_MOST_MODES)}
    modes = {name: number for name, number in found.items() if name is not None}
    return Board(machine.jetson, machine.power_mode, modes)


def find_restless(root: Path = Path("/")) -> Iterator[str]:
    """What may change by itself while a Jetson is measured: `WHAT: no data: WHY`, each a line.

    The clocks of GPU and CPU, which `jetson_clocks` pins, and the profile of the fan. That of the
    memory only root can read.
    """
    gpu = find_gpu(root)
    if gpu is not None:
        yield from _clock("GPU", gpu, ("min_freq", "max_freq", "governor"), 1e-6)
    policies = in_order((root / "sys/devices/system/cpu/cpufreq").glob("policy*"))
    files = ("scaling_min_freq", "scaling_max_freq", "scaling_governor")
    found = (line for policy in policies for line in _clock("CPU", policy, files, 1e-3))
    yield from (line for line in (next(found, None),) if line)  # one cluster tells enough
    yield from _fan(root)


def _clock(part: str, folder: Path, files: tuple[str, str, str], to_mhz: float) -> Iterator[str]:
    low, high = (read_number(folder / file, to_mhz) for file in files[:2])
    what = f"times at a pinned clock of the {part}: no data"
    if low.value is None or high.value is None:
        yield f"{what}: {low.reason or high.reason}"
    elif low.value < high.value:
        governor = read_text(folder / files[2]).value or "its governor"
        yield (
            f"{what}: {governor} may choose {low.value:.0f} to {high.value:.0f} MHz; "
            "`sudo jetson_clocks` pins it"
        )


def _fan(root: Path) -> Iterator[str]:
    found = re.findall(r"^\s*FAN_DEFAULT_PROFILE\s+(\S+)", read_all(root / _FAN), re.MULTILINE)
    what = f"times with the fan's profile {_COOLEST}: no data"
    if not found:
        yield f"{what}: /{_FAN} names none; `sudo nvfancontrol -q` tells"
    elif set(found) != {_COOLEST}:
        yield f"{what}: found {', '.join(dict.fromkeys(found))} in /{_FAN}"
