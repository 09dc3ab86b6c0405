"""From what an activation took to the range that INT8 gives it: the calibrators.

Every one but min-max looks at a histogram of absolute values and finds a threshold, beyond which
values are cut off: finer steps for the rest.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgefer.calibration.grid import MOST
from edgefer.calibration.table import Range
from edgefer.choice import Choice
from edgefer.errors import InputError

BINS = 8192
_Numbers = NDArray[np.float64]
# Migacz, "8-bit inference with TensorRT", GTC 2017.
_ENTROPY_BINS, _LEVELS = 2048, 128
# Thresholds that are tried for the least squared error: the greatest value halved so many times.
_HALVINGS = np.arange(128, -1, -1) / 16
_LEAST_PERCENTILE = 90.0


class Calibrator(Choice):
    """How ranges are found, the simplest first; auto takes the one of them that harms least."""

    MIN_MAX = "min-max"
    PERCENTILE = "percentile"
    MSE = "mse"
    ENTROPY = "entropy"
    AUTO = "auto"

    @property
    def alternatives(self) -> tuple[Calibrator, ...]:
        """The calibrators whose ranges are made: all the others for auto."""
        if self is not Calibrator.AUTO:
            return (self,)
        return tuple(each for each in Calibrator if each is not self)


@dataclass(frozen=True)
class CalibrationOptions:
    """How ranges are found, and from how many `faces` at most.

    `percentile` is the share of values, in percent, that the calibrator of that name keeps.
    `hold_back` leaves a quarter of the faces to those who judge by them what INT8 does, even where
    there are few; auto always does.
    """

    calibrator: Calibrator = Calibrator.ENTROPY
    faces: int = 512
    percentile: float = 99.999
    hold_back: bool = False

    def __post_init__(self) -> None:
        if self.faces < 1:
            msg = f"calibration faces: expected 1 or more, found {self.faces}"
            raise InputError(msg)
        if not _LEAST_PERCENTILE <= self.percentile <= 100:
            msg = (
                f"percentile: expected {_LEAST_PERCENTILE:g} to 100 (in percent), "
                f"found {self.percentile}"
            )
            raise InputError(msg)

    @property
    def holds_back(self) -> bool:
        """Whether a quarter of few faces sets no range."""
        return self.hold_back or self.calibrator is Calibrator.AUTO


@dataclass(frozen=True)
class Histogram:
    """How many absolute values of an activation lie in each of equal bins from 0 to `limit`.

    `counts` is int64 [BINS].
    """

    counts: NDArray[np.int64]
    limit: float

    @property
    def width(self) -> float:
        """Of a bin."""
        return self.limit / len(self.counts)


def clipped(limits: Range, histogram: Histogram, options: CalibrationOptions) -> Range:
    """The range of an activation whose least and greatest values are `limits`, but for min-max."""
    if not histogram.limit:
        return limits
    if options.calibrator is Calibrator.PERCENTILE:
        most = percentile(histogram, options.percentile)
    elif options.calibrator is Calibrator.MSE:
        most = least_squared_error(histogram)
    else:
        most = least_entropy(histogram)
    return Range(max(limits.low, -most), min(limits.high, most))


def percentile(histogram: Histogram, percent: float) -> float:
    """What `percent` of the values do not exceed; they lie evenly within their bins."""
    below = np.concatenate([[0], np.cumsum(histogram.counts)])
    wanted = below[-1] * percent / 100
    last = int(np.searchsorted(below[1:], wanted))
    inside = (wanted - below[last]) / histogram.counts[last]
    return float((last + inside) * histogram.width)


def least_squared_error(histogram: Histogram) -> float:
    """The threshold with the least mean squared error of 127 steps from 0 to it.

    The errors of a bin are integrated over it, so that they change smoothly with the threshold:
    the best of those tried is refined by the parabola through it and its neighbours.
    """
    thresholds = histogram.limit / 2**_HALVINGS
    errors = np.array([_squared_error(histogram, threshold) for threshold in thresholds])
    best = int(errors.argmin())
    aside = 0.0
    if 0 < best < len(errors) - 1:
        before, least, after = errors[best - 1 : best + 2]
        bend = before - 2 * least + after
        aside = (before - after) / bend / 2 if bend > 0 else 0.0
    return float(thresholds[best] * (thresholds[1] / thresholds[0]) ** aside)


def _squared_error(histogram: Histogram, threshold: float) -> float:
    """Summed over all values. The first bin has none: zeros, and what is as good as zero."""
    step = threshold / MOST
    edges = np.arange(1, len(histogram.counts) + 1) * histogram.width
    whole = np.minimum(np.rint(edges / step), MOST)
    until = whole * step**3 / 12 + (edges - whole * step) ** 3 / 3  # the integral from 0 on
    return float(np.diff(until) @ histogram.counts[1:] / histogram.width)


def least_entropy(histogram: Histogram) -> float:
    """The threshold whose 128 levels keep most of the information, as in TensorRT (Migacz 2017).

    Least Kullback-Leibler divergence between the histogram cut off at a bin, with what is beyond in
    its last bin, and the same in 128 levels, each spread over those of its bins that have values.
    """
    counts = histogram.counts.reshape(_ENTROPY_BINS, -1).sum(axis=1)
    counts[0] = counts[1]  # zeros are exact on any grid
    divergences = _divergences(counts.astype(np.float64))
    # of equals the greatest: it cuts off least
    best = len(divergences) - 1 - int(divergences[::-1].argmin())
    return (best + _LEVELS) * histogram.limit / _ENTROPY_BINS


def _divergences(counts: _Numbers) -> _Numbers:
    """Of each number of bins from 128 on that may be kept: float64 [1921]."""
    kept = np.arange(_LEVELS, len(counts) + 1)
    below, used, information = (
        np.concatenate([[0.0], np.cumsum(each)])
        for each in (counts, counts > 0, _information(counts))
    )
    edges = -(-np.arange(_LEVELS + 1) * kept[:, None] // _LEVELS)
    levels, spread = np.diff(below[edges]), np.diff(used[edges])
    beyond = counts.sum() - below[kept]
    last = counts[kept - 1]
    exact = information[kept] - _information(last) + _information(last + beyond)
    weights = levels.copy()
    weights[:, -1] += beyond
    there = levels > 0
    logs = np.log(np.where(there, levels, 1) / np.where(there, spread, 1))
    with np.errstate(divide="ignore", invalid="ignore"):
        total = counts.sum()
        divergences = (exact - (weights * logs).sum(axis=1)) / total
        divergences += np.log(below[kept]) - math.log(total) if total else math.inf
    # nothing of what is kept has the last bin's values: no divergence is finite
    return np.where((last == 0) & (beyond > 0), math.inf, divergences)


def _information(counts: _Numbers) -> _Numbers:
    """x log x, 0 where x is."""
    return np.asarray(counts * np.log(np.where(counts > 0, counts, 1)))
