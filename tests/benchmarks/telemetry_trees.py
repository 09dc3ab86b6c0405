"""Machines as their kernels' files: layouts as recorded on boards, with round numbers."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from edgefer.benchmarks import sysfs
from edgefer.benchmarks.samples import Power, Reading, Sample

MODES = """\
< POWER_MODEL ID=0 NAME=15W >
< POWER_MODEL ID=1 NAME=25W >
< POWER_MODEL ID=2 NAME=MAXN_SUPER >
"""


def rail(folder: str, channel: int, label: str, mv: int, ma: int) -> dict[str, str]:
    """A channel of an ina3221."""
    return {
        f"{folder}/in{channel}_label": label,
        f"{folder}/in{channel}_enable": "1",
        f"{folder}/in{channel}_input": str(mv),
        f"{folder}/curr{channel}_input": str(ma),
        f"{folder}/curr{channel}_crit_alarm": "0",
        f"{folder}/curr{channel}_max_alarm": "0",
    }


def zone(number: int, kind: str, millidegrees: str) -> dict[str, str]:
    folder = f"sys/class/thermal/thermal_zone{number}"
    return {f"{folder}/type": kind, f"{folder}/temp": millidegrees}


def alert(number: int, kind: str, state: str = "0") -> dict[str, str]:
    folder = f"sys/class/thermal/cooling_device{number}"
    return {f"{folder}/type": kind, f"{folder}/cur_state": state}


def gpu(node: str, current: int, highest: int) -> dict[str, str]:
    folder = f"sys/class/devfreq/{node}"
    return {f"{folder}/cur_freq": str(current), f"{folder}/max_freq": str(highest)}


def counters(hwmon: int, oc3: int = 0) -> dict[str, str]:
    folder = f"sys/class/hwmon/hwmon{hwmon}"
    counts = {1: 0, 2: 0, 3: oc3}
    return {
        f"{folder}/name": "soctherm_oc",
        **{f"{folder}/oc{n}_event_cnt": str(count) for n, count in counts.items()},
        **{f"{folder}/oc{n}_throt_en": "1" for n in counts},
    }


_MODE = {
    "var/lib/nvpmodel/status": "pmode:0002 fmode:quiet\n",
    "etc/nvpmodel.conf": MODES,
    "sys/devices/system/cpu/cpufreq/policy0/scaling_cur_freq": "1728000\n",
    "sys/devices/system/cpu/cpufreq/policy4/scaling_cur_freq": "729600\n",
    "sys/class/devfreq/bwmgr/cur_freq": "3199000000\n",
}

# Orin Nano, JetPack 6: VDD_IN is the module's input; an empty sum of shunt voltages.
_NANO = "sys/class/hwmon/hwmon1"
NANO_6 = {
    **_MODE,
    f"{_NANO}/name": "ina3221",
    **rail(_NANO, 1, "VDD_IN", 5000, 1200),
    **rail(_NANO, 2, "VDD_CPU_GPU_CV", 5000, 400),
    **rail(_NANO, 3, "VDD_SOC", 5000, 300),
    f"{_NANO}/in7_label": "sum of shunt voltages",
    f"{_NANO}/in7_input": "1000",
    **gpu("17000000.gpu", 612_000_000, 1_020_000_000),
    "sys/devices/platform/gpu.0/load": "437\n",
    **zone(0, "cpu-thermal", "48562"),
    **zone(1, "gpu-thermal", "49625"),
    **zone(2, "cv0-thermal", "-256000"),
    **zone(8, "tj-thermal", "49312"),
    **counters(3, oc3=2),
    **alert(0, "pwm-fan", "2"),
    **alert(1, "gpu-throttle-alert"),
}

# AGX Orin, JetPack 7.2: two monitors under i2c only, with channels that are not connected.
_FIRST, _SECOND = (f"sys/bus/i2c/devices/1-004{n}/hwmon/hwmon{n + 2}" for n in (0, 1))
AGX_72 = {
    **_MODE,
    f"{_FIRST}/name": "ina3221",
    **rail(_FIRST, 1, "VDD_GPU_SOC", 20000, 120),
    **rail(_FIRST, 2, "VDD_CPU_CV", 20000, 80),
    **rail(_FIRST, 3, "VIN_SYS_5V0", 5000, 900),
    f"{_SECOND}/name": "ina3221",
    **rail(_SECOND, 1, "NC", 0, 0),
    **rail(_SECOND, 2, "VDDQ_VDD2_1V8AO", 5000, 80),
    **rail(_SECOND, 3, "NC", 0, 0),
    **gpu("17000000.gpu", 1_300_500_000, 1_300_500_000),
    "sys/class/devfreq/17000000.gpu/device/load": "960\n",
    **zone(0, "cpu-thermal", "52968"),
}

# AGX Thor, JetPack 7.1: no load, a GPU at rest below 0 mA, and the board's input by an ina238.
_THOR = "sys/class/hwmon/hwmon4"
THOR_71 = {
    **_MODE,
    f"{_THOR}/name": "ina3221",
    **rail(_THOR, 1, "VDD_GPU", 20000, -20),
    **rail(_THOR, 2, "VDD_CPU_SOC_MSS", 20000, 200),
    **rail(_THOR, 3, "VIN_SYS_5V0", 5000, 1000),
    "sys/class/hwmon/hwmon2/name": "ina238",
    "sys/class/hwmon/hwmon2/label": "VIN",
    "sys/class/hwmon/hwmon2/in1_input": "20000",
    "sys/class/hwmon/hwmon2/curr1_input": "750",
    "sys/class/hwmon/hwmon2/power1_input": "15000000",
    **gpu("gpu-gpc-0", 1_575_000_000, 1_575_000_000),
    **gpu("gpu-nvd-0", 900_000_000, 900_000_000),
    **zone(0, "tj-thermal", "55100"),
    **counters(5),
}

# A desktop with RAPL: package, its parts, psys beside it, and the second way to the package.
_RAPL = "sys/class/powercap"
PC = {
    f"{_RAPL}/intel-rapl:0/name": "package-0",
    f"{_RAPL}/intel-rapl:0/energy_uj": "262000000000",
    f"{_RAPL}/intel-rapl:0/max_energy_range_uj": "262143328850",
    f"{_RAPL}/intel-rapl:0:0/name": "core",
    f"{_RAPL}/intel-rapl:0:0/energy_uj": "1000000",
    f"{_RAPL}/intel-rapl:1/name": "psys",
    f"{_RAPL}/intel-rapl:1/energy_uj": "7000000",
    f"{_RAPL}/intel-rapl-mmio:0/name": "package-0",
    f"{_RAPL}/intel-rapl-mmio:0/energy_uj": "5000000",
    "sys/devices/system/cpu/cpufreq/policy0/scaling_cur_freq": "3400000",
    "sys/devices/system/cpu/cpufreq/policy10/scaling_cur_freq": "800000",
    **zone(0, "x86_pkg_temp", "61000"),
}


def machine(root: Path, files: dict[str, str]) -> Path:
    """Write the files under `root`."""
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def refuse(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    """Files with these ends of their names are root's; the tests may run as root."""
    real = os.open

    def opened(path: Path, flags: int) -> int:
        if str(path).endswith(names):
            raise PermissionError(13, "Permission denied")
        return real(path, flags)

    monkeypatch.setattr(sysfs.os, "open", opened)


class Clock:
    """Seconds that pass when they are told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def drawing(time: float, watts: float, covers: str = "module") -> Sample:
    """A sample in which only the power is known."""
    return Sample(time, power=Reading(Power(watts, ("VDD_IN",), covers)))
