"""How queries come: the four scenarios of MLPerf's LoadGen, and a camera.

A query's latency counts from when it came, not from when somebody had time for it: a stall makes
all those late that came meanwhile, and they count ("coordinated omission").
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from edgefer.benchmarks.clock import Clock
from edgefer.choice import Choice
from edgefer.runtime.backend import MOST_FACES

# Answers the query of that number.
Ask = Callable[[int], object]

# Our choice: room for a stall and for what follows it.
_PACED_S = 1.0


class Scenario(Choice):
    """How faces come. `single`, `multi` and `offline` wait for the answer before the next query.

    `single`: one face. `multi`: one of each of several cameras, in one query. `offline`: as many
    as a call takes. `server`: queries at random times. `camera`: a frame at fixed times.
    `end-to-end`: a picture, in which the faces are found first.
    """

    SINGLE = "single"
    MULTI = "multi"
    OFFLINE = "offline"
    SERVER = "server"
    CAMERA = "camera"
    END_TO_END = "end-to-end"


@dataclass(frozen=True)
class Turn:
    """What one contender did in one turn, in nanoseconds: when, and the latency of each query.

    `overtaken` of them were answered by the answer to a newer one.
    """

    begun: int
    ended: int
    latencies: list[int]
    overtaken: int = 0


class Pace(ABC):
    """Asks queries for one turn. `seconds` is how long a turn is."""

    seconds: float

    @abstractmethod
    def turn(self, ask: Ask, clock: Clock, first: int) -> Turn:
        """Ask for that time, and one query at least; they are numbered from `first` on."""


class BackToBack(Pace):
    """The next query comes when the last is answered."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def turn(self, ask: Ask, clock: Clock, first: int) -> Turn:
        """Every query begins where the one before it ended: what lies between counts too."""
        now = clock.now
        latencies: list[int] = []
        begun = before = now()
        until = begun + int(self.seconds * 1e9)
        number = first
        while before < until or not latencies:
            ask(number)
            number += 1
            after = now()
            latencies.append(after - before)
            before = after
        return Turn(begun, before, latencies)


class Poisson(Pace):
    """Queries come at random, `rate` a second in the mean, and are answered in their order.

    The times are those of a seed, so that every contender has the same (MLPerf's Server scenario).
    """

    def __init__(self, rate: float, seconds: float = _PACED_S, seed: int = 0) -> None:
        self.rate, self.seconds, self._seed = rate, seconds, seed

    def turn(self, ask: Ask, clock: Clock, first: int) -> Turn:
        """Ends with its time, or when all that came within it are answered."""
        arrivals = self._arrivals(first)
        latencies: list[int] = []
        begun = clock.now()
        for number, arrival in enumerate(arrivals, first):
            came = begun + arrival
            clock.wait_until(came)
            ask(number)
            latencies.append(clock.now() - came)
        # what comes no more belongs to the rate too
        clock.wait_until(begun + int(self.seconds * 1e9))
        return Turn(begun, clock.now(), latencies)

    def _arrivals(self, first: int) -> list[int]:
        """Nanoseconds from the beginning of the turn, one at least."""
        chance = np.random.default_rng((self._seed, first))
        expected = self.rate * self.seconds
        gaps = chance.exponential(1e9 / self.rate, int(expected + 10 * expected**0.5 + 10))
        times = np.cumsum(gaps)
        within = times[times < self.seconds * 1e9] if times[0] < self.seconds * 1e9 else times[:1]
        return [int(time) for time in within]


class Camera(Pace):
    """A frame every 1 / `rate` seconds; whoever is free takes the newest, as a robot does.

    The age of an answer counts from the capture. A frame that is overtaken by a newer one is as
    old as that is when it is answered: it was all that was known of its moment.
    """

    def __init__(self, rate: float = 30.0, seconds: float = _PACED_S) -> None:
        self.rate, self.seconds = rate, seconds

    def turn(self, ask: Ask, clock: Clock, first: int) -> Turn:
        """Ends when the frame after the last would come, or when the last is answered."""
        period = 1e9 / self.rate
        frames = max(int(self.seconds * self.rate), 1)
        latencies: list[int] = []
        overtaken = frame = 0
        begun = clock.now()
        captured = [begun + round(number * period) for number in range(frames)]
        while frame < frames:
            clock.wait_until(captured[frame])
            newest = min(int((clock.now() - begun) / period), frames - 1)
            newest = max(newest, frame)
            ask(first + newest)
            answered = clock.now()
            latencies += [answered - captured[each] for each in range(frame, newest + 1)]
            overtaken += newest - frame
            frame = newest + 1
        clock.wait_until(begun + round(frames * period))
        return Turn(begun, clock.now(), latencies, overtaken)


def faces_a_query(scenario: Scenario, batch: int, streams: int) -> int:
    """How many faces a query of that scenario has; a frame counts as one."""
    if scenario is Scenario.MULTI:
        return streams
    if scenario is Scenario.END_TO_END:
        return 1
    return MOST_FACES if scenario is Scenario.OFFLINE else batch
