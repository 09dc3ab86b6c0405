"""What is asked of everyone, how fast, and options that mean nothing."""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from edgefer.benchmarks.clock import RealClock
from edgefer.benchmarks.plan import MOST_FACES_A_QUERY, Plan
from edgefer.benchmarks.questions import ask_faces, pace_of
from edgefer.benchmarks.reference import ReferenceKernel
from edgefer.benchmarks.scenarios import BackToBack, Camera, Poisson, Scenario
from edgefer.benchmarks.turns import QUICK, THREADED, Length
from edgefer.data.drawn import drawn_faces
from edgefer.data.faces import FaceSet, Pixels
from edgefer.errors import InputError
from edgefer.labels import ORDERS
from tests.benchmarks.clocks import FakeClock
from tests.benchmarks.entrants import a_plan
from tests.benchmarks.sessions import LABELS, SIZE

SEVEN = ORDERS["raf-db"]


def by_folder(count: int) -> FaceSet:
    """So many faces of each expression, one expression after the other; each is filled with its
    place."""

    def load(place: int) -> Pixels:
        return np.full((SIZE, SIZE, 3), place, np.uint8)

    targets = np.repeat(np.eye(len(LABELS), dtype=np.float32), count, axis=0)
    return FaceSet("folder:faces", LABELS, targets, load)


@pytest.mark.parametrize(("count", "queries"), [(1, 64), (4, 16), (16, 4), (100, 4)])
def test_queries_differ_and_have_as_many_faces(count: int, queries: int) -> None:
    found = ask_faces(a_plan(), SIZE, LABELS, count)
    assert len(found.queries) == queries
    assert {query.shape for query in found.queries} == {(count, SIZE, SIZE, 3)}
    assert {query.dtype for query in found.queries} == {np.dtype(np.uint8)}
    assert len({query.tobytes() for query in found.queries}) == queries
    assert all(query.flags.c_contiguous for query in found.queries)
    assert found.classes is None


def test_drawn_faces_are_the_same_for_everyone_and_in_every_run() -> None:
    found = ask_faces(a_plan(), 48, LABELS, 1).queries
    for query, face in zip(found[:3], drawn_faces(3).pixels(48)):
        np.testing.assert_array_equal(query[0], face)
    again = ask_faces(a_plan(), 48, SEVEN, 1).queries
    np.testing.assert_array_equal(np.concatenate(found), np.concatenate(again))


def test_of_a_folder_every_expression_is_asked() -> None:
    """The first 64 would be all of one."""
    found = ask_faces(a_plan(faces=by_folder(25)), SIZE, LABELS, 2)
    assert found.classes is not None
    assert found.classes.shape == (32, 2)
    assert np.bincount(found.classes.ravel()).tolist() == [8] * len(LABELS)
    for query, classes in zip(found.queries, found.classes):
        assert (query[:, 0, 0, 0] // 25).tolist() == classes.tolist()


def test_few_faces_are_asked_again() -> None:
    found = ask_faces(a_plan(faces=drawn_faces(3)), SIZE, LABELS, 2)
    assert len(found.queries) == 32
    assert found.classes is not None
    assert found.classes.ravel().tolist() == [number % 3 for number in range(64)]


def test_faces_of_labels_that_a_network_lacks_are_left_out() -> None:
    found = ask_faces(a_plan(faces=by_folder(2)), SIZE, SEVEN, 1)
    assert found.classes is not None
    asked = [LABELS[query[0, 0, 0, 0] // 2] for query in found.queries]
    assert "contempt" not in asked
    assert [SEVEN[number] for number in found.classes.ravel()] == asked


def never() -> float:
    pytest.fail("the slowest was measured")


def test_paces() -> None:
    plan = a_plan(seconds=3.0, fps=15.0)
    camera = pace_of(plan, Scenario.CAMERA, QUICK.seconds, never)
    assert isinstance(camera, Camera)
    assert camera.rate == 15
    server = pace_of(plan, Scenario.SERVER, QUICK.seconds, lambda: 0.01)
    assert isinstance(server, Poisson)
    assert server.rate == pytest.approx(50)
    asked_for = pace_of(a_plan(rate=7.0), Scenario.SERVER, QUICK.seconds, never)
    assert isinstance(asked_for, Poisson)
    assert asked_for.rate == 7
    for scenario in (Scenario.SINGLE, Scenario.MULTI, Scenario.OFFLINE, Scenario.END_TO_END):
        assert isinstance(pace_of(plan, scenario, 0.25, never), BackToBack)
        assert pace_of(plan, scenario, THREADED.seconds, never).seconds == 0.25


def test_a_turn_is_no_longer_than_all_of_it() -> None:
    pace = pace_of(a_plan(seconds=0.01), Scenario.SINGLE, THREADED.seconds, never)
    assert pace.seconds == 0.01


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"batch": 0}, "batch: expected 1 to 1,024 faces a query, found 0"),
        ({"batch": 1025}, "batch: expected 1 to 1,024 faces a query, found 1,025"),
        ({"streams": 0}, "streams: expected 1 to 1,024 faces a query, found 0"),
        ({"rate": 0.0}, "rate: expected 0.01 to 100,000 a second, found 0.0"),
        ({"rate": 1e9}, "rate: expected 0.01 to 100,000 a second, found 1000000000.0"),
        ({"rate": float("nan")}, "rate: expected 0.01 to 100,000 a second, found nan"),
        ({"fps": -1.0}, "fps: expected 0.01 to 100,000 a second, found -1.0"),
        ({"fps": float("inf")}, "fps: expected 0.01 to 100,000 a second, found inf"),
        ({"bound": 0.0}, "bound: expected milliseconds above 0, found 0.0"),
        ({"bound": float("nan")}, "bound: expected milliseconds above 0, found nan"),
        ({"scenarios": []}, "scenario: expected one or more of single, multi, offline, server, "),
        ({"scenarios": [Scenario.END_TO_END]}, "expected --frames with a picture or a video"),
    ],
    ids=str,
)
def test_options_that_mean_nothing_are_refused(option: dict[str, object], message: str) -> None:
    with pytest.raises(InputError) as caught:
        Plan([Path("none")], **option)
    assert message in str(caught.value)


def test_what_is_at_the_limits_is_taken() -> None:
    Plan([Path("none")], batch=MOST_FACES_A_QUERY, streams=1, rate=0.01, fps=100_000.0, bound=1e-3)


def test_settings_are_what_was_asked_for() -> None:
    plan = Plan([Path("none")], length=Length(2.5, 7), threads=(1, 2), bound=33.3)
    assert plan.settings() == {
        "duration": 2.5,
        "queries": 7,
        "batch": 1,
        "streams": 4,
        "rate": None,
        "fps": 30.0,
        "bound_ms": 33.3,
        "threads": [1, 2],
        "faces": "drawn faces",
    }
    given = a_plan(faces=by_folder(1)).settings()
    assert given["faces"] == "faces of folder:faces"


def test_the_reference_is_the_same_work_every_time() -> None:
    """It changes nothing that it reads, and asks the clock before and after."""

    class Ticking(FakeClock):
        def now(self) -> int:
            self.time += 7
            return self.time

    kernel = ReferenceKernel()
    before = [kernel._left.copy(), kernel._picture.copy()]
    assert [kernel(Ticking()), kernel(Ticking())] == [7, 7]
    np.testing.assert_array_equal(before[0], kernel._left)
    np.testing.assert_array_equal(before[1], kernel._picture)
    np.testing.assert_allclose(kernel._product, kernel._left @ kernel._right, rtol=1e-5)
    assert kernel._smaller.std() > 0
    again = ReferenceKernel()
    np.testing.assert_array_equal(again._left, kernel._left)
    np.testing.assert_array_equal(again._picture, kernel._picture)


def test_other_libraries_are_another_reference(monkeypatch: pytest.MonkeyPatch) -> None:
    """They bring their own kernels."""
    name = ReferenceKernel().name
    assert f"opencv {cv2.__version__}, " in name
    assert f"numpy {np.__version__}" in name
    monkeypatch.setitem(sys.modules, "cv2", None)
    without = ReferenceKernel()
    assert without.name == f"2: matrices by numpy {np.__version__}"
    assert without(RealClock()) > 0
