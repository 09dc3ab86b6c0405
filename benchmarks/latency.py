"""What a contender's turns say: percentiles, jitter, throughput, and whether they agree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgefer.benchmarks.histogram import make_histogram, percentile
from edgefer.benchmarks.scenarios import Turn
from edgefer.benchmarks.turns import Contender

# Our choices: how far the medians of windows may be apart, and a third of them for each end.
LIMIT = 0.1
_ENDS = 3
_LEAST_WINDOWS = 3
_MOST_WINDOWS = 60


@dataclass(frozen=True)
class Latency:
    """Milliseconds that `queries` took, after `warm_up` that were not timed.

    Percentiles are of an HDR histogram, within 0.1 %; one that no query of so few lies above is
    None. `jitter` is the mean difference from one query to the next (RFC 3550 without smoothing).
    """

    queries: int
    warm_up: int
    p50: float
    p90: float | None
    p95: float | None
    p99: float | None
    p99_9: float | None
    max: float
    mean: float
    jitter: float | None


@dataclass(frozen=True)
class Window:
    """Turns that follow each other: when they began, in seconds from `timed`'s origin, how long
    they were, their queries, and milliseconds of those.

    `reference` is the median of the reference's microseconds before these turns, `relative` that
    of each turn's median over its own: what compares with another run.
    """

    begun: float
    seconds: float
    queries: int
    p50: float
    p99: float
    reference: float | None
    relative: float | None


@dataclass(frozen=True)
class Stability:
    """Whether the windows agree; None where there are too few.

    `spread` is how far the medians of the windows are apart, from the tenth to the ninetieth of a
    hundred, and `drift` how much slower the last third is than the first; both are shares of the
    median of all. Unstable is what exceeds `limit` in either; our choice. `reason` says so.
    """

    stable: bool | None
    spread: float | None
    drift: float | None
    limit: float
    reason: str


@dataclass(frozen=True)
class Timed:
    """What a contender's turns say. `throughput` is in faces a second while it ran, `histogram`
    has every latency in nanoseconds, `overtaken` counts frames that a newer one's answer answered.
    """

    latency: Latency
    throughput: float
    stability: Stability
    windows: tuple[Window, ...]
    histogram: str
    overtaken: int


def timed(contender: Contender, origin: int) -> Timed:
    """Sum the turns of a contender up; `origin` is when the run began, in the clock's time."""
    latencies = [latency for turn in contender.turns for latency in turn.latencies]
    histogram = make_histogram(latencies)
    found = windows(contender, origin)
    overtaken = sum(turn.overtaken for turn in contender.turns)
    answered = len(latencies) - overtaken
    return Timed(
        latency=_latency(contender, histogram, latencies),
        throughput=contender.batch * answered / contender.spent * 1e9,
        stability=stability([window.p50 for window in found]),
        windows=found,
        histogram=histogram.encode().decode("ascii"),
        overtaken=overtaken,
    )


def _latency(contender: Contender, histogram: Any, latencies: Sequence[int]) -> Latency:
    steps: list[int] = []
    for turn in contender.turns:
        steps += [abs(after - before) for before, after in pairwise(turn.latencies)]
    half = percentile(histogram, 50)
    return Latency(
        queries=len(latencies),
        warm_up=contender.warm_up,
        p50=float(np.median(latencies)) / 1e6 if half is None else half,
        p90=percentile(histogram, 90),
        p95=percentile(histogram, 95),
        p99=percentile(histogram, 99),
        p99_9=percentile(histogram, 99.9),
        max=max(latencies) / 1e6,
        mean=float(np.mean(latencies)) / 1e6,
        jitter=float(np.mean(steps)) / 1e6 if steps else None,
    )


def medians(turns: Sequence[Turn]) -> NDArray[np.float64]:
    """The median latency of each turn, in milliseconds."""
    return np.array([np.median(turn.latencies) for turn in turns]) / 1e6


def windows(contender: Contender, origin: int) -> tuple[Window, ...]:
    """The turns in their order, in 60 windows at most."""
    turns, references = contender.turns, contender.references
    middles = medians(turns)
    pieces = np.array_split(np.arange(len(turns)), min(len(turns), _MOST_WINDOWS))
    found = []
    for places in pieces:
        these = [turns[place] for place in places]
        times = [latency for turn in these for latency in turn.latencies]
        before = np.array([references[place] for place in places]) if references else None
        found.append(
            Window(
                begun=(these[0].begun - origin) / 1e9,
                seconds=sum(turn.ended - turn.begun for turn in these) / 1e9,
                queries=len(times),
                p50=float(np.median(times)) / 1e6,
                p99=float(np.percentile(times, 99, method="higher")) / 1e6,
                reference=None if before is None else float(np.median(before)) / 1e3,
                relative=(
                    None if before is None else float(np.median(middles[places] * 1e6 / before))
                ),
            )
        )
    return tuple(found)


def stability(medians: Sequence[float], limit: float = LIMIT) -> Stability:
    """Judge the medians of windows that follow each other."""
    if len(medians) < _LEAST_WINDOWS:
        reason = f"expected {_LEAST_WINDOWS} windows or more to compare, found {len(medians)}"
        return Stability(None, None, None, limit, reason)
    whole = float(np.median(medians))
    low, high = np.percentile(medians, [10, 90])
    third = max(len(medians) // _ENDS, 1)
    first, last = np.median(medians[:third]), np.median(medians[-third:])
    spread, drift = float(high - low) / whole, float(last - first) / whole
    reasons = []
    if spread > limit:
        reasons.append(f"medians of its windows are {spread:.0%} apart")
    if abs(drift) > limit:
        reasons.append(f"it became {abs(drift):.0%} {'slower' if drift > 0 else 'faster'}")
    reason = f"{' and '.join(reasons)}; expected at most {limit:.0%}" if reasons else ""
    return Stability(not reasons, spread, drift, limit, reason)
