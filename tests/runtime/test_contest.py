"""Where two backends run a bundle, the faster one is kept, and the other one closed."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pytest

from edgefer.bundle import Bundle, read_bundle
from edgefer.errors import BundleError, CheckFailed, EdgeferError, MachineError, reason
from edgefer.manifest import Flavour
from edgefer.runtime import selection
from edgefer.runtime.backend import Backend, Floats, OpenOptions, Pixels
from edgefer.runtime.contest import compare
from edgefer.runtime.selection import Chosen, choose
from edgefer.runtime.session import load
from tests.runtime.on_cpu import ON_CPU_HERE

FACE = np.zeros((1, 8, 8, 3), np.uint8)


class Clock:
    """Stands still but for what the backends take, each on a machine `slower` than before."""

    def __init__(self, slower: float = 1) -> None:
        self.now = 0.0
        self.pace = 1.0
        self.slower = slower

    def __call__(self) -> float:
        return self.now

    def take(self, seconds: float) -> None:
        self.now += seconds * self.pace
        self.pace *= self.slower


class Paced(Backend):
    """Answers the golden faces of a bundle, in its own time."""

    flavour = Flavour.CPU

    def __init__(self, name: str, clock: Clock, seconds: float, answers: Floats) -> None:
        self.name = name  # type: ignore[misc]  # of a class elsewhere
        self.closed = False
        self.calls = 0
        self._clock, self._seconds, self._answers = clock, seconds, answers

    @classmethod
    def open(cls, bundle: Bundle, flavour: Flavour, options: OpenOptions) -> Backend:
        raise NotImplementedError

    def run(self, faces: Pixels) -> dict[str, Floats]:
        self.calls += 1
        self._clock.take(self._seconds)
        return {"probabilities": self._answers[: len(faces)]}

    def close(self) -> None:
        assert not self.closed, "closed once"
        self.closed = True


def two(clock: Clock, first: float, second: float) -> tuple[Paced, Paced]:
    answers = np.ones((16, 8), np.float32)
    return (
        Paced("onnxruntime", clock, first, answers),
        Paced("openvino", clock, second, answers),
    )


@pytest.mark.parametrize(
    ("seconds", "kept", "why", "why_not"),
    [
        (
            (0.00142, 0.001),
            "openvino",
            "1.42 times as fast as onnxruntime here, in 30 calls each",
            "openvino is 1.42 times as fast here, in 30 calls each",
        ),
        (
            (0.001, 0.00142),
            "onnxruntime",
            "1.42 times as fast as openvino here, in 30 calls each",
            "onnxruntime is 1.42 times as fast here, in 30 calls each",
        ),
        (
            (0.00104, 0.001),
            "onnxruntime",
            "0.96 times as fast as openvino here, in 30 calls each, and 1.05 of openvino would be "
            "asked",
            "onnxruntime is 0.96 times as fast here, in 30 calls each, and 1.05 of openvino would "
            "be asked",
        ),
        (
            (0.001, 0.001),
            "onnxruntime",
            "1.00 times as fast as openvino here, in 30 calls each",
            "onnxruntime is 1.00 times as fast here, in 30 calls each",
        ),
    ],
    ids=["faster", "slower", "a little faster", "as fast"],
)
def test_the_second_has_to_be_faster(
    seconds: tuple[float, float], kept: str, why: str, why_not: str
) -> None:
    clock = Clock()
    first, second = two(clock, *seconds)
    found = compare(first, second, FACE, clock)
    assert (found.kept.name, found.why, found.why_not) == (kept, why, why_not)
    assert {found.kept, found.other} == {first, second}
    assert not first.closed
    assert not second.closed


@pytest.mark.parametrize(
    ("seconds", "calls", "longest"),
    [(0.0001, 30, 0.1), (0.015, 15, 0.6), (0.08, 3, 0.7), (2.0, 3, 17)],
)
def test_slow_backends_are_called_less(seconds: float, calls: int, longest: float) -> None:
    clock = Clock()
    first, second = two(clock, seconds, seconds)
    found = compare(first, second, FACE, clock)
    assert f"in {calls} calls each" in found.why
    assert first.calls == second.calls == calls + 1
    assert clock.now < longest


def test_a_machine_that_slows_down_is_fair_to_both() -> None:
    clock = Clock(slower=1.002)
    first, second = two(clock, 0.001, 0.001)
    assert compare(first, second, FACE, clock).kept is first
    second, first = two(clock, 0.001, 0.001)
    assert compare(first, second, FACE, clock).kept is first


# --- what auto makes of it ---------------------------------------------------------------------


class Kinds:
    """Two backends in the place of the real ones, which answer as the bundle expects it."""

    def __init__(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.clock = Clock()
        self.seconds = {"onnxruntime": 0.002, "openvino": 0.001}
        self.refusal: dict[str, BaseException] = {}
        self.opened: dict[str, Paced] = {}
        self._bundle = read_bundle(path)
        self._answers = self._bundle.golden().expected[Flavour.CPU]
        kinds = {name: partial(self._kind, name) for name in self.seconds}
        monkeypatch.setattr(selection, "BACKENDS", kinds)
        monkeypatch.setattr(selection, "is_there", lambda module: True)
        monkeypatch.setattr(selection, "compare", partial(compare, clock=self.clock))

    def choose(self, *names: str) -> Chosen:
        return choose(self._bundle, names or tuple(self.seconds), None, OpenOptions())

    def _kind(self, name: str) -> type[Backend]:
        kinds = self

        class Kind(Paced):
            @classmethod
            def open(cls, *_: object) -> Backend:
                if name in kinds.refusal:
                    raise kinds.refusal[name]
                made = Paced(name, kinds.clock, kinds.seconds[name], kinds._answers)
                kinds.opened[name] = made
                return made

        return Kind


@pytest.fixture
def kinds(bundle_path: Path, monkeypatch: pytest.MonkeyPatch) -> Kinds:
    """ONNX Runtime that takes 2 ms a call, and OpenVINO that takes 1 ms."""
    return Kinds(bundle_path, monkeypatch)


def test_the_faster_one_is_taken(kinds: Kinds) -> None:
    chosen = kinds.choose()
    assert chosen.backend is kinds.opened["openvino"]
    assert chosen.why == "2.00 times as fast as onnxruntime here, in 30 calls each"
    assert chosen.passed_over == {
        "onnxruntime": "openvino is 2.00 times as fast here, in 30 calls each"
    }
    assert kinds.opened["onnxruntime"].closed
    assert not kinds.opened["openvino"].closed


def test_the_first_stays_where_it_is_as_fast(kinds: Kinds) -> None:
    kinds.seconds["openvino"] = 0.002
    chosen = kinds.choose()
    assert chosen.backend is kinds.opened["onnxruntime"]
    assert chosen.passed_over.keys() == {"openvino"}
    assert kinds.opened["openvino"].closed
    assert not kinds.opened["onnxruntime"].closed


@pytest.mark.parametrize(
    "refusal", [MachineError("no VNNI"), BundleError("not read"), CheckFailed("wrong")], ids=str
)
def test_one_that_does_not_run_it_is_passed_over(kinds: Kinds, refusal: EdgeferError) -> None:
    kinds.refusal["openvino"] = refusal
    chosen = kinds.choose()
    assert chosen.backend is kinds.opened["onnxruntime"]
    assert chosen.why == "the first that runs here"
    assert chosen.passed_over == {"openvino": reason(refusal)}
    assert not kinds.opened["onnxruntime"].closed


def test_wrong_answers_are_closed_and_passed_over(kinds: Kinds) -> None:
    class Wrong(Paced):
        @classmethod
        def open(cls, *_: object) -> Backend:
            answers = np.roll(kinds._answers, 1, axis=1)
            kinds.opened["openvino"] = Paced("openvino", kinds.clock, 0.001, answers)
            return kinds.opened["openvino"]

    selection.BACKENDS["openvino"] = lambda: Wrong
    chosen = kinds.choose()
    assert chosen.backend is kinds.opened["onnxruntime"]
    assert "self-check of cpu.onnx on openvino" in chosen.passed_over["openvino"]
    assert kinds.opened["openvino"].closed


def test_the_second_runs_where_the_first_is_missing(kinds: Kinds) -> None:
    kinds.refusal["onnxruntime"] = MachineError("is not installed")
    chosen = kinds.choose()
    assert chosen.backend is kinds.opened["openvino"]
    assert chosen.why == "the first that runs here"
    assert chosen.passed_over == {"onnxruntime": "is not installed"}


def test_one_that_is_not_installed_is_not_tried(
    kinds: Kinds, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(selection, "is_there", lambda module: False)
    chosen = kinds.choose()
    assert chosen.backend is kinds.opened["onnxruntime"]
    assert (chosen.why, chosen.passed_over) == ("the first that runs here", {})
    assert "openvino" not in kinds.opened


@pytest.mark.parametrize("name", ["onnxruntime", "openvino"])
def test_a_name_is_all_that_is_opened(kinds: Kinds, name: str) -> None:
    chosen = kinds.choose(name)
    assert chosen.why == "asked for by name"
    assert kinds.opened.keys() == {name}
    assert kinds.opened[name].calls == 2, "the golden faces, and one alone"


@pytest.mark.parametrize("where", ["opening", "comparing"])
def test_an_interruption_closes_what_is_open(
    kinds: Kinds, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    if where == "opening":
        kinds.refusal["openvino"] = KeyboardInterrupt()
    else:
        monkeypatch.setattr(selection, "compare", interrupted)
    with pytest.raises(KeyboardInterrupt):
        kinds.choose()
    assert kinds.opened
    assert all(backend.closed for backend in kinds.opened.values())


@pytest.mark.parametrize("backend", ON_CPU_HERE[1:])
def test_the_real_ones_compete(bundle_path: Path, backend: str) -> None:
    with load(bundle_path, threads=1) as session:
        (other,) = {"onnxruntime", backend} - {session.backend}
        assert "times as fast" in session.why
        assert session.passed_over[other].startswith(f"{session.backend} is ")
        assert session.run(np.zeros((3, session.size, session.size, 3), np.uint8)).shape[0] == 3
