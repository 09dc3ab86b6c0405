"""Latency on a device that is not here, as an interval: an estimate, never a measurement.

The model of `roofline` is fitted to published points and checked on others. `Estimate` has no
field of a measured `Latency` but the batch, and says "estimate" in each of its forms.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from edgefer.benchmarks.devices import Device, Source
from edgefer.benchmarks.published import Published, checked, fitted
from edgefer.benchmarks.roofline import Case, Parameters, Terms, fit
from edgefer.benchmarks.workload import Workload
from edgefer.manifest import Precision

KIND = "estimate"
BATCHES = (1, 16)

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
        what = f"{self.network} {self.precision} batch {self.batch} on {self.device}"
        return f"{what}: {self.error:+.0%} of {self.known_ms:.3g} ms ({self.source})"


@dataclass(frozen=True)
class Estimate:
    """How long a call may take on a device in its fastest power mode, in milliseconds.

    `fitted` are the points behind it, `checked` those kept back from it. `extrapolated`: no
    point is of this device, and the interval is three times as wide in log space.
    """

    network: str
    device: str
    mode: str | None
    table: Source
    precision: Precision
    batch: int
    low_ms: float
    typical_ms: float
    high_ms: float
    extrapolated: bool
    fitted: tuple[Point, ...]
    checked: tuple[Point, ...]
    kind: str = field(default=KIND, init=False)

    def __str__(self) -> str:
        mode = f" at {self.mode}" if self.mode else ""
        text = (
            f"{self.kind}: {self.typical_ms:.3g} ms ({self.low_ms:.2g} to {self.high_ms:.2g}), "
            f"{self.network} {self.precision} batch {self.batch} on {self.device}{mode}"
        )
        return f"{text}, extrapolated" if self.extrapolated else text

    @property
    def basis(self) -> tuple[str, ...]:
        """In words: where the device's rates are from, what was fitted, how far checks are off."""
        return (
            f"{KIND}: peak rates of {self.device}: {self.table}",
            *(f"{KIND}: fitted to {point}" for point in self.fitted),
            *(f"{KIND}: off on {point}" for point in self.checked),
        )

    def to_json(self) -> dict[str, Any]:
        """A JSON object whose `kind` is "estimate"."""
        told = {
            key: [{**asdict(point), "error": point.error} for point in getattr(self, key)]
            for key in ("fitted", "checked")
        }
        return {**asdict(self), **told}


@dataclass(frozen=True)
class Estimator:
    """Parameters with the points that they are fitted to; `own` are those of measured boards.

    What was measured on one board refines the estimates for that board and no other: launches
    cost what its host and its libraries make of them.
    """

    shared: Parameters
    points: tuple[Published, ...]
    kept_back: tuple[Published, ...] = ()
    own: Mapping[str, Parameters] = field(default_factory=dict)
    own_points: Mapping[str, tuple[Published, ...]] = field(default_factory=dict)

    def estimate(self, device: Device, workload: Workload, batch: int = 1) -> Estimate:
        """What that workload may take there."""
        parameters = self.own.get(device.key, self.shared)
        points = self.own_points.get(device.key, self.points)
        # other boards' checks say nothing of parameters that are this one's own
        is_own = device.key in self.own
        kept_back = _of(device, self.kept_back) if is_own else self.kept_back
        typical = Terms(device, workload, batch).milliseconds(parameters)
        extrapolated = all(point.case.device.key != device.key for point in points)
        known = _points(points, parameters)
        below, above = _reach(known, EXTRAPOLATED if extrapolated else 1.0)
        return Estimate(
            network=workload.name,
            device=device.name,
            mode=device.mode,
            table=device.source,
            precision=workload.precision,
            batch=batch,
            low_ms=typical * math.exp(-below),
            typical_ms=typical,
            high_ms=typical * math.exp(above),
            extrapolated=extrapolated,
            fitted=known,
            checked=_points(kept_back, parameters),
        )

    def estimates(
        self, device: Device, workload: Workload, batches: Iterable[int] = BATCHES
    ) -> tuple[Estimate, ...]:
        """One for each batch."""
        return tuple(self.estimate(device, workload, batch) for batch in batches)

    def with_measured(self, device: Device, points: Sequence[Published]) -> Estimator:
        """The same, with parameters of that device's own: held to the shared ones where open."""
        known = self.own_points.get(device.key) or _of(device, self.points)
        every = (*known, *points)
        parameters = fit([point.case for point in every], self.shared)
        return replace(
            self,
            own={**self.own, device.key: parameters},
            own_points={**self.own_points, device.key: every},
        )


def make_estimator(
    points: Sequence[Published] | None = None, kept_back: Sequence[Published] | None = None
) -> Estimator:
    """One fitted to points, by default MLPerf's ResNet-50 with batch 1, and checked on others."""
    points = fitted() if points is None else tuple(points)
    kept_back = checked() if kept_back is None else tuple(kept_back)
    return Estimator(fit([point.case for point in points]), points, kept_back)


def _of(device: Device, points: Sequence[Published]) -> tuple[Published, ...]:
    return tuple(point for point in points if point.case.device.key == device.key)


def _points(published: Sequence[Published], parameters: Parameters) -> tuple[Point, ...]:
    return tuple(_point(one.case, one.source, parameters) for one in published)


def _point(case: Case, source: str, parameters: Parameters) -> Point:
    return Point(
        device=case.device.name,
        network=case.workload.name,
        precision=case.workload.precision,
        batch=case.batch,
        known_ms=case.milliseconds,
        estimated_ms=Terms(case.device, case.workload, case.batch).milliseconds(parameters),
        source=source,
    )


def _reach(points: Sequence[Point], wider: float) -> tuple[float, float]:
    """How far the interval goes below and above, in logs."""
    squares = [math.log1p(point.error) ** 2 for point in points]
    spread = _REACH * math.sqrt(sum(squares) / max(len(squares), 1))
    low, high = (abs(math.log(end)) for end in FLOOR)
    return wider * max(low, spread), wider * max(high, spread)
