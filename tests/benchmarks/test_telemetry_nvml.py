"""A desktop GPU, an Orin and a Thor through a fake of nvidia-ml-py."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest

from edgefer.benchmarks.nvml_telemetry import find_nvml
from edgefer.benchmarks.samples import Sample
from tests.benchmarks.fake_pynvml import ORIN, FakeGpu, _functions, plant_pynvml
from tests.benchmarks.telemetry_trees import PC, Clock, machine


def sampled(root: Path, gpu: FakeGpu, monkeypatch: pytest.MonkeyPatch) -> Sample:
    plant_pynvml(monkeypatch, gpu)
    provider = find_nvml(root, Clock()).value
    assert provider is not None
    sample = provider.sample()
    provider.close()
    provider.close()
    assert gpu.opened == 0
    return sample


def test_a_desktop_gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sample = sampled(machine(tmp_path, PC), FakeGpu(), monkeypatch)
    assert sample.time == 100
    assert sample.power.value is not None
    assert sample.power.value.watts == 61.5
    assert sample.power.value.covers == "GPU alone: NVIDIA RTX 4060"
    assert sample.counted.value == 1000
    assert (sample.gpu_clock.value, sample.gpu_clock_max.value) == (2475, 3105)
    assert sample.gpu_load.value == 0.97
    assert sample.temperatures.value == {"gpu": 64}
    assert sample.cpu_clock.value == pytest.approx(3400)
    assert sample.slowed.value == ()


def test_a_load_of_nothing_is_a_load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert sampled(tmp_path, FakeGpu(load=0), monkeypatch).gpu_load.value == 0


@pytest.mark.parametrize(
    ("bits", "causes"),
    [
        (0x1 | 0x2, ()),  # idle, and clocks that someone set
        (0x4, ("power cap of its software",)),
        (0x20 | 0x40, ("heat, by its software", "heat, by its hardware")),
    ],
)
def test_what_holds_the_clock_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bits: int, causes: tuple[str, ...]
) -> None:
    assert sampled(tmp_path, FakeGpu(reasons=bits), monkeypatch).slowed.value == causes


def test_an_old_driver_has_the_reasons_by_their_old_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = plant_pynvml(monkeypatch, FakeGpu(reasons=0x40))
    new = module.__dict__.pop("nvmlDeviceGetCurrentClocksEventReasons")
    module.__dict__["nvmlDeviceGetCurrentClocksThrottleReasons"] = new
    provider = find_nvml(tmp_path).value
    assert provider is not None
    assert provider.sample().slowed.value == ("heat, by its hardware",)


def test_two_gpus_and_a_name_in_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sample = sampled(tmp_path, FakeGpu(name=b"Tesla T4", count=2), monkeypatch)
    assert sample.power.value is not None
    assert sample.power.value.covers == "GPU alone: Tesla T4, the first of 2 GPUs"


def test_an_orin_supports_nothing_and_that_is_not_0(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    orin = FakeGpu(**{**ORIN, "name": "Orin (nvgpu)"})  # type: ignore[arg-type]
    plant_pynvml(monkeypatch, orin)
    reason = find_nvml(tmp_path).reason
    assert reason == (
        "NVML tells neither power, clock nor load: "
        "the power of Orin (nvgpu): NVML says not supported"
    )
    assert orin.opened == 0


def test_a_gpu_that_supports_some(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    thor = FakeGpu(**{**ORIN, "name": "NVIDIA Thor", "load": 98})  # type: ignore[arg-type]
    sample = sampled(tmp_path, thor, monkeypatch)
    assert sample.gpu_load.value == 0.98
    assert sample.power.reason == "the power of NVIDIA Thor: NVML says not supported"
    assert sample.temperatures.reason.endswith("not supported")
    assert not sample.gpu_clock.is_known


@pytest.mark.parametrize(
    ("gpu", "reason"),
    [
        (None, "pynvml is not installed; run: pip install 'edgefer[benchmark]'"),
        (FakeGpu(driver=False), "NVML does not open: Driver Not Loaded"),
    ],
)
def test_no_nvml(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gpu: FakeGpu | None, reason: str
) -> None:
    plant_pynvml(monkeypatch, gpu)
    if gpu is None:
        assert "pynvml" in find_nvml(tmp_path).reason
    else:
        assert find_nvml(tmp_path).reason == reason


def test_the_fake_has_the_surface_of_the_real_one() -> None:
    real = pytest.importorskip("pynvml", reason="nvidia-ml-py is not installed")
    for name, function in _functions(FakeGpu()).items():
        assert callable(function)
        arguments = list(inspect.signature(getattr(real, name)).parameters)
        assert arguments == list(inspect.signature(function).parameters)
    assert (real.NVML_CLOCK_SM, real.NVML_TEMPERATURE_GPU) == (1, 0)
    assert str(real.NVMLError(3)) == "Not Supported"
    assert str(real.NVMLError(9)) == "Driver Not Loaded"
    assert real.nvmlClocksEventReasonSwPowerCap == 0x4
    assert real.nvmlClocksEventReasonHwThermalSlowdown == 0x40
