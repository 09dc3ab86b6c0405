"""Of two backends that both run a bundle here, the faster one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from time import perf_counter
from typing import TypeAlias

from edgefer.runtime.backend import Backend, Pixels

Clock: TypeAlias = Callable[[], float]

# Our choice: the two run in turns, so that a machine that slows down is fair to both, and each
# turn has as many calls as fit into the seconds for all of it, but at least one.
_TURNS = 3
_MOST_CALLS = 10
_SECONDS = 0.5
# Our choice: what the second has to be ahead, more than two such short runs of one backend differ.
_LEAD = 1.05


@dataclass(frozen=True)
class Outcome:
    """The backend to keep and why, and the other one and why not; both are still open."""

    kept: Backend
    why: str
    other: Backend
    why_not: str


def compare(first: Backend, second: Backend, face: Pixels, clock: Clock = perf_counter) -> Outcome:
    """Time both on one face, uint8 [1, size, size, 3]; the second has to be 5 % faster.

    It takes half a second, or four calls of each where those are longer. Both have run before,
    as they have answered the golden faces.
    """
    calls = _calls(first, second, face, clock)
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(_TURNS):
        for backend, taken in zip((first, second), times):
            taken += [_time(backend, face, clock) for _ in range(calls)]
    lead = median(times[0]) / median(times[1])
    in_calls = f"here, in {len(times[0])} calls each"
    if lead >= _LEAD:
        kept, other, pace = second, first, f"{lead:.2f} times as fast"
    else:
        kept, other, pace = first, second, f"{1 / lead:.2f} times as fast"
        if lead > 1:
            in_calls += f", and {_LEAD} of {second.name} would be asked"
    return Outcome(
        kept,
        f"{pace} as {other.name} {in_calls}",
        other,
        f"{kept.name} is {pace} {in_calls}",
    )


def _calls(first: Backend, second: Backend, face: Pixels, clock: Clock) -> int:
    """How many calls fit into a turn."""
    slower = max(_time(backend, face, clock) for backend in (first, second))
    fitting = int(_SECONDS / (2 * _TURNS * slower))
    return max(1, min(fitting, _MOST_CALLS))


def _time(backend: Backend, face: Pixels, clock: Clock) -> float:
    start = clock()
    backend.run(face)
    return clock() - start
