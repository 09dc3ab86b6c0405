"""One scenario from warm-up to who was faster, on a clock of our own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from edgefer.benchmarks import energy_run
from edgefer.benchmarks.difference import Verdict
from edgefer.benchmarks.latency import timed
from edgefer.benchmarks.samples import no_data
from edgefer.benchmarks.scenarios import BackToBack, Camera, Poisson, Scenario
from edgefer.benchmarks.turns import THREADED, Contender
from edgefer.data.drawn import drawn_faces
from edgefer.errors import InputError
from edgefer.runtime.backend import Floats, Pixels
from edgefer.runtime.detector import Face
from edgefer.runtime.session import Session
from tests.benchmarks.clocks import FakeClock
from tests.benchmarks.entrants import (
    MS,
    Meter,
    Network,
    a_heat,
    a_plan,
    entrant,
    in_session,
    noise,
    run_heat,
)
from tests.benchmarks.sessions import LABELS


def test_the_slower_is_found_and_the_first_is_what_it_is_compared_with() -> None:
    clock = FakeClock()
    entries = [entrant(Network(clock, 5)), entrant(Network(clock, 5.5), "second")]
    (first, second), _ = run_heat(a_heat(a_plan(), clock), clock, entries)
    assert first.difference is None
    assert second.difference is not None
    assert second.difference.verdict is Verdict.SLOWER
    assert second.difference.ratio == pytest.approx(1.1)
    assert timed(second.contender, 0).latency.p50 == pytest.approx(5.5, rel=1e-3)


def test_one_alone_is_compared_with_nobody() -> None:
    clock = FakeClock()
    (one,), _ = run_heat(a_heat(a_plan(), clock), clock, [entrant(Network(clock, 5))])
    assert one.difference is None
    assert one.contender.asked >= 10
    assert one.agreement == 1
    assert one.answers is not None
    assert one.answers.hold
    assert one.cached is not None
    assert one.cached.ratio == pytest.approx(1)
    assert one.stages == {}


def test_where_nothing_can_be_said_it_goes_on_up_to_three_times_as_long() -> None:
    clock = FakeClock()
    first, second = (Network(clock, *noise(0.3, seed)) for seed in (1, 2))
    entries = [entrant(first), entrant(second, "second")]
    found, _ = run_heat(a_heat(a_plan(seconds=0.2), clock), clock, entries)
    assert [one.contender.spent >= 600 * MS for one in found] == [True, True]
    assert found[1].difference is not None
    assert found[1].difference.verdict is Verdict.INCONCLUSIVE


def test_where_something_can_be_said_it_does_not_go_on() -> None:
    clock = FakeClock()
    entries = [entrant(Network(clock, 5)), entrant(Network(clock, 10), "second")]
    found, _ = run_heat(a_heat(a_plan(seconds=0.2), clock), clock, entries)
    assert min(one.contender.spent for one in found) == 200 * MS


@pytest.mark.parametrize("threads", [1, 2])
def test_turns_are_longer_after_a_rest_where_there_are_threads(threads: int) -> None:
    clock = FakeClock()
    heat = a_heat(a_plan(seconds=1.0), clock, threads)
    (one,), _ = run_heat(heat, clock, [entrant(Network(clock, 1))])
    gaps = [after.begun - before.ended for before, after in zip(*_neighbours(one.contender))]
    lengths = {turn.ended - turn.begun for turn in one.contender.turns}
    if threads == 1:
        assert lengths == {5 * MS}
        assert max(gaps) < 5 * MS
    else:
        assert lengths == {250 * MS}
        assert min(gaps) >= THREADED.rest * 1e9


def _neighbours(contender: Contender) -> tuple[list[object], list[object]]:
    return contender.turns[:-1], contender.turns[1:]


def test_answers_that_change_under_the_clock_are_found() -> None:
    clock = FakeClock()
    honest = Network(clock, 5)

    def lying(faces: Pixels) -> Floats:
        """From the hundred and fiftieth call on: it is checked before."""
        answer = honest(faces)
        return answer if honest.asked < 150 else np.roll(answer, 1, axis=1)

    heat = a_heat(a_plan(seconds=1.0), clock)
    (one,), _ = run_heat(heat, clock, [entrant(lying)])
    assert one.answers is not None
    assert not one.answers.hold
    assert one.answers.largest_difference == 1


def test_agreement_is_of_winners_with_the_same_labels() -> None:
    clock = FakeClock()
    other = Network(clock, 5)

    def half(faces: Pixels) -> Floats:
        """Every other face is another."""
        answer = other(faces)
        return np.roll(answer, 1, axis=1) if other.asked % 2 else answer

    entries = [
        entrant(Network(clock, 5)),
        entrant(half, "half"),
        entrant(Network(clock, 5), "fewer", labels=LABELS[:7]),
        entrant(Network(clock, 5), "random", labelled=False),
    ]
    (first, second, fewer, random), _ = run_heat(a_heat(a_plan(), clock), clock, entries)
    assert first.agreement == 1
    assert second.agreement == pytest.approx(0.5)
    assert fewer.agreement is None
    assert (random.agreement, random.answers) == (None, None)


def test_answers_that_mean_nothing_are_not_kept() -> None:
    """They may be of any size."""
    clock = FakeClock()
    heat = a_heat(a_plan(), clock)
    (one,), _ = run_heat(heat, clock, [entrant(Network(clock, 5), labelled=False)])
    assert list(one.contender.kept) == []
    assert one.contender.asked >= 10


def test_labels_tell_the_share_that_is_right() -> None:
    clock = FakeClock()
    faces = drawn_faces(40)
    heat = a_heat(a_plan(seconds=2.0, faces=faces), clock)

    def knowing(pixels: Pixels) -> Floats:
        clock.time += 5 * MS
        place = next(number for number, face in enumerate(known) if np.array_equal(face, pixels[0]))
        return np.eye(len(LABELS), dtype=np.float32)[[place % len(LABELS)]]

    known = faces.pixels(24)
    (one,), _ = run_heat(heat, clock, [entrant(knowing)])
    assert one.answers is not None
    assert one.answers.right == 1
    assert one.questions is not None
    assert one.questions.classes is not None
    assert set(one.questions.classes.ravel()) == set(range(len(LABELS)))


@pytest.mark.parametrize(
    ("scenario", "faces"), [(Scenario.SINGLE, 2), (Scenario.MULTI, 3), (Scenario.OFFLINE, 16)]
)
def test_throughput_counts_every_face_of_a_query(scenario: Scenario, faces: int) -> None:
    clock = FakeClock()
    heat = a_heat(a_plan(scenario, batch=2, streams=3), clock)
    (one,), _ = run_heat(heat, clock, [entrant(Network(clock, 10))])
    assert {len(query) for query in one.contender.queries} == {faces}
    assert timed(one.contender, 0).throughput == pytest.approx(100 * faces)


def test_a_server_is_asked_half_of_what_the_slowest_can_do() -> None:
    clock = FakeClock()
    entries = [entrant(Network(clock, 2)), entrant(Network(clock, 5), "second")]
    found, _ = run_heat(a_heat(a_plan(Scenario.SERVER), clock), clock, entries)
    paces = [one.contender.pace for one in found]
    assert all(isinstance(pace, Poisson) and pace.rate == pytest.approx(100) for pace in paces)
    came = [one.contender.asked for one in found]
    assert came[0] == came[1]
    assert timed(found[1].contender, 0).throughput == pytest.approx(100, rel=0.3)


def test_a_rate_that_is_asked_for_is_taken() -> None:
    clock = FakeClock()
    plan = a_plan(Scenario.SERVER, rate=20.0)
    (one,), _ = run_heat(a_heat(plan, clock), clock, [entrant(Network(clock, 5))])
    assert isinstance(one.contender.pace, Poisson)
    assert one.contender.pace.rate == 20


def test_a_camera_that_nobody_keeps_up_with_and_no_more_turns_for_it() -> None:
    clock = FakeClock()
    entries = [entrant(Network(clock, 40)), entrant(Network(clock, 41), "second")]
    plan = a_plan(Scenario.CAMERA, seconds=0.1, fps=50.0)
    found, _ = run_heat(a_heat(plan, clock), clock, entries)
    for one in found:
        assert isinstance(one.contender.pace, Camera)
        assert len(one.contender.turns) == 1
        assert timed(one.contender, 0).overtaken == pytest.approx(one.contender.asked / 2, abs=3)
    assert found[1].difference is not None
    assert found[1].difference.verdict is Verdict.INCONCLUSIVE


@pytest.fixture
def finding(monkeypatch: pytest.MonkeyPatch) -> FakeClock:
    """Finds one face in 3 ms, none in a black frame."""
    clock = FakeClock()

    class Finder:
        name = "finder"

        def find(self, frame: Pixels) -> list[Face]:
            clock.time += 3 * MS
            return [Face((5.0, 5.0, 20.0, 20.0))] if frame.any() else []

    monkeypatch.setattr("edgefer.runtime.recognizer.find_detector", lambda model: Finder())
    return clock


def test_end_to_end_is_for_sessions_alone(finding: FakeClock) -> None:
    clock = finding
    frames = [np.zeros((40, 60, 3), np.uint8), np.full((40, 60, 3), 200, np.uint8)]
    entries = [in_session(Network(clock, 2)), entrant(Network(clock, 2), "peer")]
    plan = a_plan(Scenario.END_TO_END, frames=frames, batch=4)
    (one,), _ = run_heat(a_heat(plan, clock), clock, entries)
    assert one.entry.name == "first"
    assert list(one.stages) == ["find", "align", "inference"]
    assert (one.answers, one.agreement) == (None, None)
    # black frames take 3 ms and others 5: that is no cache
    assert one.cached is None
    assert timed(one.contender, 0).throughput == pytest.approx(250, rel=0.05)
    one.entry.session.run(np.zeros((1, 24, 24, 3), np.uint8))  # still open


class Staged(Session):
    """A session that tells its stages."""

    def stages(self, faces: Pixels) -> Iterator[str]:
        for name in ("copy in", "inference"):
            self.run(faces)
            yield name


@pytest.mark.parametrize(("batch", "stages"), [(16, ["copy in", "inference"]), (17, [])])
def test_stages_are_those_of_a_query_that_is_one_call(batch: int, stages: list[str]) -> None:
    clock = FakeClock()
    entry = in_session(Network(clock, 1))
    entry.session.__class__ = Staged
    heat = a_heat(a_plan(batch=batch), clock)
    (one,), _ = run_heat(heat, clock, [entry])
    assert list(one.stages) == stages


def test_energy_is_of_each_alone_less_idling(monkeypatch: pytest.MonkeyPatch) -> None:
    """10 W at rest, and each query takes 20 or 40 mJ."""
    monkeypatch.setattr(energy_run, "IDLE_S", 0.0)
    clock, calls = FakeClock(), []
    fast, slow = Network(clock, 5), Network(clock, 10)
    meter = Meter(lambda time: 10 * time + 0.02 * fast.asked + 0.04 * slow.asked)
    entries = [entrant(fast), entrant(slow, "second")]
    heat = a_heat(a_plan(), clock)
    found, watch = run_heat(heat, clock, entries, meter, lambda *call: calls.append(call))
    told = [one.energy.value for one in found]
    assert [each.per_query for each in told] == [pytest.approx(0.02), pytest.approx(0.04)]
    assert [each.idle.value for each in told] == [pytest.approx(10)] * 2
    assert [each.queries for each in told] == [600, 300]
    assert calls[-2:] == [("energy, single", 1, 2), ("energy, single", 2, 2)]
    times = [sample.time for sample in watch.samples]
    assert times == sorted(set(times))
    assert len(times) >= 6  # two at rest, and two of each alone


def test_without_power_there_is_no_energy_and_no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(energy_run.time, "sleep", lambda seconds: pytest.fail("it waited"))
    clock = FakeClock()
    (one,), _ = run_heat(a_heat(a_plan(), clock), clock, [entrant(Network(clock, 5))])
    assert one.energy == no_data("nothing tells")


def test_progress_names_the_scenario_and_its_threads() -> None:
    clock, calls = FakeClock(), []
    heat = a_heat(a_plan(), clock)
    run_heat(heat, clock, [entrant(Network(clock, 5))], progress=lambda *call: calls.append(call))
    assert calls[-1] == ("single, threads: 1", 1000, 1000)


def test_a_detector_that_is_not_there_is_told_before_anything_is_timed(tmp_path: Path) -> None:
    clock = FakeClock()
    network = Network(clock, 2)
    frames = [np.zeros((4, 4, 3), np.uint8)]
    plan = a_plan(Scenario.END_TO_END, frames=frames, detector=tmp_path / "none.onnx")
    with pytest.raises(InputError, match=r"none\.onnx"):
        run_heat(a_heat(plan, clock), clock, [in_session(network)])
    assert network.asked == 0


def test_what_a_query_takes_is_a_median() -> None:
    clock = FakeClock()
    contender = Contender(Network(clock, 1, 2, 90), [np.zeros((1, 2, 2, 3))], BackToBack(1.0))
    assert contender.typical(clock) / 1e9 == pytest.approx(0.002)
