"""A GPU behind the names of `pynvml` that edgefer asks for, as nvidia-ml-py 13.615 has them.

Raises NVMLError as the real one does: a subclass for each code, with NVML's own words. The tests
compare its names and arguments with the real module where that is installed.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from types import ModuleType, SimpleNamespace

import pytest

NVML_ERROR_NOT_SUPPORTED = 3
NVML_ERROR_DRIVER_NOT_LOADED = 9


class NVMLError(Exception):
    """The base, which makes its subclasses from codes."""

    def __init__(self, value: int) -> None:
        super().__init__(value)
        self.value = value

    def __str__(self) -> str:
        return {3: "Not Supported", 9: "Driver Not Loaded"}[self.value]


@dataclass
class FakeGpu:
    """What the GPU answers; None is NOT_SUPPORTED, as each is on an Orin."""

    name: str | bytes = "NVIDIA RTX 4060"
    milliwatts: int | None = 61_500
    millijoules: int | None = 1_000_000
    clock: int | None = 2_475
    highest: int | None = 3_105
    load: int | None = 97
    degrees: int | None = 64
    reasons: int | None = 0
    count: int = 1
    driver: bool = True
    opened: int = 0
    asked: list[str] = field(default_factory=list)

    def answer(self, what: str, value: int | None) -> int:
        self.asked.append(what)
        if value is None:
            raise NVMLError(NVML_ERROR_NOT_SUPPORTED)
        return value


ORIN = dict.fromkeys(
    ("milliwatts", "millijoules", "clock", "highest", "load", "degrees", "reasons")
)


def plant_pynvml(monkeypatch: pytest.MonkeyPatch, gpu: FakeGpu | None) -> ModuleType:
    """Put the fake where `import pynvml` finds it; without a GPU, nothing is installed."""
    module = ModuleType("pynvml")
    if gpu is None:
        monkeypatch.setitem(sys.modules, "pynvml", None)
        return module
    module.NVMLError = NVMLError  # type: ignore[attr-defined]
    module.NVML_CLOCK_SM = 1  # type: ignore[attr-defined]
    module.NVML_TEMPERATURE_GPU = 0  # type: ignore[attr-defined]
    for name, function in _functions(gpu).items():
        setattr(module, name, function)
    monkeypatch.setitem(sys.modules, "pynvml", module)
    return module


def _functions(gpu: FakeGpu) -> dict[str, object]:
    def nvmlInit() -> None:
        if not gpu.driver:
            raise NVMLError(NVML_ERROR_DRIVER_NOT_LOADED)
        gpu.opened += 1

    def nvmlShutdown() -> None:
        gpu.opened -= 1

    def nvmlDeviceGetCount() -> int:
        return gpu.count

    def nvmlDeviceGetHandleByIndex(index: int) -> FakeGpu:
        assert index == 0
        return gpu

    def nvmlDeviceGetName(handle: FakeGpu) -> str | bytes:
        return handle.name

    def nvmlDeviceGetPowerUsage(handle: FakeGpu) -> int:
        return handle.answer("power", handle.milliwatts)

    def nvmlDeviceGetTotalEnergyConsumption(handle: FakeGpu) -> int:
        return handle.answer("energy", handle.millijoules)

    def nvmlDeviceGetClockInfo(handle: FakeGpu, type: int) -> int:
        assert type == 1
        return handle.answer("clock", handle.clock)

    def nvmlDeviceGetMaxClockInfo(handle: FakeGpu, type: int) -> int:
        assert type == 1
        return handle.answer("highest", handle.highest)

    def nvmlDeviceGetUtilizationRates(handle: FakeGpu) -> SimpleNamespace:
        return SimpleNamespace(gpu=handle.answer("load", handle.load), memory=12)

    def nvmlDeviceGetTemperature(handle: FakeGpu, sensor: int) -> int:
        assert sensor == 0
        return handle.answer("degrees", handle.degrees)

    def nvmlDeviceGetCurrentClocksEventReasons(handle: FakeGpu) -> int:
        return handle.answer("reasons", handle.reasons)

    return {name: found for name, found in locals().items() if name.startswith("nvml")}
