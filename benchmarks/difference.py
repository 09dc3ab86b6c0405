"""Whether one is faster than another, or nothing can be said: a test for noise, not a threshold.

Medians of turns are compared. In one run a turn is compared with the other's turn of the same
round (Wilcoxon's signed ranks), between two runs each with each (Mann and Whitney's ranks); the
estimate is Hodges and Lehmann's, its interval that of the ranks: one wild turn moves neither.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgefer.choice import Choice

Times = NDArray[np.float64]

# What is smaller is called no difference: half of 5 % and less than half of 15 %, so that those are
# found. Our choice.
# Two runs differ by more: where memory lies, and what else the machine does.
IN_ONE_RUN = 0.025
BETWEEN_RUNS = 0.06

_ALPHA = 0.05
# So many turns are counted exactly, and so many are compared each with each.
_EXACT = 30
_MOST = 300


class Verdict(Choice):
    """What the interval of a ratio says."""

    FASTER = "faster"
    SLOWER = "slower"
    NONE = "no difference"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True)
class Difference:
    """The time of one over that of another (below 1 is faster), its 95 % interval, and a verdict.

    Faster or slower: the interval lies beyond the margin. No difference: it lies within. Else,
    and where there are too few turns for an interval, it is inconclusive.
    """

    ratio: float
    low: float | None
    high: float | None
    verdict: Verdict


def paired(times: Times, first: Times, margin: float = IN_ONE_RUN) -> Difference:
    """Compare medians of turns of the same rounds: float64 [rounds] each, in any one unit.

    Of many rounds those that follow each other are one, by their median.
    """
    logs = np.log(times / first)
    if len(logs) > _MOST:
        logs = np.array([np.median(piece) for piece in np.array_split(logs, _MOST)])
    i, j = np.triu_indices(len(logs))
    walsh = np.sort((logs[i] + logs[j]) / 2)
    return _judge(walsh, _cut(_signed_ranks(len(logs))), margin)


def unpaired(times: Times, first: Times, margin: float = BETWEEN_RUNS) -> Difference:
    """Compare medians of turns of two runs, float64 [turns] each, in any one unit."""
    differences = np.sort(np.subtract.outer(np.log(times), np.log(first)).ravel())
    return _judge(differences, _cut(_rank_sums(len(times), len(first))), margin)


def _judge(ordered: Times, cut: int, margin: float) -> Difference:
    """From the ordered differences in logs, of which `cut` at either end are outside."""
    ratio = math.exp(float(np.median(ordered)))
    if not cut:
        return Difference(ratio, None, None, Verdict.INCONCLUSIVE)
    low, high = math.exp(ordered[cut - 1]), math.exp(ordered[-cut])
    least, most = 1 / (1 + margin), 1 + margin
    if high < least:
        verdict = Verdict.FASTER
    elif low > most:
        verdict = Verdict.SLOWER
    elif least <= low and high <= most:
        verdict = Verdict.NONE
    else:
        verdict = Verdict.INCONCLUSIVE
    return Difference(ratio, low, high, verdict)


def _cut(chances: Times) -> int:
    """How many of the ordered differences are cut off at either end; 0 where there are too few.

    `chances` are those of each value of the rank statistic, from the least.
    """
    below = np.cumsum(chances)
    return int(np.searchsorted(below, _ALPHA / 2, side="right"))


def _signed_ranks(count: int) -> Times:
    """How likely each sum of signed ranks is if either sign is as likely."""
    if count > _EXACT:
        deviation = math.sqrt(count * (count + 1) * (2 * count + 1) / 24)
        return _normal(count * (count + 1) // 2, deviation)
    ways = np.ones(1)
    for rank in range(1, count + 1):
        longer = np.zeros(len(ways) + rank)
        longer[: len(ways)] += ways
        longer[rank:] += ways
        ways = longer / 2
    return ways


def _rank_sums(count: int, other: int) -> Times:
    """How likely each value of Mann and Whitney's statistic is if both are of one kind."""
    return _normal(count * other, math.sqrt(count * other * (count + other + 1) / 12))


def _normal(most: int, deviation: float) -> Times:
    """A statistic from 0 to `most` by the normal distribution, which several turns are near to."""
    density = np.exp(-(((np.arange(most + 1) - most / 2) / deviation) ** 2) / 2)
    return np.asarray(density / density.sum())
