"""`edgefer doctor` where a backend runs, and where none does."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest

from edgefer.cli.libraries import LIBRARIES
from edgefer.errors import MachineError
from edgefer.imports import is_there
from edgefer.machine import read_machine
from edgefer.runtime.trial import CudaTrial, LibraryTrial
from edgefer.zoo.registry import DEFAULT_NETWORK, NETWORKS

ORIN = CudaTrial("cuda-python", "Orin", "8.7", "12.6", 5 << 30, 8 << 30)
WORKS = LibraryTrial(
    "tensorrt", "10.3.0", "/usr/lib/tensorrt", True, True, 2, "builds and runs engines"
)


class NoChildren:
    """In the place of the child processes: what they would have answered."""

    def __init__(self, cuda: CudaTrial, *trials: LibraryTrial) -> None:
        self._cuda, self._trials = cuda, {trial.module: trial for trial in trials}

    def __call__(self, modules: object) -> NoChildren:
        return self

    def __enter__(self) -> NoChildren:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def cuda(self) -> CudaTrial:
        return self._cuda

    def libraries(self) -> dict[str, LibraryTrial]:
        return self._trials


@pytest.fixture
def shipped(monkeypatch: pytest.MonkeyPatch, tiny_graph) -> None:
    """A tiny network in the place of the default one, and no child processes."""
    graph = tiny_graph(NETWORKS[DEFAULT_NETWORK].size)
    monkeypatch.setattr("edgefer.cli.doctor_trials._shipped_graph", lambda: graph)
    nothing = NoChildren(CudaTrial(detail="no NVIDIA driver (libcuda.so.1 does not load)"))
    monkeypatch.setattr("edgefer.cli.doctor.Children", nothing)


@pytest.mark.usefixtures("shipped")
def test_shows_what_it_tried(edgefer) -> None:
    outcome = edgefer("doctor")
    assert outcome.status == 0
    assert max(map(len, outcome.out.splitlines())) <= 80
    assert "CPUExecutionProvider" in outcome.out
    assert "no NVIDIA driver" in outcome.out
    assert "haar" in outcome.out or "yunet" in outcome.out
    assert all(library.module in outcome.out for library in LIBRARIES)


@pytest.mark.usefixtures("shipped")
def test_json(edgefer) -> None:
    outcome = edgefer("doctor", "--json")
    report = json.loads(outcome.out)
    assert outcome.err == ""
    assert report["machine"]["cores"] >= 1
    works = {trial["name"]: trial["works"] for trial in report["backends"]}
    assert works["onnxruntime"] is True
    assert works["openvino"] is is_there("openvino")
    assert report["detector"]["works"] is True
    assert "CPUExecutionProvider" in report["providers"]
    assert report["cuda"]["free"] is None
    assert report["tensorrt"] == report["warnings"] == []
    assert report["cache"]["engines"] == 0


@pytest.mark.usefixtures("shipped")
def test_without_an_inference_library_the_status_is_3(
    edgefer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for library in ("onnxruntime", "openvino"):
        monkeypatch.setitem(sys.modules, library, None)
    outcome = edgefer("doctor")
    assert outcome.status == 3
    assert "does not run" in outcome.out
    assert outcome.err.startswith("edgefer: no backend runs here: ")
    assert outcome.err.count("\n") == 1
    assert "pip install 'edgefer[cpu]'" in outcome.err
    assert "pip install 'edgefer[openvino]'" in outcome.err


@pytest.mark.usefixtures("shipped")
def test_a_broken_library_is_reported_as_it_is(edgefer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cv2", ModuleType("cv2"))
    report = json.loads(edgefer("doctor", "--json").out)
    assert report["detector"]["works"] is False
    assert report["detector"]["detail"].startswith("AttributeError: module 'cv2'")


def test_without_the_network_nothing_is_claimed(edgefer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edgefer.cli.doctor_trials._shipped_graph", lambda: None)
    monkeypatch.setattr("edgefer.cli.doctor.Children", NoChildren(CudaTrial()))
    outcome = edgefer("doctor")
    assert outcome.status == 3
    assert "no data" in outcome.out


@pytest.mark.usefixtures("shipped")
def test_without_opencv_it_says_what_brings_it(edgefer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cv2", None)
    report = json.loads(edgefer("doctor", "--json").out)
    assert report["detector"]["works"] is False
    (cv2,) = (library for library in report["libraries"] if library["name"] == "cv2")
    assert cv2 == {"name": "cv2", "version": None, "install": "pip install 'edgefer[cpu]'"}


def test_the_network_that_ships_runs(edgefer) -> None:
    outcome = edgefer("doctor")
    assert outcome.status == 0
    assert f"ran {DEFAULT_NETWORK}" in outcome.out
    (cuda,) = (line.strip() for line in outcome.out.splitlines() if line.startswith(" CUDA "))
    assert cuda != "CUDA"


@pytest.mark.usefixtures("shipped")
def test_shows_what_a_jetson_and_a_gpu_say_of_themselves(
    edgefer, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = replace(
        read_machine(),
        jetson="NVIDIA Jetson Orin Nano",
        l4t="R36",
        jetpack=None,
        power_mode="MAXN_SUPER",
        gpus=(),
        nvidia_driver="540.4",
    )
    monkeypatch.setattr("edgefer.machine.read_machine", lambda: machine)
    monkeypatch.setattr("edgefer.cli.doctor.Children", NoChildren(ORIN, WORKS))
    out = edgefer("doctor").out
    assert all(text in out for text in ("NVIDIA Jetson Orin Nano", "R36", "540.4"))
    assert all(text in out for text in ("MAXN_SUPER", "Orin, compute capability 8.7", "12.6"))
    assert "5.0 of 8.0 GiB free" in out
    assert "builds and runs engines" in out
    facts = dict(line.strip().split("   ", 1) for line in out.splitlines() if "   " in line.strip())
    assert facts["JetPack"].strip() == "no data"
    assert facts["DLA cores"].strip() == "2"


@pytest.mark.usefixtures("shipped")
@pytest.mark.parametrize("runs", [True, False])
def test_a_backend_that_builds_engines_is_judged_by_its_library(
    edgefer, monkeypatch: pytest.MonkeyPatch, runs: bool
) -> None:
    class NeverOpened:
        name = "tensorrt"

    backends = {"tensorrt": NeverOpened, "onnxruntime-cuda": NeverOpened}
    monkeypatch.setattr("edgefer.runtime.selection.BACKENDS", backends)
    monkeypatch.setattr(
        "edgefer.cli.doctor.Children", NoChildren(ORIN, replace(WORKS, runs=runs, detail="why"))
    )
    outcome = edgefer("doctor", "--json")
    assert outcome.status == (0 if runs else 3)
    assert json.loads(outcome.out)["backends"] == [
        {"name": "tensorrt", "works": runs, "detail": "why"},
        {"name": "onnxruntime-cuda", "works": False, "detail": "onnxruntime is not installed"},
    ]


@pytest.mark.usefixtures("shipped")
def test_warns_at_the_end(edgefer, monkeypatch: pytest.MonkeyPatch) -> None:
    old = replace(read_machine(), jetson="Jetson", l4t="R35 (release), REVISION: 4.1, GCID: 1")
    monkeypatch.setattr("edgefer.machine.read_machine", lambda: old)
    out = edgefer("doctor").out
    assert "JetPack 5.1.2 has TensorRT 8.5.2" in " ".join(out.split())


@pytest.mark.usefixtures("shipped")
def test_fetches_the_detector_first(edgefer, monkeypatch: pytest.MonkeyPatch) -> None:
    fetched = Path("yunet.onnx")
    monkeypatch.setattr("edgefer.runtime.fetch.fetch_detector", lambda progress: fetched)
    outcome = edgefer("doctor", "--fetch-detector", "--json")
    assert outcome.status == 0
    assert str(fetched) in outcome.err


def test_a_detector_that_cannot_be_fetched_is_one_line(
    edgefer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(progress: object) -> Path:
        msg = "no network"
        raise MachineError(msg)

    monkeypatch.setattr("edgefer.runtime.fetch.fetch_detector", fail)
    outcome = edgefer("doctor", "--fetch-detector")
    assert (outcome.status, outcome.out, outcome.err) == (3, "", "edgefer: no network\n")
