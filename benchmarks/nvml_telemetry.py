"""An NVIDIA GPU as NVML tells, through nvidia-ml-py.

On an Orin NVML opens and supports none of the queries: that is no data, and no provider.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from edgefer.benchmarks.samples import Power, Provider, Reading, Sample, no_data
from edgefer.benchmarks.sysfs import CpuClock
from edgefer.errors import MissingDependency
from edgefer.imports import require

# Bits of nvmlClocksEventReasons. An idle GPU, and clocks that someone set, are not among them.
_SLOWED = {
    0x4: "power cap of its software",
    0x8: "slowdown of its hardware",
    0x20: "heat, by its software",
    0x40: "heat, by its hardware",
    0x80: "power brake",
}


class NvmlProvider(Provider):
    """The first GPU that NVML lists; `power` is what its driver averages, up to a second of it."""

    name = "nvml"

    def __init__(
        self, library: Any, root: Path = Path("/"), clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Raises the library's NVMLError where it does not open or lists no GPU."""
        self._library, self._clock, self._cpu = library, clock, CpuClock(root)
        self._is_open = False
        library.nvmlInit()
        self._is_open = True
        try:
            gpus = library.nvmlDeviceGetCount()
            self._gpu = library.nvmlDeviceGetHandleByIndex(0)
            name = library.nvmlDeviceGetName(self._gpu)
        except BaseException:
            self.close()
            raise
        self.gpu = name.decode(errors="replace") if isinstance(name, bytes) else str(name)
        others = f", the first of {gpus} GPUs" if gpus > 1 else ""
        self.covers = f"GPU alone: {self.gpu}{others}"

    def sample(self) -> Sample:
        """The GPU now."""
        library = self._library
        milliwatts = self._ask("power", "nvmlDeviceGetPowerUsage")
        millijoules = self._ask("energy", "nvmlDeviceGetTotalEnergyConsumption")
        clock_kind, sensor = library.NVML_CLOCK_SM, library.NVML_TEMPERATURE_GPU
        return Sample(
            time=self._clock(),
            power=_changed(milliwatts, lambda found: Power(found / 1e3, ("GPU",), self.covers)),
            counted=_changed(millijoules, lambda found: found / 1e3),
            rails={"GPU": _changed(milliwatts, lambda found: found / 1e3)},
            gpu_clock=self._ask("clock", "nvmlDeviceGetClockInfo", clock_kind),
            gpu_clock_max=self._ask("highest clock", "nvmlDeviceGetMaxClockInfo", clock_kind),
            gpu_load=self.load(),
            temperatures=_changed(
                self._ask("temperature", "nvmlDeviceGetTemperature", sensor),
                lambda found: {"gpu": float(found)},
            ),
            cpu_clock=self._cpu.read(),
            power_mode=no_data("a GPU under NVML has no named power modes"),
            slowed=self._slowed(),
            alarms=no_data("NVML has no alarms; what holds the clock down is told instead"),
            events=no_data("NVML does not count alarms"),
        )

    def load(self) -> Reading[float]:
        """The share of the time in which the GPU was at work, 0 to 1."""
        rates = self._ask("load", "nvmlDeviceGetUtilizationRates")
        return _changed(rates, lambda found: found.gpu / 100)

    def close(self) -> None:
        """Let NVML go."""
        if self._is_open:
            self._is_open = False
            self._library.nvmlShutdown()

    def _slowed(self) -> Reading[tuple[str, ...]]:
        found = self._ask("clock's reasons", "nvmlDeviceGetCurrentClocksEventReasons")
        if not found.is_known:  # what it is called before driver 535
            found = self._ask("clock's reasons", "nvmlDeviceGetCurrentClocksThrottleReasons")
        return _changed(
            found, lambda bits: tuple(text for bit, text in _SLOWED.items() if bits & bit)
        )

    def _ask(self, what: str, question: str, *arguments: int) -> Reading[Any]:
        function = getattr(self._library, question, None)
        if function is None:
            return no_data(f"the {what} of {self.gpu}: this nvidia-ml-py has no {question}")
        try:
            return Reading(function(self._gpu, *arguments))
        except self._library.NVMLError as error:
            return no_data(f"the {what} of {self.gpu}: NVML says {str(error).lower()}")


def find_nvml(root: Path, clock: Callable[[], float] = time.monotonic) -> Reading[NvmlProvider]:
    """The GPU of this machine, or why NVML does not tell of one. The CPU's clock is `root`'s."""
    try:
        library = require("pynvml", "benchmark")
    except MissingDependency as error:
        return no_data(str(error))
    try:
        provider = NvmlProvider(library, root, clock)
    except library.NVMLError as error:
        return no_data(f"NVML does not open: {error}")
    sample = provider.sample()
    told = (sample.power, sample.counted, sample.gpu_clock, sample.gpu_load)
    if not any(reading.is_known for reading in told):
        provider.close()
        return no_data(f"NVML tells neither power, clock nor load: {sample.power.reason}")
    return Reading(provider)


def _changed(reading: Reading[Any], change: Callable[[Any], Any]) -> Reading[Any]:
    return reading if reading.value is None else Reading(change(reading.value))
