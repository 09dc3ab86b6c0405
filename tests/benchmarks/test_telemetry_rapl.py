"""A PC's CPU: energy counters, who may read them, clocks."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgefer.benchmarks.rapl_telemetry import EnergyCounter, RaplProvider, find_rapl
from tests.benchmarks.telemetry_trees import PC, Clock, machine, refuse

PACKAGE = "sys/class/powercap/intel-rapl:0"


def found(root: Path, clock: Clock) -> RaplProvider:
    provider = find_rapl(root, clock).value
    assert provider is not None
    return provider


def count(root: Path, microjoules: int, package: str = PACKAGE) -> None:
    (root / package / "energy_uj").write_text(f"{microjoules}\n")


def test_power_is_the_mean_since_the_sample_before(tmp_path: Path) -> None:
    root, clock = machine(tmp_path, PC), Clock()
    provider = found(root, clock)
    clock.now += 0.5
    count(root, 262_010_000_000)
    sample = provider.sample()
    assert sample.power.value is not None
    assert sample.power.value.watts == pytest.approx(20)
    assert sample.power.value.rails == ("package-0",)
    assert sample.power.value.covers == "CPU package, without memory and GPU"
    assert sample.counted.value == pytest.approx(262_010)
    assert sample.cpu_clock.value == pytest.approx(3400)
    assert sample.temperatures.value == {"x86_pkg_temp": 61}
    assert not sample.gpu_clock.is_known


def test_a_counter_begins_anew_at_its_end(tmp_path: Path) -> None:
    root, clock = machine(tmp_path, PC), Clock()
    provider = found(root, clock)
    clock.now += 1
    count(root, 6_671_150)  # 143.328850 J to the end, and 6.671150 J since
    sample = provider.sample()
    assert sample.power.value is not None
    assert sample.power.value.watts == pytest.approx(150)
    assert sample.counted.value == pytest.approx(262_150)


def test_a_range_that_is_not_readable_is_no_data(tmp_path: Path) -> None:
    root = machine(tmp_path, PC)
    counter = EnergyCounter(root / PACKAGE)
    assert counter.read().is_known
    (root / PACKAGE / "max_energy_range_uj").unlink()
    count(root, 5)
    assert counter.read().reason.endswith("max_energy_range_uj is not there")


def test_the_first_sample_has_no_power(tmp_path: Path) -> None:
    sample = RaplProvider(machine(tmp_path, PC)).sample()
    assert sample.power.reason == "the first sample of a counter has no power yet"
    assert sample.counted.is_known


def test_two_packages_are_added(tmp_path: Path) -> None:
    second = "sys/class/powercap/intel-rapl:2"
    more = {f"{second}/name": "package-1", f"{second}/energy_uj": "0"}
    root, clock = machine(tmp_path, {**PC, **more}), Clock()
    provider = found(root, clock)
    clock.now += 1
    count(root, 262_030_000_000)
    count(root, 12_000_000, second)
    power = provider.sample().power.value
    assert power is not None
    assert power.watts == pytest.approx(42)
    assert power.covers == "2 CPU packages, without memory and GPU"


def test_energy_that_is_roots(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = machine(tmp_path, PC)
    refuse(monkeypatch, "energy_uj", "max_energy_range_uj")
    sample = found(root, Clock()).sample()
    reason = f"{root / PACKAGE / 'energy_uj'}: readable by root only"
    assert (sample.power.reason, sample.counted.reason) == (reason, reason)
    assert sample.rails["package-0"].reason == reason
    assert sample.cpu_clock.is_known


def test_nothing_at_all(tmp_path: Path) -> None:
    reason = find_rapl(tmp_path).reason
    assert reason.startswith("no packages of RAPL under sys/class/powercap; no cpufreq: ")


def test_a_machine_without_rapl_has_its_clock(tmp_path: Path) -> None:
    files = {name: text for name, text in PC.items() if "powercap" not in name}
    sample = found(machine(tmp_path, files), Clock()).sample()
    assert sample.power.reason == "no packages of RAPL under sys/class/powercap"
    assert sample.cpu_clock.is_known
