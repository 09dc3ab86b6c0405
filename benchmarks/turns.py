"""Contenders take turns in one run, so that whatever slows the machine slows them all.

Speeds of two runs do not compare: the machine's clock, heat and other work differ. Every query
that is timed counts, none is dropped.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from edgefer.benchmarks.clock import Clock, RealClock
from edgefer.benchmarks.scenarios import BackToBack, Pace, Turn
from edgefer.errors import InputError
from edgefer.progress import Progress, silent

# Warm-up ends when the medians of two windows of queries are this close, or after so many.
_WINDOW = 5
_STABLE = 0.05
_MOST_WARM_UP = 50

# Every so many queries the answer is kept, and the latest so many; our choice. The first is a
# prime, so that it falls on another of the faces each time.
_KEPT_EVERY = 17
_MOST_KEPT = 1000

_COST_S = 0.01

# Times a piece of work that is the same in every run, in nanoseconds.
Reference = Callable[[Clock], int]


@dataclass(frozen=True)
class Length:
    """How long each contender is timed: `seconds` in all and `queries` at least, both hold."""

    seconds: float = 3.0
    queries: int = 100

    def __post_init__(self) -> None:
        if not 0 < self.seconds < float("inf"):
            msg = f"duration: expected a number of seconds above 0, found {self.seconds}"
            raise InputError(msg)
        if self.queries < 1:
            msg = f"queries: expected 1 or more, found {self.queries}"
            raise InputError(msg)


@dataclass(frozen=True)
class Rhythm:
    """How long a turn of queries back to back is, and what comes before it that is not timed."""

    seconds: float
    rest: float
    settling: int


# Our choices. Short turns: on a shared machine speed changes by a third within a second. With
# threads they are longer, after a rest: ONNX Runtime's wait busily for some 50 ms after a call,
# and would take a core from whoever is next.
QUICK = Rhythm(seconds=0.005, rest=0.0, settling=1)
THREADED = Rhythm(seconds=0.25, rest=0.06, settling=3)


@dataclass
class Contender:
    """What is timed: `run` answers one of `queries`, each with `batch` faces.

    The queries differ, so that an answer from a cache would be a wrong one. `kept` are answers
    from while the clock ran, one at least, with the place of their query. `references` are the
    times of the reference before each turn, `spent` is the time in turns, both in nanoseconds.
    """

    run: Callable[[Any], Any]
    queries: Sequence[Any]
    pace: Pace
    batch: int = 1
    turns: list[Turn] = field(default_factory=list)
    references: list[int] = field(default_factory=list)
    kept: deque[tuple[int, Any]] = field(default_factory=lambda: deque(maxlen=_MOST_KEPT))
    warm_up: int = 0
    asked: int = 0
    spent: int = 0

    def ask(self, number: int) -> None:
        """Answer the query of that number."""
        place = number % len(self.queries)
        answer = self.run(self.queries[place])
        if not number % _KEPT_EVERY or not self.kept:
            self.kept.append((place, answer))

    def typical(self, clock: Clock) -> float:
        """Nanoseconds that one query takes: the median of a few."""
        times = []
        for number in range(_WINDOW):
            begun = clock.now()
            self.run(self.queries[number % len(self.queries)])
            times.append(clock.now() - begun)
        return float(np.median(times))

    def warm(self, clock: Clock) -> None:
        """Ask until the times are stable."""
        before = float("inf")
        while self.warm_up < _MOST_WARM_UP:
            median = self.typical(clock)
            self.warm_up += _WINDOW
            if abs(median - before) <= _STABLE * median:
                return
            before = median

    def take_turn(self, clock: Clock, rhythm: Rhythm, reference: Reference | None) -> None:
        """Rest, time the reference, settle, and ask for one turn."""
        clock.wait_until(clock.now() + int(rhythm.rest * 1e9))
        if reference is not None:
            self.references.append(reference(clock))
        # who answers once a turn has other things to do than to fill a cache
        many = not self.turns or len(self.turns[-1].latencies) > 1
        for number in range(rhythm.settling if many else 0):
            self.run(self.queries[number % len(self.queries)])
            self.warm_up += 1
        self.turns.append(self.pace.turn(self.ask, clock, self.asked))
        turn = self.turns[-1]
        self.asked += len(turn.latencies)
        self.spent += turn.ended - turn.begun

    def share_done(self, length: Length) -> float:
        """How much of its time and of its queries is done, whichever is less; 1 and more is all."""
        return min(self.spent / (length.seconds * 1e9), self.asked / length.queries)


def take_turns(
    contenders: Sequence[Contender],
    length: Length,
    rhythm: Rhythm = QUICK,
    *,
    clock: Clock | None = None,
    reference: Reference | None = None,
    between: Callable[[], None] = lambda: None,
    progress: Progress = silent,
) -> None:
    """Let contenders take turns until each has had its time and its queries.

    Each has as many turns as the others; another begins in each round. `between` is called before
    each turn. Contenders that had turns already go on where they were.
    """
    clock = clock or RealClock()
    order = deque(contenders)
    done = 0.0
    while contenders and done < 1:
        for contender in order:
            between()
            contender.take_turn(clock, rhythm, reference)
        order.rotate(-1)
        done = min(contender.share_done(length) for contender in contenders)
        progress("turns", min(round(1000 * done), 1000), 1000)


def measuring_cost(clock: Clock | None = None) -> float:
    """Microseconds that asking, timing and keeping cost for a query: the median of five turns.

    The same loop as every benchmark's, with a query that does nothing.
    """
    clock, pace = clock or RealClock(), BackToBack(_COST_S)
    turns = [
        pace.turn(Contender(lambda query: query, range(64), pace).ask, clock, 0) for _ in range(5)
    ]
    costs = [(turn.ended - turn.begun) / len(turn.latencies) / 1e3 for turn in turns]
    return float(np.median(costs))
