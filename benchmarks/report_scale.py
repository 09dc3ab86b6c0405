"""From values to places on an axis: linear, logarithmic, or by the nines of a percentile."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from edgefer.choice import Choice

# Our choice: values further apart than this share a logarithmic axis.
WIDE = 8.0
_MOST_TICKS = 5
_PERCENTILES = (0, 50, 90, 99, 99.9)


class Spacing(Choice):
    """What is as far apart as what: like differences, like ratios, or one more nine."""

    LINEAR = "linear"
    LOGARITHMIC = "logarithmic"
    NINES = "nines"


@dataclass(frozen=True)
class Scale:
    """An axis from `low` to `high`; `label` says of what, with the unit."""

    label: str
    low: float
    high: float
    spacing: Spacing = Spacing.LINEAR

    def share(self, value: float) -> float:
        """How far along the axis, 0 to 1; beyond that for what is outside."""
        low = self._stretched(self.low)
        return (self._stretched(value) - low) / (self._stretched(self.high) - low)

    def ticks(self) -> list[tuple[float, str]]:
        """Round values on the axis, and how they are written."""
        if self.spacing is Spacing.NINES:
            return [(value, f"{value:g}") for value in _PERCENTILES]
        if self.spacing is Spacing.LOGARITHMIC:
            values = _round_powers(self.low, self.high)
        else:
            step = _round_step(self.high - self.low)
            first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
            values = [number * step for number in range(first, last + 1)]
        return [(value, f"{value:,.12g}") for value in values]  # 0.3, not 0.30000000000000004

    def _stretched(self, value: float) -> float:
        if self.spacing is Spacing.LOGARITHMIC:
            return math.log10(value)
        return -math.log10(1 - value / 100) if self.spacing is Spacing.NINES else value


def percentiles(label: str) -> Scale:
    """Percentiles up to 99.9, each nine as wide as the one before."""
    return Scale(label, 0, 99.9, Spacing.NINES)


def fitted(values: Iterable[float], label: str, *, from_zero: bool = False) -> Scale:
    """An axis around the values: logarithmic where they are positive and lie far apart."""
    known = list(values)
    if min(known) > 0 and max(known) > WIDE * min(known):
        return logarithmic(known, f"{label}, logarithmic")
    return linear(known, label, from_zero=from_zero)


def linear(values: Iterable[float], label: str, *, from_zero: bool = False) -> Scale:
    """An axis around the values, and 0 where asked for, which ends at round ones."""
    known = [*values, 0.0] if from_zero else list(values)
    low, high = min(known), max(known)
    if low == high:
        margin = abs(low) / 10 or 1.0
        low, high = low - margin, high + margin
    step = _round_step(high - low)
    return Scale(label, math.floor(low / step) * step, math.ceil(high / step) * step)


def logarithmic(values: Iterable[float], label: str) -> Scale:
    """A logarithmic axis around positive values, which ends at 1, 2 or 5 times a power of 10."""
    known = list(values)
    low = max(v for v in _steps(min(known), -1) if v <= min(known))
    high = min(v for v in _steps(max(known), 1) if v >= max(known))
    return Scale(label, low, high if high > low else 2 * low, Spacing.LOGARITHMIC)


def _steps(value: float, towards: int) -> list[float]:
    power = math.floor(math.log10(value))
    return [m * 10.0**p for p in (power, power + towards) for m in (1, 2, 5, 10)]


def _round_powers(low: float, high: float) -> list[float]:
    """1, 2 and 5 times powers of 10; the powers alone, or some of them, where these are many."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    for multiples in ((1, 2, 5), (1,)):
        values = [m * 10.0**p for p in range(first, last + 1) for m in multiples]
        values = [v for v in values if low * (1 - 1e-9) <= v <= high * (1 + 1e-9)]
        if len(values) <= _MOST_TICKS + 1:
            return values
    return values[:: math.ceil(len(values) / _MOST_TICKS)]


def _round_step(span: float) -> float:
    rough = span / _MOST_TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    return next(m * power for m in (1, 2, 2.5, 5, 10, 20) if m * power >= rough * (1 - 1e-9))
