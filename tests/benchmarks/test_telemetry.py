"""What a reading is, who is asked, and the thread that asks."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pytest

from edgefer.benchmarks.samples import (
    Provider,
    Reading,
    Sample,
    no_data,
    unknown_sample,
)
from edgefer.benchmarks.telemetry import Sampler, find_provider
from edgefer.benchmarks.telemetry_energy import energy
from edgefer.errors import InputError
from tests.benchmarks.fake_pynvml import ORIN, FakeGpu, plant_pynvml
from tests.benchmarks.telemetry_trees import NANO_6, PC, Clock, drawing, machine
from tests.benchmarks.test_tegrastats import AGX_6, program


@pytest.mark.parametrize(("value", "reason"), [(None, ""), (1, "but not")])
def test_a_reading_is_a_value_or_a_reason(value: int | None, reason: str) -> None:
    with pytest.raises(ValueError, match="expected a value or a reason"):
        Reading(value, reason)


def test_zero_is_a_value() -> None:
    assert Reading(0.0).is_known
    assert str(Reading(0.0)) == "0.0"
    assert str(no_data("no rails")) == "no data: no rails"


def test_a_sample_is_json() -> None:
    record = json.loads(json.dumps(asdict(drawing(1, 5)), allow_nan=False))
    assert record["power"]["value"]["watts"] == 5
    assert record["gpu_load"] == {"value": None, "reason": "this source does not tell"}


@pytest.mark.parametrize("gpu", [None, FakeGpu(**{**ORIN, "name": "Orin (nvgpu)"})])  # type: ignore[arg-type]
def test_a_jetson_is_read_by_its_kernel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gpu: FakeGpu | None
) -> None:
    plant_pynvml(monkeypatch, gpu)
    found = find_provider(machine(tmp_path, NANO_6))
    assert found.provider.name == "jetson"
    assert found.passed_over == {}


def test_tegrastats_where_the_kernel_is_not_readable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant_pynvml(monkeypatch, None)
    found = find_provider(program(tmp_path, f'echo "{AGX_6}"\nexec sleep 60'))
    assert found.provider.name == "tegrastats"
    assert set(found.passed_over) == {"jetson"}
    found.provider.close()


def test_a_pc_is_asked_for_what_computes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plant_pynvml(monkeypatch, FakeGpu())
    root = machine(tmp_path, PC)
    found = find_provider(root)
    assert found.provider.name == "nvml"
    assert set(found.passed_over) == {"jetson", "tegrastats"}
    found.provider.close()
    found = find_provider(root, device="cpu")
    assert found.provider.name == "rapl"
    assert found.passed_over["nvml"] == "the CPU computes, and NVML tells of the GPU"


def test_nothing_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plant_pynvml(monkeypatch, None)
    clock = Clock()
    found = find_provider(tmp_path, clock=clock)
    assert found.provider.name == "none"
    assert set(found.passed_over) == {"jetson", "tegrastats", "nvml", "rapl"}
    sample = found.provider.sample()
    assert sample.time == clock.now
    assert sample.power == sample.gpu_load == sample.temperatures
    assert "pynvml" in found.passed_over["nvml"]
    reason = "none of jetson, tegrastats, nvml, rapl gives data on this machine"
    assert sample.power.reason == reason
    found.provider.close()


class Counting(Provider):
    """Gives the samples that `ask` makes, which may take time or raise."""

    name = "counting"

    def __init__(self, clock: Clock, ask: Callable[[int], None] = lambda n: None) -> None:
        self.clock, self.ask, self.asked = clock, ask, 0

    def sample(self) -> Sample:
        self.asked += 1
        self.ask(self.asked)
        return drawing(self.clock.now, 5)


def run(provider: Counting, until: float, most: int = 6000, rate: float = 10) -> Sampler:
    """Sample by the provider's clock up to that time; no real time passes."""
    clock, over = provider.clock, threading.Event()

    def wait(seconds: float) -> bool:
        clock.now += seconds
        if clock.now >= until:
            over.set()
        return over.is_set()

    sampler = Sampler(provider, rate, most, clock, wait)
    sampler.start()
    assert over.wait(10)
    sampler.stop()
    return sampler


def times(sampler: Sampler) -> list[float]:
    return [round(sample.time - 100, 3) for sample in sampler.samples]


def test_ten_samples_a_second_and_the_last_moment() -> None:
    sampler = run(Counting(Clock()), 100.45)
    assert times(sampler) == [0, 0.1, 0.2, 0.3, 0.4, 0.5]
    assert sampler.cost.value == 0


def test_a_slow_provider_does_not_make_the_next_ones_hurry() -> None:
    clock = Clock()

    def slow(number: int) -> None:
        clock.now += 0.35 if number == 2 else 0.01

    sampler = run(Counting(clock, slow), 100.8)
    steps = [b - a for a, b in zip(times(sampler), times(sampler)[1:])]
    assert min(steps) > 0
    assert sampler.cost.value == pytest.approx(0.5, abs=0.2)


def test_a_long_run_keeps_its_beginning_and_its_end() -> None:
    sampler = run(Counting(Clock()), 110, most=16)
    assert 8 <= len(sampler.samples) <= 18
    assert times(sampler)[0] == 0
    assert times(sampler)[-1] >= 9
    assert len({round(b - a, 2) for a, b in zip(times(sampler), times(sampler)[1:-1])}) == 1


def test_a_provider_that_breaks_does_not_break_the_run() -> None:
    def breaks(number: int) -> None:
        if number >= 3:
            raise OSError(5, "Input/output error")

    samples = run(Counting(Clock(), breaks), 100.95).samples
    assert len(samples) == 11
    assert samples[1].power.is_known
    reason = "counting broke: OSError: [Errno 5] Input/output error"
    assert samples[-1] == unknown_sample(samples[-1].time, reason)
    assert energy(samples, 1).reason == "expected power for 90% of the time, found it for 10%"


def test_a_real_thread_for_a_moment() -> None:
    asked = threading.Event()
    provider = Counting(Clock(), lambda number: asked.set())
    with Sampler(provider, rate=100) as sampler:
        assert asked.wait(10)
        with pytest.raises(InputError, match="stop it first"):
            sampler.start()
    assert len(sampler.samples) >= 2
    assert sampler.stop() == sampler.samples
    assert not any(thread.name == "telemetry" for thread in threading.enumerate())


@pytest.mark.parametrize("rate", [0, -1, 101, float("nan")])
def test_a_rate_that_is_none(rate: float) -> None:
    with pytest.raises(InputError, match="rate: expected samples a second above 0 and up to 100"):
        Sampler(Counting(Clock()), rate)
    with pytest.raises(InputError, match="samples: expected room for 2 or more, found 1"):
        Sampler(Counting(Clock()), most=1)


def test_a_sampler_that_has_not_run() -> None:
    assert Sampler(Counting(Clock())).cost == no_data("the sampler has not run")
