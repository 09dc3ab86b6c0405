"""Joules of a benchmark, from a meter or from power over time, in all and for each query."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from edgefer.benchmarks.samples import Reading, Sample, no_data
from edgefer.errors import InputError

# Our choices: two samples this many usual intervals apart have a gap between them, and with less
# than this share of the time covered there is no figure.
_GAP = 5.0
_LEAST_COVERED = 0.9


@dataclass(frozen=True)
class Energy:
    """Joules between the first and the last sample; those of idling are gone if `idle_subtracted`.

    `covers` says in words of what, `metered` whether a meter counted them or power was integrated.
    `covered` is the share of the time without gaps: a gap has the mean power of the rest.
    `idle` is the power at rest in watts.
    """

    joules: float
    per_query: float
    queries: int
    seconds: float
    mean_watts: float
    covers: str
    metered: bool
    covered: float
    idle: Reading[float]
    idle_subtracted: bool


@dataclass(frozen=True)
class _Drawn:
    joules: float
    seconds: float
    covers: str
    metered: bool
    covered: float

    @property
    def watts(self) -> float:
        return self.joules / self.seconds


def energy(
    samples: Sequence[Sample], queries: int, idle: Sequence[Sample] | None = None
) -> Reading[Energy]:
    """The energy of a run of `queries`, less that of idling where samples at rest are given.

    A meter is believed where there is one; else power is integrated by trapezoids. Raises
    InputError for fewer than 1 query.
    """
    if queries < 1:
        msg = f"queries: expected 1 or more, found {queries}"
        raise InputError(msg)
    run = _drawn(samples)
    if run.value is None:
        return no_data(run.reason)
    at_rest = _idle_watts(idle, run.value)
    joules = run.value.joules - (at_rest.value or 0.0) * run.value.seconds
    if at_rest.value is not None and joules < 0:
        return no_data(
            f"expected the run to draw more than idling, found {run.value.watts:.2f} W against "
            f"{at_rest.value:.2f} W: run longer, or measure idling again"
        )
    return Reading(
        Energy(
            joules=joules,
            per_query=joules / queries,
            queries=queries,
            seconds=run.value.seconds,
            mean_watts=run.value.watts,
            covers=run.value.covers,
            metered=run.value.metered,
            covered=run.value.covered,
            idle=at_rest,
            idle_subtracted=at_rest.is_known,
        )
    )


def _idle_watts(idle: Sequence[Sample] | None, run: _Drawn) -> Reading[float]:
    if idle is None:
        return no_data("idling was not measured")
    at_rest = _drawn(idle)
    if at_rest.value is None:
        return no_data(f"idling: {at_rest.reason}")
    if at_rest.value.covers != run.covers:
        return no_data(f"idling covers {at_rest.value.covers}, the run {run.covers}")
    return Reading(at_rest.value.watts)


def _drawn(samples: Sequence[Sample]) -> Reading[_Drawn]:
    known = [(s.time, s.power.value) for s in samples if s.power.value is not None]
    if not known:
        return no_data(samples[0].power.reason if samples else "no samples were taken")
    covers = {power.covers for _, power in known}
    if len(covers) > 1:
        return no_data(f"expected one kind of power, found {'; '.join(sorted(covers))}")
    metered = [(s.time, s.counted.value) for s in samples if s.counted.value is not None]
    whole = samples[-1].time - samples[0].time
    if len(metered) > 1 and metered[-1][0] > metered[0][0]:
        joules = metered[-1][1] - metered[0][1]
        share = (metered[-1][0] - metered[0][0]) / whole
        # A driver that was loaded anew counts from 0.
        if joules >= 0 and share >= _LEAST_COVERED:
            return Reading(_Drawn(joules / share, whole, covers.pop(), True, share))
    return _integrated([(time, power.watts) for time, power in known], whole, covers.pop())


def _integrated(known: Sequence[tuple[float, float]], whole: float, covers: str) -> Reading[_Drawn]:
    """Trapezoids; a gap counts with the mean power of the rest."""
    steps = [later[0] - earlier[0] for earlier, later in pairwise(known)]
    if not any(step > 0 for step in steps):
        return no_data(f"expected power at 2 moments or more, found {len(known)}")
    usual = statistics.median(step for step in steps if step > 0)
    joules = covered = 0.0
    for (begun, before), (ended, after) in pairwise(known):
        if 0 < ended - begun <= _GAP * usual:
            joules += (before + after) / 2 * (ended - begun)
            covered += ended - begun
    share = covered / whole
    if share < _LEAST_COVERED:
        return no_data(
            f"expected power for {_LEAST_COVERED:.0%} of the time, found it for {share:.0%}"
        )
    return Reading(_Drawn(joules / share, whole, covers, False, share))
