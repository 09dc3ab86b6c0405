"""Jetsons as their kernels' files show them: JetPack 6 and 7.2 on Orin, 7.1 on Thor."""

from __future__ import annotations

import errno
import os
from dataclasses import replace
from pathlib import Path

import pytest

from edgefer.benchmarks import sysfs
from edgefer.benchmarks.jetson_rails import total_power
from edgefer.benchmarks.jetson_telemetry import JetsonProvider, find_jetson
from edgefer.benchmarks.samples import Reading, no_data
from edgefer.benchmarks.telemetry_verdict import judge
from tests.benchmarks.fake_pynvml import ORIN, FakeGpu, plant_pynvml
from tests.benchmarks.telemetry_trees import AGX_72, NANO_6, PC, THOR_71, alert, machine, refuse


@pytest.fixture(autouse=True)
def no_nvml(monkeypatch: pytest.MonkeyPatch) -> None:
    plant_pynvml(monkeypatch, None)


def found(root: Path) -> JetsonProvider:
    provider = find_jetson(root).value
    assert provider is not None
    return provider


def watts(rails: dict[str, Reading[float]]) -> dict[str, float]:
    return {name: round(one.value, 3) for name, one in rails.items() if one.value is not None}


def test_an_orin_nano_with_jetpack_6(tmp_path: Path) -> None:
    sample = found(machine(tmp_path, NANO_6)).sample()
    assert sample.power.value is not None
    assert sample.power.value.watts == pytest.approx(6.0)
    assert sample.power.value.rails == ("VDD_IN",)
    assert sample.power.value.covers == "the module's input, not wall power"
    assert watts(sample.rails) == {"VDD_IN": 6.0, "VDD_CPU_GPU_CV": 2.0, "VDD_SOC": 1.5}
    assert sample.gpu_clock.value == pytest.approx(612)
    assert sample.gpu_clock_max.value == pytest.approx(1020)
    assert sample.gpu_load.value == pytest.approx(0.437)
    # cv0 is switched off and says -256.
    assert sample.temperatures.value == pytest.approx(
        {"cpu-thermal": 48.562, "gpu-thermal": 49.625, "tj-thermal": 49.312}
    )
    assert sample.cpu_clock.value == pytest.approx(1728)
    assert sample.power_mode.value == "MAXN_SUPER"
    assert sample.alarms.value == ()
    assert sample.events.value == {"oc1": 0, "oc2": 0, "oc3": 2}


def test_an_agx_orin_with_jetpack_7_2_is_the_sum_of_three_rails(tmp_path: Path) -> None:
    sample = found(machine(tmp_path, AGX_72)).sample()
    assert sample.power.value is not None
    assert sample.power.value.watts == pytest.approx(2.4 + 1.6 + 4.5)
    assert sample.power.value.covers == "module rails, not wall power"
    assert watts(sample.rails)["VDDQ_VDD2_1V8AO"] == pytest.approx(0.4)
    assert "NC" not in sample.rails
    assert sample.gpu_load.value == pytest.approx(0.96)
    assert sample.events.reason == "no counters of over-current"


def test_a_thor_with_jetpack_7_1(tmp_path: Path) -> None:
    sample = found(machine(tmp_path, THOR_71)).sample()
    assert sample.power.value is not None
    assert sample.power.value.watts == pytest.approx(-0.4 + 4 + 5)
    assert sample.power.value.rails == ("VDD_GPU", "VDD_CPU_SOC_MSS", "VIN_SYS_5V0")
    assert watts(sample.rails)["VIN"] == 15
    assert sample.gpu_clock.value == pytest.approx(1575)
    assert sample.gpu_load.reason == "this kernel has no file for the GPU's load"


def test_the_load_of_a_thor_is_nvmls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    thor = FakeGpu(**{**ORIN, "name": "NVIDIA Thor", "load": 98})  # type: ignore[arg-type]
    plant_pynvml(monkeypatch, thor)
    provider = found(machine(tmp_path, THOR_71))
    thor.asked.clear()
    sample = provider.sample()
    assert sample.gpu_load.value == 0.98
    assert thor.asked == ["load"]
    provider.close()
    provider.close()
    assert thor.opened == 0


def test_an_orin_does_not_ask_nvml(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    orin = FakeGpu(**{**ORIN, "name": "Orin (nvgpu)"})  # type: ignore[arg-type]
    plant_pynvml(monkeypatch, orin)
    found(machine(tmp_path, NANO_6)).sample()
    assert orin.asked == []


def test_alarms_of_current_and_heat(tmp_path: Path) -> None:
    root = machine(tmp_path, NANO_6)
    provider = found(root)
    (root / "sys/class/hwmon/hwmon1/curr1_crit_alarm").write_text("1\n")
    machine(root, alert(1, "gpu-throttle-alert", "3"))
    sample = provider.sample()
    assert sample.alarms.value == ("over-current of VDD_IN", "gpu-throttle-alert")
    (root / "sys/class/hwmon/hwmon3/oc3_event_cnt").write_text("9\n")
    reasons = judge([replace(sample, events=Reading({"oc3": 2})), provider.sample()]).reasons
    assert "over-current: counter oc3 rose by 7" in reasons


def test_a_mode_is_seen_to_change(tmp_path: Path) -> None:
    root = machine(tmp_path, NANO_6)
    provider = found(root)
    assert provider.sample().power_mode.value == "MAXN_SUPER"
    (root / "var/lib/nvpmodel/status").write_text("pmode:0000\n")
    assert provider.sample().power_mode.value == "15W"
    (root / "var/lib/nvpmodel/status").write_text("pmode:0007\n")
    assert provider.sample().power_mode.reason.endswith("has no name for 'pmode:0007'")
    (root / "var/lib/nvpmodel/status").unlink()
    assert provider.sample().power_mode.reason.endswith("status is not there")


def test_a_gpu_without_power_has_no_clock(tmp_path: Path) -> None:
    root = machine(tmp_path, NANO_6)
    provider = found(root)
    (root / "sys/class/devfreq/17000000.gpu/cur_freq").write_text("0\n")
    assert provider.sample().gpu_clock.reason == "the GPU is switched off"


def test_a_sleeping_sensor_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    provider = found(machine(tmp_path, NANO_6))
    sleeping = str(tmp_path / "sys/class/thermal/thermal_zone1/temp")
    opened: dict[int, str] = {}
    real_open, real_read = os.open, os.read

    def remember(path: Path, flags: int) -> int:
        opened[descriptor := real_open(path, flags)] = str(path)
        return descriptor

    def read(descriptor: int, count: int) -> bytes:
        if opened.get(descriptor) == sleeping:
            raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")
        return real_read(descriptor, count)

    monkeypatch.setattr(sysfs.os, "open", remember)
    monkeypatch.setattr(sysfs.os, "read", read)
    temperatures = provider.sample().temperatures.value
    assert temperatures is not None
    assert set(temperatures) == {"cpu-thermal", "tj-thermal"}


def test_a_part_of_a_sum_is_no_sum(tmp_path: Path) -> None:
    root = machine(tmp_path, AGX_72)
    provider = found(root)
    folder = root / "sys/bus/i2c/devices/1-0040/hwmon/hwmon2"
    (folder / "curr2_input").write_text("busy\n")
    sample = provider.sample()
    assert sample.power.reason.startswith("rail VDD_CPU_CV: ")
    assert "expected a number, found 'busy'" in sample.power.reason
    assert watts(sample.rails)["VDD_GPU_SOC"] == pytest.approx(2.4)


def test_rails_of_an_unknown_board_are_not_added() -> None:
    power = total_power({"VDD_A": Reading(1.0), "VDD_B": Reading(2.0)})
    assert power == no_data("which of VDD_A, VDD_B add up to the module's power is not known")
    assert total_power({}) == no_data("no power rails")


def test_only_the_boards_input_is_the_boards_input() -> None:
    power = total_power({"VIN": Reading(15.0)}).value
    assert power is not None
    assert power.covers == "the board's input, not wall power"


@pytest.mark.parametrize("files", [{}, PC])
def test_a_machine_that_is_no_jetson(tmp_path: Path, files: dict[str, str]) -> None:
    reason = find_jetson(machine(tmp_path, files)).reason
    assert reason == "no power rails and no GPU of a Jetson in this kernel's files"


def test_files_that_are_roots(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = machine(tmp_path, NANO_6)
    with monkeypatch.context() as patch:
        refuse(patch, "curr1_input", "curr2_input", "curr3_input", "cur_freq")
        assert find_jetson(root).reason == "neither a power rail nor the GPU's clock is readable"
    refuse(monkeypatch, "_input")
    sample = found(root).sample()
    assert sample.power.reason.startswith("rail VDD_IN: ")
    assert sample.power.reason.endswith("in1_input is not readable by this user")
    assert sample.gpu_clock.is_known
