"""What contenders are asked, and how fast: faces that differ from query to query."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from edgefer.benchmarks.plan import Plan
from edgefer.benchmarks.scenarios import (
    BackToBack,
    Camera,
    Pace,
    Poisson,
    Scenario,
)
from edgefer.data.drawn import drawn_faces
from edgefer.labels import Expression
from edgefer.runtime.backend import Pixels

# Our choices: more than a cache of answers would guess, and no more than fits the CPU's.
_FACES = 64
_LEAST_QUERIES = 4


@dataclass(frozen=True)
class Questions:
    """`queries` uint8 [n, size, size, 3] each, and the classes of their faces, [queries, n], where
    the faces have labels."""

    queries: list[Pixels]
    classes: NDArray[np.int64] | None


def ask_faces(plan: Plan, size: int, labels: tuple[Expression, ...], count: int) -> Questions:
    """Queries of `count` faces each for a network of that size and those labels."""
    number = max(_FACES // count, _LEAST_QUERIES)
    if plan.faces is None:
        pixels, classes = _drawn(size), None
    else:
        given = plan.faces.relabelled(labels)
        known = given.balanced(_FACES)  # the first ones of a folder are all of one class
        pixels, classes = known.pixels(size), known.classes_among(labels)
    places = np.arange(number * count).reshape(number, count) % len(pixels)
    queries = [np.ascontiguousarray(pixels[row]) for row in places]
    return Questions(queries, None if classes is None else classes[places])


@cache
def _drawn(size: int) -> Pixels:
    """Drawing them takes a second or two, and everyone in each scenario needs them."""
    return drawn_faces(_FACES).pixels(size)


def pace_of(plan: Plan, scenario: Scenario, turn: float, slowest: Callable[[], float]) -> Pace:
    """How queries of that scenario come; `turn` is for those back to back, in seconds.

    `slowest` measures the seconds that the slowest contender takes.
    """
    if scenario is Scenario.CAMERA:
        return Camera(plan.fps)
    if scenario is Scenario.SERVER:
        return Poisson(plan.rate or 0.5 / slowest())
    return BackToBack(min(turn, plan.length.seconds))
