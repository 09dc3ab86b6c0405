"""A piece of work that is the same in every run: what stored runs are measured by.

Of two kinds, since a busy machine slows them by different shares: OpenCV's integers, from a picture
that fills a good part of a core's own cache, and numpy's floats, which lie near. Both stay on one
core. A pass over more memory did worse: its time depends on which memory a process was given. It
says nothing of a GPU.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from edgefer.benchmarks.clock import Clock
from edgefer.errors import MissingDependency
from edgefer.imports import require

_LARGE, _SMALL = 300, 200
_PRODUCTS = 24


class ReferenceKernel:
    """A picture made smaller, and small matrix products; without OpenCV these alone.

    Another kernel has to have another `name`, and other libraries may bring other kernels.
    """

    def __init__(self) -> None:
        self._cv2 = _opencv()
        picture = "" if self._cv2 is None else f"a picture by opencv {self._cv2.__version__}, "
        self.name = f"2: {picture}matrices by numpy {np.__version__}"
        chance = np.random.default_rng(0)
        self._picture = chance.integers(0, 256, (_LARGE, _LARGE, 3), np.uint8)
        self._smaller = np.empty((_SMALL, _SMALL, 3), np.uint8)
        self._left, self._right = chance.random((2, 64, 64), np.float32)
        self._product = np.empty_like(self._left)
        self._work()  # the first time is another

    def __call__(self, clock: Clock) -> int:
        """Nanoseconds that it takes, once."""
        begun = clock.now()
        self._work()
        return clock.now() - begun

    def _work(self) -> None:
        if self._cv2 is not None:
            self._cv2.resize(self._picture, (_SMALL, _SMALL), dst=self._smaller)
        for _ in range(_PRODUCTS):
            np.matmul(self._left, self._right, out=self._product)


def _opencv() -> Any:
    """It, or None where a benchmark goes without: a GPU's needs neither it nor this kernel."""
    try:
        return require("cv2", "cpu")
    except MissingDependency:
        return None
