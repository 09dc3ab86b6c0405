"""A Jetson as its kernel shows it: rails, clocks, load, temperatures, power mode and alarms.

Nothing here needs root. NVML is asked for the GPU's load where the kernel has none, as on a Thor.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path

from edgefer.benchmarks.jetson_rails import find_rails, total_power
from edgefer.benchmarks.nvml_telemetry import NvmlProvider, find_nvml
from edgefer.benchmarks.samples import Provider, Reading, Sample, no_data
from edgefer.benchmarks.sysfs import (
    CpuClock,
    ThermalZones,
    in_order,
    read_all,
    read_number,
    read_text,
)
from edgefer.jetson import power_mode

# 17000000.ga10b until JetPack 6, 17000000.gpu until 7 on Orin, gpu-gpc-0 on Thor.
_GPU_NODE = re.compile(r"(.*\.)?(gpu|ga10b|gv11b)|gpu-gpc-0")
_LOADS = (
    "sys/devices/platform/gpu.0/load",
    "sys/devices/platform/17000000.gpu/load",
    "sys/devices/platform/bus@0/17000000.gpu/load",
    "sys/devices/platform/17000000.ga10b/load",
)


class JetsonProvider(Provider):
    """Reads the files that it found when it was made; `nvml` is for a kernel without a load."""

    name = "jetson"

    def __init__(self, root: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self.rails = find_rails(root)
        self.gpu = find_gpu(root)
        self.load = _find_load(root, self.gpu)
        self.nvml: NvmlProvider | None = None
        self._zones, self._cpu = ThermalZones(root), CpuClock(root)
        self._status = root / "var/lib/nvpmodel/status"
        self._modes = root / "etc/nvpmodel.conf"
        # Once: it changes with an update of the system only.
        self._names = read_all(self._modes)
        self._alerts = _throttle_alerts(root)
        self._counters = _event_counters(root)

    def sample(self) -> Sample:
        """The board now."""
        rails = {rail.name: rail.read() for rail in self.rails}
        return Sample(
            time=self._clock(),
            power=total_power(rails),
            counted=no_data("a Jetson has no meter of energy"),
            rails=rails,
            gpu_clock=self._gpu_clock("cur_freq"),
            gpu_clock_max=self._gpu_clock("max_freq"),
            gpu_load=self._gpu_load(),
            temperatures=self._zones.read(),
            cpu_clock=self._cpu.read(),
            power_mode=self._power_mode(),
            slowed=no_data("the driver of a Jetson does not say what holds its clock down"),
            alarms=self._alarms(),
            events=self._events(),
        )

    def close(self) -> None:
        """Let NVML go."""
        if self.nvml is not None:
            self.nvml.close()

    def _gpu_clock(self, file: str) -> Reading[float]:
        if self.gpu is None:
            return no_data("no GPU under sys/class/devfreq")
        found = read_number(self.gpu / file, 1e-6)
        # Without power the GPU has no clock.
        return no_data("the GPU is switched off") if found.value == 0 else found

    def _gpu_load(self) -> Reading[float]:
        if self.load is not None:
            return read_number(self.load, 1e-3)
        if self.nvml is not None:
            return self.nvml.load()
        return no_data("this kernel has no file for the GPU's load")

    def _power_mode(self) -> Reading[str]:
        status = read_text(self._status)
        if status.value is None:
            return no_data(status.reason)
        name = power_mode(status.value, self._names)
        if name is None:
            return no_data(f"{self._modes} has no name for {status.value[:40]!r}")
        return Reading(name)

    def _alarms(self) -> Reading[tuple[str, ...]]:
        watched = [rail for rail in self.rails if rail.alarm.exists()]
        if not watched and not self._alerts:
            return no_data("no alarm of a rail or a temperature")
        over = [f"over-current of {rail.name}" for rail in watched if rail.is_over]
        hot = [name for name, path in self._alerts if (read_number(path).value or 0) > 0]
        return Reading((*over, *hot))

    def _events(self) -> Reading[dict[str, int]]:
        counts: dict[str, int] = {}
        for path in self._counters:
            count = read_number(path)
            if count.value is None:
                return no_data(count.reason)
            counts[path.name.removesuffix("_event_cnt")] = int(count.value)
        return Reading(counts) if counts else no_data("no counters of over-current")


def find_jetson(root: Path, clock: Callable[[], float] = time.monotonic) -> Reading[JetsonProvider]:
    """The board under `root`, or why it is none that can be read."""
    provider = JetsonProvider(root, clock)
    if provider.gpu is None and not provider.rails:
        return no_data("no power rails and no GPU of a Jetson in this kernel's files")
    if not any(rail.read().is_known for rail in provider.rails) and not _is_clock_known(provider):
        return no_data("neither a power rail nor the GPU's clock is readable")
    if provider.load is None:
        provider.nvml = find_nvml(root, clock).value
    return Reading(provider)


def find_gpu(root: Path) -> Path | None:
    """The folder of the GPU's clock."""
    nodes = sorted((root / "sys/class/devfreq").glob("*"))
    return next((node for node in nodes if _GPU_NODE.fullmatch(node.name)), None)


def _is_clock_known(provider: JetsonProvider) -> bool:
    return provider.gpu is not None and read_number(provider.gpu / "cur_freq").is_known


def _find_load(root: Path, gpu: Path | None) -> Path | None:
    paths = [root / load for load in _LOADS]
    if gpu is not None:
        paths.insert(0, gpu / "device/load")
    return next((path for path in paths if read_number(path).is_known), None)


def _throttle_alerts(root: Path) -> list[tuple[str, Path]]:
    """Cooling devices whose state is above 0 while heat holds a part down."""
    found = []
    for device in in_order((root / "sys/class/thermal").glob("cooling_device*")):
        kind = read_text(device / "type").value or ""
        if kind.endswith("-throttle-alert"):
            found.append((kind, device / "cur_state"))
    return found


def _event_counters(root: Path) -> list[Path]:
    """Counters of under-voltage (oc1), average (oc2) and instantaneous over-current (oc3)."""
    for folder in in_order((root / "sys/class/hwmon").glob("hwmon*")):
        if read_text(folder / "name").value == "soctherm_oc":
            return in_order(folder.glob("oc*_event_cnt"))
    return []
