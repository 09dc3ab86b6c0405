"""Whether the machine held still while a benchmark ran.

Every limit here is our choice: NVIDIA publishes none for it. They are in the messages.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from edgefer.benchmarks.samples import Reading, Sample, no_data

# A GPU this busy would run at its highest clock if nothing held it down.
HIGH_LOAD = 0.9
# Clocks come in steps, so a little below the highest is still the highest.
LOW_CLOCK = 0.95
# A governor takes some samples to raise the clock at the beginning.
MOST_SLOW = 0.1
# A machine that is still warming up gives other times later on.
MOST_RISE = 10.0
# Medians of so many samples at either end: one reading may be off.
_ENDS = 5


@dataclass(frozen=True)
class Verdict:
    """Whether times measured meanwhile count: True, False, or no data where nothing was told.

    `reasons` are why they do not count, `unchecked` is what could not be judged, with its reason.
    """

    valid: Reading[bool]
    reasons: tuple[str, ...]
    unchecked: tuple[str, ...]


def judge(samples: Sequence[Sample], most_rise: float = MOST_RISE) -> Verdict:
    """Look for throttling, for alarms, for a change of the power mode, and for heat.

    Throttling is a GPU whose clock is below 95 % of its highest in over 10 % of the samples in
    which its load is 90 % or more, or that its driver says is slowed in as many. A zone that gets
    warmer by more than `most_rise` degrees makes the run invalid too. All are our choice.
    """
    if not samples:
        return Verdict(no_data("no samples were taken"), (), ())
    checks = {
        "throttling": _throttling(samples),
        "alarms": _alarms(samples),
        "power mode": _mode(samples),
        "temperature": _heat(samples, most_rise),
    }
    reasons = tuple(text for found in checks.values() for text in found.value or ())
    unchecked = tuple(
        f"{name}: {found.reason}" for name, found in checks.items() if not found.is_known
    )
    held_down = (checks["throttling"], checks["alarms"])
    if reasons:
        valid: Reading[bool] = Reading(False)
    elif any(check.is_known for check in held_down):
        valid = Reading(True)
    else:
        valid = no_data(f"throttling could not be judged: {held_down[0].reason}")
    return Verdict(valid, reasons, unchecked)


def _throttling(samples: Sequence[Sample]) -> Reading[tuple[str, ...]]:
    lowered = tuple(_highest_clock_changed(samples))
    told = [sample for sample in samples if sample.slowed.is_known]
    judged = _slowed(told) if told else _clock_below(samples)
    if judged.value is None and not lowered:
        return judged
    return Reading((*lowered, *(judged.value or ())))


def _highest_clock_changed(samples: Sequence[Sample]) -> Iterator[str]:
    """A kernel that cools a GPU lowers the highest clock that it shows."""
    highest = [s.gpu_clock_max.value for s in samples if s.gpu_clock_max.value is not None]
    if highest and min(highest) < max(highest):
        yield (
            f"the GPU's highest clock was between {min(highest):.0f} and {max(highest):.0f} MHz; "
            "expected it to stay: let it cool, or leave its power mode alone"
        )


def _slowed(samples: Sequence[Sample]) -> Reading[tuple[str, ...]]:
    """By the driver's word; a GPU without a known load counts as busy."""
    busy = [s for s in samples if s.gpu_load.value is None or s.gpu_load.value >= HIGH_LOAD]
    if not any(sample.slowed.value for sample in samples):
        return Reading(())
    if not busy:
        return no_data(_never_busy(samples))
    slow = [sample for sample in busy if sample.slowed.value]
    if len(slow) <= MOST_SLOW * len(busy):
        return Reading(())
    causes = sorted({cause for sample in slow for cause in sample.slowed.value or ()})
    share = len(slow) / len(busy)
    return Reading((f"throttling: the GPU was slowed in {share:.0%}: {', '.join(causes)}",))


def _clock_below(samples: Sequence[Sample]) -> Reading[tuple[str, ...]]:
    for name in ("gpu_load", "gpu_clock", "gpu_clock_max"):
        found: list[Reading[float]] = [getattr(sample, name) for sample in samples]
        if not any(reading.is_known for reading in found):
            return no_data(f"{name.replace('_', ' ').replace('gpu', 'GPU')}: {found[0].reason}")
    triples = [(s.gpu_load.value, s.gpu_clock.value, s.gpu_clock_max.value) for s in samples]
    busy = [
        (clock, highest)
        for load, clock, highest in triples
        if load is not None and clock is not None and highest is not None and load >= HIGH_LOAD
    ]
    if not busy:
        return no_data(_never_busy(samples))
    slow = [pair for pair in busy if pair[0] < LOW_CLOCK * pair[1]]
    if len(slow) <= MOST_SLOW * len(busy):
        return Reading(())
    clock, highest = min(slow)
    return Reading(
        (
            f"throttling: the GPU's clock was below {LOW_CLOCK:.0%} of its highest in "
            f"{len(slow) / len(busy):.0%} of the samples at high load, down to {clock:.0f} of "
            f"{highest:.0f} MHz",
        )
    )


def _never_busy(samples: Sequence[Sample]) -> str:
    loads = [s.gpu_load.value for s in samples if s.gpu_load.value is not None]
    clocks = [s.gpu_clock.value for s in samples if s.gpu_clock.value is not None]
    clock = f" and its clock {statistics.median(clocks):.0f} MHz" if clocks else ""
    return (
        f"the GPU's load was {max(loads):.0%} at most{clock}: below {HIGH_LOAD:.0%} a low clock "
        "may be the governor's, not throttling"
    )


def _alarms(samples: Sequence[Sample]) -> Reading[tuple[str, ...]]:
    alarms = [sample.alarms.value for sample in samples if sample.alarms.value is not None]
    counts = [sample.events.value for sample in samples if sample.events.value is not None]
    if not alarms and len(counts) < 2:
        return no_data(samples[0].alarms.reason or samples[0].events.reason)
    found = sorted({name for names in alarms for name in names})
    reasons = [f"alarm: {name}" for name in found]
    for name, last in (counts[-1] if counts else {}).items():
        rise = last - counts[0].get(name, last)
        if rise > 0:
            reasons.append(f"over-current: counter {name} rose by {rise:,}")
    return Reading(tuple(reasons))


def _mode(samples: Sequence[Sample]) -> Reading[tuple[str, ...]]:
    modes = [s.power_mode.value for s in samples if s.power_mode.value is not None]
    if not modes:
        return no_data(samples[0].power_mode.reason)
    different = list(dict.fromkeys(modes))
    if len(different) == 1:
        return Reading(())
    return Reading((f"the power mode changed: expected one, found {', '.join(different)}",))


def _heat(samples: Sequence[Sample], most_rise: float) -> Reading[tuple[str, ...]]:
    known = [s.temperatures.value for s in samples if s.temperatures.value is not None]
    if len(known) < 2:
        return no_data(samples[0].temperatures.reason or "one sample has no rise")
    ends = min(_ENDS, len(known) // 2)
    reasons = []
    for zone in sorted({zone for zones in known for zone in zones}):
        first = [zones[zone] for zones in known[:ends] if zone in zones]
        last = [zones[zone] for zones in known[-ends:] if zone in zones]
        if not first or not last:
            continue  # a part that was off at one end
        before, after = statistics.median(first), statistics.median(last)
        if after - before > most_rise:
            reasons.append(
                f"{zone} got warmer by {after - before:.1f} degrees, from {before:.1f} to "
                f"{after:.1f}; expected at most {most_rise:.0f}: warm the machine up first"
            )
    return Reading(tuple(reasons))
