"""Latency on a device that is not here, as an interval: an estimate, never a measurement.

The model of `roofline` is fitted to published points and checked on others. `Estimate` has no
figure that a measured record has, and says "estimate" in each of its forms.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from edgefer.benchmarks.devices import Device, Source
from edgefer.benchmarks.published import checked, fitted
from edgefer.benchmarks.roofline import Case, Parameters, Terms, estimated_ms, fit
from edgefer.benchmarks.workload import Workload
from edgefer.manifest import Precision

KIND = "estimate"

# Our choice, before any check: never narrower than this, since two networks of the same device
# differ by more than the fit does.
FLOOR = (0.7, 1.8)
# How many root mean squares of the fit's residuals the interval reaches to either side; our choice.
_REACH = 2.0
# How much wider, in log space, where no point is of the device.
EXTRAPOLATED = 3.0


@dataclass(frozen=True)
class Point:
    """One known latency beside what the model gives for it, in milliseconds."""

    device: str
    network: str
    precision: Precision
    batch: int
    known_ms: float
    estimated_ms: float
    source: str

    @property
    def error(self) -> float:
        """By what share the estimate is too long; below 0 it is too short."""
        return self.estimated_ms / self.known_ms - 1

    def __str__(self) -> str:
        return (
            f"{self.network} {self.precision} batch {self.batch} on {self.device}: "
            f"{self.known_ms:.3g} ms ({self.source}), {KIND} {self.error:+.1%}"
        )

    def to_json(self) -> dict[str, Any]:
        """A JSON object, with the error."""
        return {**asdict(self), "error": self.error}


@dataclass(frozen=True)
class Estimate:
    """How long a call may take on a device in its fastest power mode, in milliseconds.

    `precision` is that of most operations, `rates` how sure the device's peak rates are. `fitted`
    are the points behind it, `checked` those kept back from it. `extrapolated`: no point is of
    this device, and the interval is three times as wide in log space.
    """

    network: str
    precision: Precision
    batch: int
    device: str
    device_name: str
    mode: str | None
    rates: Source
    low_ms: float
    typical_ms: float
    high_ms: float
    extrapolated: bool
    fitted: tuple[Point, ...]
    checked: tuple[Point, ...]
    kind: str = field(default=KIND, init=False)

    def __str__(self) -> str:
        text = (
            f"{self.kind}: {self.typical_ms:.3g} ms ({self.low_ms:.2g} to {self.high_ms:.2g}), "
            f"{self.network} {self.precision} batch {self.batch} on {self.device}"
        )
        return f"{text}, extrapolated" if self.extrapolated else text

    def to_json(self) -> dict[str, Any]:
        """A JSON object whose `kind` is "estimate"."""
        points = {
            "fitted": [point.to_json() for point in self.fitted],
            "checked": [point.to_json() for point in self.checked],
        }
        return {**asdict(self), **points}


@dataclass(frozen=True)
class Estimator:
    """Parameters with the points that they are fitted to, and those kept back from the fit."""

    parameters: Parameters
    points: tuple[Case, ...]
    kept_back: tuple[Case, ...]

    def estimate(self, device: Device, workload: Workload, batch: int) -> Estimate:
        """What that workload may take there."""
        typical = Terms(device, workload, batch).milliseconds(self.parameters)
        extrapolated = all(point.device != device for point in self.points)
        known = self._beside(self.points)
        below, above = _reach(known, EXTRAPOLATED if extrapolated else 1.0)
        return Estimate(
            network=workload.name,
            precision=workload.precision,
            batch=batch,
            device=device.key,
            device_name=device.name,
            mode=device.mode,
            rates=device.source,
            low_ms=typical * math.exp(-below),
            typical_ms=typical,
            high_ms=typical * math.exp(above),
            extrapolated=extrapolated,
            fitted=known,
            checked=self._beside(self.kept_back),
        )

    def refined(self, device: Device, measured: Sequence[Case]) -> Estimator:
        """One for that device alone, fitted to what was measured on it, held to this one's.

        Other boards' points are left out: launches cost what a host and its libraries make of them.
        """
        own = (*(point for point in self.points if point.device == device), *measured)
        kept_back = tuple(point for point in self.kept_back if point.device == device)
        return Estimator(fit(own, self.parameters), own, kept_back)

    def _beside(self, cases: Sequence[Case]) -> tuple[Point, ...]:
        return tuple(
            Point(
                device=case.device.key,
                network=case.workload.name,
                precision=case.workload.precision,
                batch=case.batch,
                known_ms=case.milliseconds,
                estimated_ms=estimated_ms(case, self.parameters),
                source=case.source,
            )
            for case in cases
        )


def make_estimator(points: Sequence[Case], kept_back: Sequence[Case]) -> Estimator:
    """One that is fitted to the first and checked on the others."""
    return Estimator(fit(points), tuple(points), tuple(kept_back))


def published_estimator() -> Estimator:
    """The one that is fitted to MLPerf's ResNet-50 with batch 1."""
    return make_estimator(fitted(), checked())


def _reach(points: Sequence[Point], wider: float) -> tuple[float, float]:
    """How far the interval goes below and above, in logs."""
    squares = [math.log1p(point.error) ** 2 for point in points]
    spread = _REACH * math.sqrt(sum(squares) / len(squares))
    low, high = (abs(math.log(end)) for end in FLOOR)
    return wider * max(low, spread), wider * max(high, spread)
