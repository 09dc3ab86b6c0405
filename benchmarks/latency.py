"""How long a bundle takes: several in turns in one run, so that they compare as ratios.

Speeds of two runs do not compare: the machine's clock, heat and other work differ. Every timed
call counts, none is dropped.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edgefer.bundle import read_bundle
from edgefer.data.drawn import drawn_faces
from edgefer.data.faces import Pixels
from edgefer.errors import InputError
from edgefer.imports import require
from edgefer.progress import Progress, silent
from edgefer.runtime.ort import session_options
from edgefer.runtime.session import Session, load

# A turn begins with a rest and a few calls that are not timed. ONNX Runtime's threads wait busily
# for some 50 ms after their last call: they would take a core from whoever is next.
_TURN_S = 0.5
_REST_S = 0.1
_SETTLING_CALLS = 3
_LEAST_CALLS = 20

# Warm-up ends when the medians of two windows of calls are this close, or after so many calls.
_WINDOW = 5
_STABLE = 0.05
_MOST_WARM_UP = 50

_OVERHEAD_CALLS = 500
MOST_FACES_A_CALL = 1024  # our choice: all of them are drawn first


@dataclass(frozen=True)
class Latency:
    """Times of `calls` calls with `batch` faces each, in milliseconds.

    `p90` and `p99` are times that were measured, not interpolated. `throughput` is in faces per
    second, one call after the other. `warm_up` calls were not timed.
    """

    batch: int
    calls: int
    warm_up: int
    median: float
    p90: float
    p99: float
    mean: float
    throughput: float


@dataclass(frozen=True)
class Ratio:
    """Times of one bundle over those of another of the same run: below 1 is faster."""

    median: float
    p99: float


@dataclass(frozen=True)
class Start:
    """Seconds from a file to the first answer.

    Libraries had been imported before, and the file is in the page cache.
    """

    load: float
    first_answer: float


@dataclass(frozen=True)
class Overhead:
    """Medians of one face in microseconds: through a session, and by ONNX Runtime alone."""

    calls: int
    session: float
    bare: float


@dataclass
class _Runner:
    """A session, its faces and the times so far, in nanoseconds."""

    session: Session
    faces: Pixels
    times: list[int]
    warm_up: int = 0

    def call(self) -> int:
        return _time(lambda: self.session.run(self.faces))

    def warm(self) -> None:
        """Call until the times are stable."""
        before = float("inf")
        while self.warm_up < _MOST_WARM_UP:
            median = float(np.median([self.call() for _ in range(_WINDOW)]))
            self.warm_up += _WINDOW
            if abs(median - before) <= _STABLE * median:
                return
            before = median

    def turn(self, nanoseconds: int) -> None:
        """Rest, settle, and time calls for about so long; at least one."""
        time.sleep(_REST_S)
        for _ in range(_SETTLING_CALLS):
            self.call()
        self.warm_up += _SETTLING_CALLS
        spent = 0
        while not spent or spent < nanoseconds:
            self.times.append(self.call())
            spent += self.times[-1]

    def done(self, nanoseconds: int) -> bool:
        return len(self.times) >= _LEAST_CALLS and sum(self.times) >= nanoseconds


def start(
    bundle: Path, *, backend: str = "auto", threads: int | None = None, batch: int = 1
) -> tuple[Session, Start]:
    """Load a bundle and let it answer once: the open session, and how long both took.

    It is read once before, so that every bundle comes from the page cache. Raises what `load`
    raises, and InputError for a batch that is not 1 to 1,024.
    """
    _check_batch(batch)
    read_bundle(bundle)
    time.sleep(_REST_S)
    begun = time.perf_counter_ns()
    session = load(bundle, backend=backend, threads=threads)
    loaded = time.perf_counter_ns()
    try:
        faces = drawn_faces(batch).pixels(session.size)
        answered = _time(lambda: session.run(faces))
    except BaseException:
        session.close()
        raise
    return session, Start((loaded - begun) / 1e9, answered / 1e9)


def measure(
    sessions: Sequence[Session], batch: int = 1, seconds: float = 3.0, progress: Progress = silent
) -> list[Latency]:
    """Time the sessions in turns, each for `seconds` in all and 20 calls at least.

    The turns start with another session in each round. Faces are drawn. Raises InputError for a
    batch that is not 1 to 1,024, and for a time that is not positive.
    """
    _check_batch(batch)
    if not 0 < seconds < float("inf"):
        msg = f"duration: expected a number of seconds above 0, found {seconds}"
        raise InputError(msg)
    runners = [_Runner(one, drawn_faces(batch).pixels(one.size), []) for one in sessions]
    for runner in runners:
        runner.warm()
    budget = int(seconds * 1e9)
    turn = min(budget, int(_TURN_S * 1e9))
    order = deque(runners)
    while not all(runner.done(budget) for runner in runners):
        for runner in order:
            runner.turn(turn)
        spent = min(sum(runner.times) for runner in runners)
        progress("turns", min(spent, budget) // 1_000_000, budget // 1_000_000)
        order.rotate(-1)
    return [_latency(runner, batch) for runner in runners]


def ratio(latency: Latency, first: Latency) -> Ratio:
    """How `latency` compares with the first of the same run."""
    return Ratio(latency.median / first.median, latency.p99 / first.p99)


def overhead(bundle: Path, threads: int = 1, calls: int = _OVERHEAD_CALLS) -> Overhead:
    """What a session costs over a bare InferenceSession with the same graph and threads.

    Call by call in turns, which of the two goes first alternates. Raises what `load` raises.
    """
    library = require("onnxruntime", "cpu")
    options = session_options(threads)
    with load(bundle, backend="onnxruntime", threads=threads) as session:
        graph = read_bundle(bundle).graph(session.flavour)
        bare = library.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        faces = drawn_faces(1).pixels(session.size)
        both = (lambda: session.run(faces), lambda: bare.run(None, {"pixels": faces}))
        times: tuple[list[int], list[int]] = ([], [])
        for call in range(_MOST_WARM_UP + calls):
            for which in (call % 2, 1 - call % 2):
                times[which].append(_time(both[which]))
    medians = [float(np.median(own[_MOST_WARM_UP:])) / 1e3 for own in times]
    return Overhead(calls, *medians)


def _check_batch(batch: int) -> None:
    if not 1 <= batch <= MOST_FACES_A_CALL:
        msg = f"batch: expected 1 to {MOST_FACES_A_CALL:,} faces a call, found {batch:,}"
        raise InputError(msg)


def _time(call: Callable[[], object]) -> int:
    begun = time.perf_counter_ns()
    call()
    return time.perf_counter_ns() - begun


def _latency(runner: _Runner, batch: int) -> Latency:
    times: NDArray[np.float64] = np.asarray(runner.times, np.float64) / 1e6
    p90, p99 = np.percentile(times, [90, 99], method="higher")
    return Latency(
        batch=batch,
        calls=len(times),
        warm_up=runner.warm_up,
        median=float(np.median(times)),
        p90=float(p90),
        p99=float(p99),
        mean=float(times.mean()),
        throughput=batch * len(times) / float(times.sum()) * 1e3,
    )
