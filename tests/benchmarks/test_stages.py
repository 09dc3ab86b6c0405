"""Each stage apart: their names, their order, and how often they are asked."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from edgefer.benchmarks import stages
from edgefer.benchmarks.stages import stage_times
from edgefer.runtime.backend import Pixels
from edgefer.runtime.detector import Face
from edgefer.runtime.recognizer import Recognizer
from edgefer.runtime.session import Session
from tests.benchmarks.sessions import SIZE, session_of, uniform

FACES = [np.full((2, SIZE, SIZE, 3), number, np.uint8) for number in range(3)]


class Time:
    """The time module, where a stage takes what the session says."""

    def __init__(self) -> None:
        self.ns = 0

    def perf_counter_ns(self) -> int:
        return self.ns

    def perf_counter(self) -> float:
        return self.ns / 1e9


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Time:
    made = Time()
    monkeypatch.setattr(stages, "time", made)
    return made


class Staged(Session):
    """Copies in one millisecond and computes in two, or more in every tenth call."""

    clock: Time
    calls = 0
    slow = 1.0

    def stages(self, faces: Pixels) -> Iterator[str]:
        self.calls += 1
        wild = 30 if not self.calls % 10 else 1
        for name, milliseconds in (("copy in", 1), ("inference", 2 * wild)):
            self.clock.ns += int(milliseconds * self.slow * 1e6)
            yield name


def staged(clock: Time, slow: float = 1.0) -> Staged:
    session = session_of(uniform)
    session.__class__ = Staged
    session.clock, session.slow = clock, slow
    return session


def test_medians_in_the_order_of_the_stages(clock: Time) -> None:
    session = staged(clock)
    found = stage_times(session, FACES)
    assert list(found.items()) == [("copy in", 1.0), ("inference", 2.0)]
    assert session.calls == 50


def test_a_slow_network_is_not_asked_for_long(clock: Time) -> None:
    session = staged(clock, slow=200.0)
    assert stage_times(session, FACES)["inference"] == 400
    assert session.calls == 5


def test_a_backend_that_cannot_tell_has_none(clock: Time) -> None:
    assert stage_times(session_of(uniform), FACES) == {}


def test_a_frame_is_searched_aligned_and_answered(clock: Time) -> None:
    class Finder:
        name = "finder"

        def find(self, frame: Pixels) -> list[Face]:
            clock.ns += 6_000_000
            return [Face((5.0, 5.0, 20.0, 20.0))] * 3

    counted: list[int] = []

    def answer(faces: Pixels) -> np.ndarray:
        clock.ns += 500_000
        counted.append(len(faces))
        return uniform(faces)

    recognizer = Recognizer(session_of(answer), detector=Finder())
    frames = [np.full((40, 60, 3), 120, np.uint8)]
    found = stage_times(recognizer.session, frames, recognizer)
    assert found == {"find": 6.0, "align": 0.0, "inference": 0.5}
    assert set(counted) == {3}
