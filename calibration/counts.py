"""Counts absolute values whose greatest is not known beforehand, in memory that does not grow."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from edgefer.calibration.calibrators import BINS, Histogram
from edgefer.calibration.table import Range

FINE = 4 * BINS  # at least half of them lie below the limit: two or more to a bin of a histogram
_DEAD = 1e-30  # an activation that never exceeds it has no distribution
_LEAST_POWER = math.frexp(_DEAD)[1]
_CHUNK = 1 << 16  # values that stay in a core's own cache from step to step


class Counts:
    """The ends of an activation and how many absolute values lie in each of equal fine bins.

    These go from 0 to the least power of two above all values. A greater value doubles it, as often
    as needed, and adds neighbouring bins in pairs. Nothing is rounded by that, so the counts are
    those of the values alone, whatever their order and the size of the batches.
    """

    def __init__(self) -> None:
        self.fine: NDArray[np.int64] = np.zeros(FINE, np.int64)
        self.power = _LEAST_POWER
        self._low = self._high = np.float32(0)

    @property
    def range(self) -> Range:
        """From the least value to the greatest; zero is always within."""
        return Range(float(self._low), float(self._high))

    @property
    def finite(self) -> bool:
        """Whether all values were; after one that is not, nothing is counted."""
        return bool(np.isfinite(self._low) and np.isfinite(self._high))

    def add(self, values: NDArray[np.float32]) -> None:
        """Counts `values` too."""
        flat = values.reshape(-1)
        scaled = np.empty(min(_CHUNK, flat.size), np.float32)
        places = np.empty(scaled.size, np.int64)
        for start in range(0, flat.size, _CHUNK):
            chunk = flat[start : start + _CHUNK]
            # unlike Python's own, these two keep what is not a number
            self._low = np.minimum(self._low, chunk.min())
            self._high = np.maximum(self._high, chunk.max())
            if not self.finite:
                return
            self._grow()
            self._count(chunk, scaled[: chunk.size], places[: chunk.size])

    def histogram(self) -> Histogram:
        """The counts in equal bins up to the greatest value.

        What lies in a fine bin is spread evenly over it.
        """
        counts = np.zeros(BINS, np.int64)
        limit = self.range.limit
        if limit > _DEAD:
            end = math.ldexp(limit, -self.power) * FINE  # in fine bins
            whole = int(end)
            below = np.concatenate([[0], np.cumsum(self.fine[: whole + 1])])
            edges = np.arange(1, BINS) * (end / BINS)
            inner = np.interp(edges, [*range(whole + 1), end], below)
            counts = np.diff(np.rint(inner).astype(np.int64), prepend=0, append=below[-1])
        return Histogram(counts, limit)

    def _grow(self) -> None:
        """Makes the end of the last bin the least power of two above all values so far."""
        power = max(_LEAST_POWER, math.frexp(self.range.limit)[1])
        if power > self.power:
            together = min(FINE, 1 << (power - self.power))
            merged = self.fine.reshape(-1, together).sum(axis=1)
            self.fine = np.concatenate([merged, np.zeros(FINE - len(merged), np.int64)])
            self.power = power

    def _count(
        self, chunk: NDArray[np.float32], scaled: NDArray[np.float32], places: NDArray[np.int64]
    ) -> None:
        """Counts some values by way of two buffers of their number."""
        np.abs(chunk, out=scaled)
        # by a power of two: exact
        np.multiply(scaled, np.float32(math.ldexp(FINE, -self.power)), out=scaled)
        np.copyto(places, scaled, casting="unsafe")
        found = np.bincount(places)
        self.fine[: len(found)] += found
