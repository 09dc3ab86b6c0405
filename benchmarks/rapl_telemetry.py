"""A PC's CPU: the energy of its packages by RAPL, its clock and temperatures.

Since Linux 5.10 only root reads the energy; clock and temperatures are anyone's.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path

from edgefer.benchmarks.samples import Power, Provider, Reading, Sample, no_data
from edgefer.benchmarks.sysfs import CpuClock, ThermalZones, in_order, read_number, read_text

# Zones within a package (intel-rapl:0:0), and psys beside them, would be counted twice. AMD's
# packages have these names too.
_PACKAGE = re.compile(r"intel-rapl:\d+")


class EnergyCounter:
    """Joules since it was made, of a counter that begins anew at its end."""

    def __init__(self, folder: Path) -> None:
        self.name = read_text(folder / "name").value or folder.name
        self._count, self._range = folder / "energy_uj", folder / "max_energy_range_uj"
        self._before: float | None = None
        self._turns = 0.0

    def read(self) -> Reading[float]:
        """Joules, or why the counter is not readable."""
        count = read_number(self._count, 1e-6)
        if count.value is None:
            root_only = "not readable by this user" in count.reason
            return no_data(f"{self._count}: readable by root only") if root_only else count
        if self._before is not None and count.value < self._before:
            length = read_number(self._range, 1e-6)
            if length.value is None:
                return length
            self._turns += length.value
        self._before = count.value
        return Reading(self._turns + count.value)


class RaplProvider(Provider):
    """All packages together. Power is the mean since the sample before."""

    name = "rapl"

    def __init__(self, root: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._cpu, self._zones = clock, CpuClock(root), ThermalZones(root)
        self._before: tuple[float, dict[str, float]] | None = None
        folders = in_order((root / "sys/class/powercap").glob("intel-rapl:*"))
        packages = [folder for folder in folders if _PACKAGE.fullmatch(folder.name)]
        counters = [EnergyCounter(folder) for folder in packages]
        self._counters = [one for one in counters if one.name.startswith("package")]

    def sample(self) -> Sample:
        """The CPU now."""
        energies = {counter.name: counter.read() for counter in self._counters}
        now = self._clock()
        counted = self._total(energies)
        rails = self._watts(now, energies)
        return Sample(
            time=now,
            power=self._power(rails, counted),
            counted=counted,
            rails=rails,
            temperatures=self._zones.read(),
            cpu_clock=self._cpu.read(),
            power_mode=no_data("a PC has no named power modes"),
        )

    def _total(self, energies: dict[str, Reading[float]]) -> Reading[float]:
        if not energies:
            return no_data("no packages of RAPL under sys/class/powercap")
        joules = 0.0
        for energy in energies.values():
            if energy.value is None:
                return energy
            joules += energy.value
        return Reading(joules)

    def _watts(self, now: float, energies: dict[str, Reading[float]]) -> dict[str, Reading[float]]:
        known = {name: one.value for name, one in energies.items() if one.value is not None}
        before, self._before = self._before, (now, known)
        watts: dict[str, Reading[float]] = {}
        for name, energy in energies.items():
            if energy.value is None:
                watts[name] = energy
            elif before is None or name not in before[1] or now <= before[0]:
                watts[name] = no_data("the first sample of a counter has no power yet")
            else:
                watts[name] = Reading((energy.value - before[1][name]) / (now - before[0]))
        return watts

    def _power(self, rails: dict[str, Reading[float]], counted: Reading[float]) -> Reading[Power]:
        if not counted.is_known:
            return no_data(counted.reason)
        watts = 0.0
        for rail in rails.values():
            if rail.value is None:
                return no_data(rail.reason)
            watts += rail.value
        packages = f"{len(rails)} CPU packages" if len(rails) > 1 else "CPU package"
        return Reading(Power(watts, tuple(rails), f"{packages}, without memory and GPU"))


def find_rapl(root: Path, clock: Callable[[], float] = time.monotonic) -> Reading[RaplProvider]:
    """The CPU under `root`; without its energy too, where the clock or a temperature is there."""
    provider = RaplProvider(root, clock)
    sample = provider.sample()
    if any(one.is_known for one in (sample.counted, sample.cpu_clock, sample.temperatures)):
        return Reading(provider)
    return no_data(f"{sample.counted.reason}; {sample.cpu_clock.reason}")
