"""That what is timed is real work: answers are computed anew, and are right while the clock runs.

After MLPerf's audits: TEST04 asks the same again and again, TEST01 keeps answers of the timed run.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgefer.benchmarks.clock import Clock
from edgefer.benchmarks.difference import paired
from edgefer.benchmarks.turns import Contender

Floats = NDArray[np.float32]

# Our choices: what takes less of the time of another face than this comes from a cache; how many
# calls of each kind, and how long at most.
CACHED = 0.7
_CALLS, _LEAST_CALLS = 25, 6
_MOST_NS = 1_000_000_000
_TOLERANCE = 1e-3


@dataclass(frozen=True)
class Cached:
    """The time of the same query again over that of others: `found` where surely much less."""

    ratio: float
    found: bool


@dataclass(frozen=True)
class Answers:
    """Answers kept while the clock ran, beside those of the same queries before it did.

    `largest_difference` is of one probability; `hold` that it is within a thousandth, our choice;
    `right` the share of faces whose label they gave, None where the faces have none.
    """

    sampled: int
    largest_difference: float
    hold: bool
    right: float | None


def check_cache(contender: Contender, clock: Clock) -> Cached:
    """Ask the same query in turns with others, and compare call by call."""
    same: list[int] = []
    other: list[int] = []
    begun = clock.now()
    for call in range(1, _CALLS + 1):
        for times, place in ((same, 0), (other, call % len(contender.queries))):
            asked = clock.now()
            contender.run(contender.queries[place])
            times.append(clock.now() - asked)
        if call >= _LEAST_CALLS and clock.now() - begun > _MOST_NS:
            break
    found = paired(np.array(same), np.array(other))
    return Cached(found.ratio, found.high is not None and found.high < CACHED)


def answer_all(run: Callable[[Any], Any], queries: Sequence[Any]) -> list[Floats]:
    """The answers to each query, while no clock runs."""
    return [np.array(run(query)) for query in queries]


def check_answers(
    contender: Contender, expected: Sequence[Floats], classes: NDArray[np.int64] | None
) -> Answers:
    """Compare what was kept with what was expected; `classes` are [queries, faces a query]."""
    differences = [float(np.abs(found - expected[place]).max()) for place, found in contender.kept]
    right = None
    if classes is not None:
        hits = [np.mean(found.argmax(axis=1) == classes[place]) for place, found in contender.kept]
        right = float(np.mean(hits))
    largest = float(np.max(differences))  # one that is no number among them is none either
    return Answers(len(differences), largest, largest <= _TOLERANCE, right)
