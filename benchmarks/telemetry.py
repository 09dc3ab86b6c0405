"""Watches the machine while a benchmark runs: finds who can tell, and asks many times a second."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Literal

from edgefer.benchmarks.jetson_telemetry import find_jetson
from edgefer.benchmarks.nvml_telemetry import find_nvml
from edgefer.benchmarks.rapl_telemetry import find_rapl
from edgefer.benchmarks.samples import Provider, Reading, Sample, no_data, unknown_sample
from edgefer.benchmarks.tegrastats import find_tegrastats
from edgefer.errors import InputError

# Our choices: clocks and heat change slower than this, and some twenty small files take less than a
# millisecond to read. Sensors on a slow bus take longer, mostly waiting: `Sampler.cost` tells.
RATE = 10.0
_HIGHEST_RATE = 100.0
# Ten minutes at that rate. After them every second sample is given up, as often as it takes.
_MOST_SAMPLES = 6000
_STOP_S = 5.0

_Finder = Callable[[Path, Callable[[], float]], Reading[Provider]]
# The best first: a kernel's files are cheaper than a program, and know more than NVML on a Jetson.
_FINDERS: dict[str, _Finder] = {
    "jetson": find_jetson,
    "tegrastats": find_tegrastats,
    "nvml": find_nvml,
    "rapl": find_rapl,
}


class NoProvider(Provider):
    """Knows nothing, and why."""

    name = "none"

    def __init__(self, reason: str, clock: Callable[[], float] = time.monotonic) -> None:
        self.reason = reason
        self._clock = clock

    def sample(self) -> Sample:
        """A sample without data."""
        return unknown_sample(self._clock(), self.reason)


@dataclass(frozen=True)
class Found:
    """The provider that is used, and why those before it are not, by name."""

    provider: Provider
    passed_over: dict[str, str]


def find_provider(
    root: Path = Path("/"),
    device: Literal["gpu", "cpu"] = "gpu",
    clock: Callable[[], float] = time.monotonic,
) -> Found:
    """The best provider that gives data here; the one named "none" where none does.

    Kernel files are those under `root`. Where a PC's CPU computes, its GPU is not asked: the
    watts of a part that does nothing would be taken for those of the work.
    """
    passed_over: dict[str, str] = {}
    for name, find in _FINDERS.items():
        if name == "nvml" and device == "cpu":
            passed_over[name] = "the CPU computes, and NVML tells of the GPU"
            continue
        found = find(root, clock)
        if found.value is not None:
            return Found(found.value, passed_over)
        passed_over[name] = found.reason
    reason = f"none of {', '.join(passed_over)} gives data on this machine"
    return Found(NoProvider(reason, clock), passed_over)


class Sampler:
    """Asks a provider `rate` times a second, in a thread, from start to stop.

    with Sampler(provider) as sampler:
        run()
    sampler.samples

    The provider stays open. `clock` and `wait` are for tests: `wait` takes seconds and says
    whether to end.
    """

    def __init__(
        self,
        provider: Provider,
        rate: float = RATE,
        most: int = _MOST_SAMPLES,
        clock: Callable[[], float] = time.monotonic,
        wait: Callable[[float], bool] | None = None,
    ) -> None:
        if not 0 < rate <= _HIGHEST_RATE:
            msg = f"rate: expected samples a second above 0 and up to 100, found {rate}"
            raise InputError(msg)
        if most < 2:
            msg = f"samples: expected room for 2 or more, found {most}"
            raise InputError(msg)
        self._provider, self._rate, self._most = provider, rate, most
        self._clock = clock
        self._ending = threading.Event()
        self._wait = wait or self._ending.wait
        self._thread: threading.Thread | None = None
        self._samples: list[Sample] = []
        self._asking = self._begun = self._ended = 0.0

    @property
    def samples(self) -> tuple[Sample, ...]:
        """Those so far, or all of the last run."""
        return tuple(self._samples)

    @property
    def cost(self) -> Reading[float]:
        """The share of the time that asking took: what the watching itself may have cost."""
        if self._ended <= self._begun:
            return no_data("the sampler has not run")
        return Reading(self._asking / (self._ended - self._begun))

    def start(self) -> None:
        """Begin anew; earlier samples are gone."""
        if self._thread is not None:
            msg = "sampler: expected one that does not run, found it running; stop it first"
            raise InputError(msg)
        self._samples, self._asking = [], 0.0
        self._ending.clear()
        self._thread = threading.Thread(target=self._run, name="telemetry", daemon=True)
        self._thread.start()

    def stop(self) -> tuple[Sample, ...]:
        """End, and give the samples. A provider that hangs is left behind after some seconds."""
        self._ending.set()
        if self._thread is not None:
            self._thread.join(_STOP_S)
            self._thread = None
        return self.samples

    def __enter__(self) -> Sampler:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _run(self) -> None:
        interval = 1 / self._rate
        self._begun = due = self._clock()
        while True:
            asked = self._clock()
            self._ask()
            self._ended = self._clock()
            self._asking += self._ended - asked
            # Of an odd number the last one stays, so that the steps are equal.
            if len(self._samples) >= self._most and len(self._samples) % 2:
                self._samples = self._samples[::2]
                interval *= 2
            # A sample that came late does not make the next ones hurry.
            due = max(due + interval, self._ended)
            if self._wait(due - self._ended):
                break
        self._ask()  # the last moment of what was run

    def _ask(self) -> None:
        self._samples.append(ask(self._provider, self._clock))


def ask(provider: Provider, clock: Callable[[], float]) -> Sample:
    """A sample; without data where a provider breaks, which must not break the benchmark."""
    try:
        return provider.sample()
    except Exception as error:
        reason = f"{provider.name} broke: {type(error).__name__}: {error}"
        return unknown_sample(clock(), reason)
