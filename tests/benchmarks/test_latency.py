"""Times of calls, in turns, by a clock of our own: no real time is asserted."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from edgefer.benchmarks import latency
from edgefer.benchmarks.latency import Latency, measure, overhead, ratio, start
from edgefer.errors import InputError
from edgefer.golden import Probabilities
from edgefer.manifest import Precision
from edgefer.runtime.backend import Pixels
from edgefer.runtime.session import Session
from tests.benchmarks.sessions import session_of, uniform


class Clock:
    """Nanoseconds that pass only when a session runs or someone sleeps."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0
        self.ran: list[str] = []
        monkeypatch.setattr(latency.time, "perf_counter_ns", lambda: self.now)
        monkeypatch.setattr(latency.time, "sleep", self.sleep)

    def sleep(self, seconds: float) -> None:
        self.now += int(seconds * 1e9)

    def session(self, name: str, *milliseconds: float) -> Session:
        """One that takes these times in turn."""
        calls = 0

        def run(faces: Pixels) -> Probabilities:
            nonlocal calls
            self.now += int(milliseconds[calls % len(milliseconds)] * 1e6)
            self.ran.append(name)
            calls += 1
            return uniform(faces)

        return session_of(run)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def test_every_timed_call_counts(clock: Clock) -> None:
    (found,) = measure([clock.session("a", 10)], seconds=1)
    assert found.calls == 100
    assert found.median == found.p90 == found.p99 == found.mean == pytest.approx(10)
    assert found.throughput == pytest.approx(100)
    assert found.calls + found.warm_up == len(clock.ran)


def test_percentiles_are_times_that_were_measured(clock: Clock) -> None:
    (found,) = measure([clock.session("a", *range(1, 11))], seconds=1)
    assert found.median == pytest.approx(5.5, abs=0.5)
    assert found.p90 in {9, 10}
    assert found.p99 == 10
    assert found.mean == pytest.approx(5.5, abs=0.1)


def test_throughput_counts_faces(clock: Clock) -> None:
    (found,) = measure([clock.session("a", 20)], batch=8, seconds=1)
    assert found.batch == 8
    assert found.throughput == pytest.approx(8 * 50)


def test_the_batch_is_what_is_run(clock: Clock) -> None:
    seen: set[tuple[int, ...]] = set()

    def run(faces: Pixels) -> Probabilities:
        seen.add(faces.shape)
        clock.now += 10**7
        return uniform(faces)

    measure([session_of(run)], batch=3, seconds=0.1)
    assert seen == {(3, 24, 24, 3)}


def test_bundles_take_turns(clock: Clock) -> None:
    first, second = measure([clock.session("a", 10), clock.session("b", 5)], seconds=2)
    assert ratio(second, first).median == pytest.approx(0.5)
    assert ratio(second, first).p99 == pytest.approx(0.5)
    assert asdict(ratio(first, first)) == {"median": 1, "p99": 1}
    turns = [name for name, before in zip(clock.ran, ["", *clock.ran]) if name != before]
    assert len(turns) >= 6
    # Who goes first alternates, so two turns of the same bundle meet at the end of a round.
    assert first.calls == pytest.approx(200, abs=2)
    assert second.calls == pytest.approx(400, abs=2)


def test_each_has_its_time_and_a_least_number_of_calls(clock: Clock) -> None:
    slow, fast = measure([clock.session("a", 400), clock.session("b", 1)], seconds=0.5)
    assert slow.calls >= 20
    assert fast.calls >= 500


def test_warm_up_goes_on_until_times_are_stable(clock: Clock) -> None:
    falling = [float(value) for value in (*range(100, 70, -2), *[70] * 500)]
    (found,) = measure([clock.session("a", *falling)], seconds=0.1)
    assert found.warm_up > 15
    assert found.median == 70


def test_warm_up_ends_where_times_never_are(clock: Clock) -> None:
    wild = [float(2**step) for step in range(10) for _ in range(5)]
    (found,) = measure([clock.session("a", *wild)], seconds=0.1)
    assert found.warm_up >= 50


def test_the_same_session_twice(clock: Clock) -> None:
    session = clock.session("a", 10)
    first, second = measure([session, session], seconds=0.5)
    assert ratio(second, first).median == 1


@pytest.mark.parametrize(
    ("batch", "seconds", "message"),
    [
        (0, 1.0, "batch: expected 1 to 1,024 faces a call, found 0"),
        (1025, 1.0, "batch: expected 1 to 1,024 faces a call, found 1,025"),
        *((1, text, "duration: .* above 0") for text in (0.0, -1.0, float("nan"), float("inf"))),
    ],
)
def test_wrong_options(batch: int, seconds: float, message: str) -> None:
    with pytest.raises(InputError, match=message):
        measure([session_of(uniform)], batch, seconds)


def test_a_start_reads_the_file_before_the_clock_runs(
    bundles: dict[Precision, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[object] = []
    monkeypatch.setattr(latency, "read_bundle", done.append)
    clock = latency.time.perf_counter_ns
    monkeypatch.setattr(latency.time, "perf_counter_ns", lambda: done.append("clock") or clock())
    path = bundles[Precision.INT8]
    start(path, threads=1)[0].close()
    assert done[:2] == [path, "clock"]
    with pytest.raises(InputError, match="batch: expected"):
        start(path, batch=1025)


def test_progress_ends_where_it_said(clock: Clock) -> None:
    calls: list[tuple[str, int, int]] = []
    measure([clock.session("a", 10)], seconds=1, progress=lambda *call: calls.append(call))
    assert calls[-1] == ("turns", 1000, 1000)
    assert all(done <= total for _, done, total in calls)


def test_real_sessions_with_the_real_clock(bundles: dict[Precision, Path]) -> None:
    session, begun = start(bundles[Precision.INT8], threads=1, batch=2)
    assert begun.load > 0
    assert begun.first_answer > 0
    with session:
        (found,) = measure([session], batch=2, seconds=0.05)
    assert found.calls >= 20
    assert 0 < found.median <= found.p90 <= found.p99
    assert np.isfinite(found.throughput)


def test_overhead_compares_the_same_graph(bundles: dict[Precision, Path]) -> None:
    found = overhead(bundles[Precision.INT8], calls=20)
    assert found.calls == 20
    assert found.session > 0
    assert found.bare > 0


def test_ratio_by_hand() -> None:
    first = Latency(1, 10, 5, median=2, p90=3, p99=8, mean=2, throughput=500)
    other = Latency(1, 10, 5, median=1, p90=3, p99=2, mean=2, throughput=500)
    assert asdict(ratio(other, first)) == {"median": 0.5, "p99": 0.25}
