"""Small files of the kernel, read as numbers or with the reason why not."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from edgefer.benchmarks.samples import Reading, no_data

_MOST_BYTES = 4096
# Our choice: enough for the clusters of a Jetson; a server's many cores would cost too much.
_MOST_POLICIES = 16
# Our choice: a sensor that is off reads -256; no board runs outside of this.
_COLDEST, _HOTTEST = -60.0, 200.0


def read_text(path: Path) -> Reading[str]:
    """The stripped text of a small file."""
    try:
        # Python's own files make a TypeError of "try again", the word of a sleeping GPU's sensor.
        descriptor = os.open(path, os.O_RDONLY)
        try:
            found = os.read(descriptor, _MOST_BYTES)
        finally:
            os.close(descriptor)
    except FileNotFoundError:
        return no_data(f"{path} is not there")
    except PermissionError:
        return no_data(f"{path} is not readable by this user")
    except OSError as error:
        return no_data(f"{path}: {error.strerror or error}")
    text = found.decode(errors="replace").strip("\0 \n\t")
    return Reading(text) if text else no_data(f"{path} is empty")


def read_all(path: Path) -> str:
    """A file of any length; empty where it is not readable."""
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""


def read_number(path: Path, unit: float = 1.0) -> Reading[float]:
    """The number in a file, times `unit`."""
    text = read_text(path)
    if text.value is None:
        return no_data(text.reason)
    try:
        number = float(text.value)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        return no_data(f"{path}: expected a number, found {text.value[:40]!r}")
    return Reading(number * unit)


def in_order(paths: Iterable[Path]) -> list[Path]:
    """Paths by the numbers in their names: cpu2 before cpu10."""
    return sorted(paths, key=lambda path: [int(number) for number in re.findall(r"\d+", path.name)])


def temperature(degrees: float) -> float | None:
    """Degrees Celsius, or None for what a sensor says that is off."""
    return degrees if _COLDEST < degrees < _HOTTEST else None


class ThermalZones:
    """The kernel's thermal zones under `root`, by their types."""

    def __init__(self, root: Path) -> None:
        self._zones: list[tuple[str, Path]] = []
        for zone in in_order((root / "sys/class/thermal").glob("thermal_zone*")):
            kind = read_text(zone / "type").value or zone.name
            taken = any(kind == name for name, _ in self._zones)
            self._zones.append((f"{kind} ({zone.name})" if taken else kind, zone / "temp"))

    def read(self) -> Reading[dict[str, float]]:
        """Degrees by zone. A zone of a part that is switched off has none and is left out."""
        found: dict[str, float] = {}
        reason = "no thermal zone"
        for name, path in self._zones:
            read = read_number(path, 1e-3)
            degrees = None if read.value is None else temperature(read.value)
            if degrees is None:
                reason = read.reason or f"{path}: {read.value} degrees are no temperature"
            else:
                found[name] = degrees
        return Reading(found) if found else no_data(reason)


class CpuClock:
    """The highest clock of the CPU's cores in MHz, by cpufreq; of the first 16 policies."""

    def __init__(self, root: Path) -> None:
        folders = in_order((root / "sys/devices/system/cpu/cpufreq").glob("policy*"))
        self._paths: Sequence[Path] = [
            folder / "scaling_cur_freq" for folder in folders[:_MOST_POLICIES]
        ]

    def read(self) -> Reading[float]:
        """The clock now."""
        if not self._paths:
            return no_data("no cpufreq: the clock of this CPU is not the kernel's to tell")
        read = [read_number(path, 1e-3) for path in self._paths]
        known = [one.value for one in read if one.value is not None]
        return Reading(max(known)) if known else no_data(read[0].reason)
