"""A clock that a test moves, and work whose times are known."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np


class FakeClock:
    """Nanoseconds that pass only when work is done or someone waits."""

    def __init__(self) -> None:
        self.time = 0

    def now(self) -> int:
        return self.time

    def wait_until(self, moment: int) -> None:
        self.time = max(self.time, moment)


class Work:
    """Takes known times in turn, over and over, and remembers each: `took` in nanoseconds."""

    def __init__(self, clock: FakeClock, milliseconds: Sequence[float]) -> None:
        self._clock, self._times = clock, [round(each * 1e6) for each in milliseconds]
        self.took: list[int] = []

    def __call__(self, query: object) -> np.ndarray:
        took = self._times[len(self.took) % len(self._times)]
        self._clock.time += took
        self.took.append(took)
        return np.zeros((1, 8), np.float32)


def spiky(count: int, seed: int = 0) -> Iterator[float]:
    """Milliseconds: 5 with some jitter, one in fifty takes 20 more."""
    chance = np.random.default_rng(seed)
    for jitter, spike in zip(chance.gamma(2.0, 0.3, count), chance.random(count)):
        yield 5 + jitter + (20 if spike < 0.02 else 0)
