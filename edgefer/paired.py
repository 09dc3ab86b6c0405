"""Two networks on the same faces: what one loses of the other's accuracy, and how sure that is."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgefer.errors import InputError

Rights = NDArray[np.bool_]

_NORMAL_95 = 1.959964


@dataclass(frozen=True)
class Paired:
    """`lost` faces that only the first has right, `won` faces that only the second has, of `faces`.

    `low` and `high` are the 95 % interval of the change of accuracy (second less first, shares of
    1): Wald's for paired proportions. `p` is McNemar's, exact and two-sided.
    """

    faces: int
    lost: int
    won: int
    low: float
    high: float
    p: float

    @property
    def change(self) -> float:
        """Accuracy of the second less that of the first."""
        return (self.won - self.lost) / self.faces


def pair(first: Rights, second: Rights) -> Paired:
    """Compare which faces two networks have right: bool [faces] each; InputError for none."""
    if first.shape != second.shape or not len(first):
        msg = f"paired: expected answers to the same faces, found {first.shape} and {second.shape}"
        raise InputError(msg)
    faces = len(first)
    lost, won = int((first & ~second).sum()), int((second & ~first).sum())
    change = (won - lost) / faces
    deviation = math.sqrt(max(lost + won - (won - lost) ** 2 / faces, 0)) / faces
    margin = _NORMAL_95 * deviation
    return Paired(faces, lost, won, change - margin, change + margin, _mcnemar(lost, won))


def _mcnemar(lost: int, won: int) -> float:
    """How likely as uneven a split is if each differing face goes either way alike often."""
    differing, fewer = lost + won, min(lost, won)
    whole = math.lgamma(differing + 1) - differing * math.log(2)
    tail = math.fsum(
        math.exp(whole - math.lgamma(count + 1) - math.lgamma(differing - count + 1))
        for count in range(fewer + 1)
    )
    return min(1.0, 2 * tail)
