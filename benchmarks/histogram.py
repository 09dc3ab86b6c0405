"""Latencies as an HDR histogram (Gil Tene's): percentiles within 0.1 %, and one text to keep.

The text is what every tool for HdrHistogram reads (V2, compressed); the unit is the nanosecond.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from edgefer.errors import InputError, reason
from edgefer.imports import require

_LONGEST_NS = 3_600_000_000_000
_DIGITS = 3


def make_histogram(latencies: Sequence[int]) -> Any:
    """An HdrHistogram of those latencies; one above an hour counts as an hour.

    Raises MissingDependency where the library is not installed.
    """
    histogram = require("hdrh.histogram", "benchmark").HdrHistogram(1, _LONGEST_NS, _DIGITS)
    # of millions of queries many take as long, and recording each would take half a minute
    values, counts = np.unique(np.clip(latencies, 1, _LONGEST_NS), return_counts=True)
    for value, count in zip(values.tolist(), counts.tolist()):
        histogram.record_value(value, count)
    return histogram


def percentile(histogram: Any, percent: float) -> float | None:
    """Milliseconds that `percent` of the queries take at most.

    None where no query of so few would lie above it: its place is not known.
    """
    if histogram.total_count * (100 - percent) / 100 < 1 - 1e-9:
        return None
    return float(histogram.get_value_at_percentile(percent)) / 1e6


def read_histogram(text: str) -> Any:
    """The histogram of a record; InputError where it is none."""
    library = require("hdrh.histogram", "benchmark")
    try:
        return library.HdrHistogram.decode(text)
    except Exception as error:  # its exceptions have no common base
        msg = f"histogram: expected HdrHistogram's V2 text, found {text[:20]!r} ({reason(error)})"
        raise InputError(msg) from error
