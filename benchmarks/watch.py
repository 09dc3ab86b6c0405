"""Asks the machine how it is between turns, and puts what it said into the record."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from edgefer.benchmarks.samples import Provider, Reading, Sample
from edgefer.benchmarks.telemetry import RATE, Found, ask
from edgefer.benchmarks.telemetry_verdict import Verdict, judge

# The series of a record, and where a sample has them.
_SERIES: dict[str, Callable[[Sample], Reading[Any]]] = {
    "watts": lambda sample: sample.power,
    "gpu_clock_mhz": lambda sample: sample.gpu_clock,
    "gpu_load": lambda sample: sample.gpu_load,
    "cpu_clock_mhz": lambda sample: sample.cpu_clock,
    "temperatures_c": lambda sample: sample.temperatures,
    "power_mode": lambda sample: sample.power_mode,
}


class Watch:
    """Takes a sample when it is called and one is due: between turns, where it disturbs no query.

    A thread would take the interpreter away from a query that is being timed.
    """

    def __init__(
        self, provider: Provider, clock: Callable[[], float] = time.perf_counter, rate: float = RATE
    ) -> None:
        self._provider, self._clock, self._interval = provider, clock, 1 / rate
        self._due = 0.0
        self._asking = 0.0
        self._begun = clock()
        self.samples: list[Sample] = []

    def __call__(self) -> None:
        """Take a sample if the last is old enough."""
        now = self._clock()
        if now < self._due:
            return
        self.samples.append(ask(self._provider, self._clock))
        asked = self._clock()
        self._asking += asked - now
        self._due = asked + self._interval

    @property
    def cost(self) -> float | None:
        """The share of the time since it was made that asking took."""
        passed = self._clock() - self._begun
        return self._asking / passed if passed > 0 else None


def telemetry_record(found: Found, watch: Watch, origin: float) -> dict[str, Any]:
    """What the record says of the machine while it ran; `origin` is when that began, in seconds.

    The samples are in the order of their times. A series that nothing told is None, with its
    reason in `missing`.
    """
    samples = sorted(watch.samples, key=lambda sample: sample.time)
    verdict = judge(samples)
    series: dict[str, Any] = {"time_s": [sample.time - origin for sample in samples]}
    missing: dict[str, str] = {}
    for name, reading in _SERIES.items():
        values = [reading(sample) for sample in samples]
        if any(value.is_known for value in values):
            series[name] = _values(name, [value.value for value in values])
        else:
            series[name] = None
            missing[name] = values[0].reason if values else "no sample was taken"
    return {
        "provider": found.provider.name,
        "passed_over": dict(found.passed_over),
        "cost": watch.cost,
        **_verdict(verdict),
        "series": series,
        "missing": missing,
    }


def _verdict(verdict: Verdict) -> dict[str, Any]:
    unchecked = [*verdict.unchecked, *filter(None, (verdict.valid.reason,))]
    return {
        "valid": verdict.valid.value,
        "reasons": list(verdict.reasons),
        "unchecked": list(dict.fromkeys(unchecked)),
    }


def _values(name: str, values: Sequence[Any]) -> Any:
    if name == "watts":
        return [None if value is None else value.watts for value in values]
    if name != "temperatures_c":
        return list(values)
    known: list[Mapping[str, float]] = [value or {} for value in values]
    zones = dict.fromkeys(zone for zones in known for zone in zones)
    return {zone: [zones.get(zone) for zones in known] for zone in zones}
