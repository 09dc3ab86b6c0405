"""A piece of work that is the same in every run: what stored runs are measured by.

It is numpy's, on one core of the CPU: it says nothing of a GPU.
"""

from __future__ import annotations

import numpy as np

from edgefer.benchmarks.clock import Clock

# Another kernel has to have another name, and another numpy may bring another BLAS.
NAME = f"matrices 1, numpy {np.__version__}"


class ReferenceKernel:
    """Small matrix products, which stay on one core, and a pass over more than its first cache."""

    def __init__(self) -> None:
        chance = np.random.default_rng(0)
        self._left, self._right = chance.random((2, 64, 64), np.float32)
        self._product = np.empty_like(self._left)
        self._long = chance.random(1 << 18, np.float32)
        self._sum = np.empty_like(self._long)
        self._work()  # the first time is another

    def __call__(self, clock: Clock) -> int:
        """Nanoseconds that it takes, once."""
        begun = clock.now()
        self._work()
        return clock.now() - begun

    def _work(self) -> None:
        for _ in range(40):
            np.matmul(self._left, self._right, out=self._product)
        np.add(self._long, self._long, out=self._sum)
