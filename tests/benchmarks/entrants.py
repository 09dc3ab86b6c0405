"""Who takes part in a benchmark and how its machine is, in known times on a clock of a test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from edgefer.benchmarks.entries import Entry, Start
from edgefer.benchmarks.footprint import Footprint
from edgefer.benchmarks.heat import Heat, Measured
from edgefer.benchmarks.plan import Plan
from edgefer.benchmarks.samples import Power, Provider, Reading, Sample
from edgefer.benchmarks.scenarios import Scenario
from edgefer.benchmarks.telemetry import NoProvider
from edgefer.benchmarks.turns import Length
from edgefer.benchmarks.watch import Watch
from edgefer.labels import Expression
from edgefer.progress import Progress, silent
from edgefer.runtime.backend import Floats, Pixels
from edgefer.runtime.session import Session
from tests.benchmarks.clocks import FakeClock
from tests.benchmarks.sessions import LABELS, SIZE, session_of

MS = 1_000_000
ABOUT = {
    **dict.fromkeys(("peer", "bundle", "id", "network", "precision", "flavour")),
    "backend": "function",
    "why": "for a test",
    "bytes": {"bundle": None, "graph": None, "engine": None},
}


class Network:
    """Answers by how bright a face is, in these milliseconds in turn, over and over."""

    def __init__(self, clock: FakeClock, *milliseconds: float) -> None:
        self._clock, self._times = clock, milliseconds
        self.asked = 0

    def __call__(self, faces: Pixels) -> Floats:
        self._clock.time += round(self._times[self.asked % len(self._times)] * MS)
        self.asked += 1
        classes = faces.mean(axis=(1, 2, 3)).astype(np.int64) % len(LABELS)
        return np.eye(len(LABELS), dtype=np.float32)[classes]


def entrant(
    run: Callable[[Pixels], object],
    name: str = "first",
    *,
    labels: tuple[Expression, ...] = LABELS,
    labelled: bool = True,
    session: Session | None = None,
) -> Entry:
    """An entry that answers with `run`."""
    return Entry(
        name=name,
        run=run,
        size=SIZE,
        about=ABOUT,
        start=Start(0.25, 0.125),
        labels=labels,
        labelled=labelled,
        footprint=lambda: Footprint(3_000_000, 1_000_000),
        session=session,
    )


def in_session(network: Network, name: str = "first") -> Entry:
    """An entry with a session around the network."""
    session = session_of(network)
    return entrant(session.run, name, session=session)


class Meter(Provider):
    """Takes a sample a tenth of a second after the last, and has counted what the test says."""

    name = "rapl"

    def __init__(self, joules: Callable[[float], float]) -> None:
        self._joules = joules
        self.time = 0.0
        self.closed = False

    def sample(self) -> Sample:
        self.time += 0.1
        counted = self._joules(self.time)
        power = Power(counted / self.time, ("package",), "the CPU")
        return Sample(self.time, power=Reading(power), counted=Reading(counted))

    def close(self) -> None:
        self.closed = True


def a_plan(
    scenario: Scenario = Scenario.SINGLE, seconds: float = 0.1, queries: int = 10, **others: object
) -> Plan:
    """A plan without bundles: a heat opens none."""
    length = Length(seconds, queries)
    return Plan([Path("none")], scenarios=[scenario], length=length, **others)


def a_heat(plan: Plan, clock: FakeClock, threads: int = 1) -> Heat:
    """The plan's first scenario, with a reference that takes half a millisecond."""

    def reference(clock: FakeClock) -> int:
        clock.time += MS // 2
        return MS // 2

    return Heat(plan, plan.scenarios[0], threads, clock, reference)


def run_heat(
    heat: Heat,
    clock: FakeClock,
    entries: list[Entry],
    provider: Provider | None = None,
    progress: Progress = silent,
) -> tuple[list[Measured], Watch]:
    """What was measured, and the watch with its samples."""

    def seconds() -> float:
        return clock.now() / 1e9

    provider = provider or NoProvider("nothing tells", seconds)
    watch = Watch(provider, seconds)
    return heat.run(entries, provider, watch, progress), watch


def noise(share: float, seed: int, count: int = 1000) -> Iterator[float]:
    """Milliseconds around 5 that differ by that share."""
    yield from 5 * np.exp(np.random.default_rng(seed).normal(0, share, count))
