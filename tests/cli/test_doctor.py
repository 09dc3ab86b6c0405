"""`edgefer doctor` where a backend runs, and where none does."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest

from edgefer.cli.libraries import LIBRARIES, find_libraries
from edgefer.errors import MachineError
from edgefer.machine import read_machine
from edgefer.zoo.registry import DEFAULT_NETWORK, NETWORKS


@pytest.fixture
def shipped(monkeypatch: pytest.MonkeyPatch, tiny_graph) -> None:
    """A tiny network in the place of the default one."""
    graph = tiny_graph(NETWORKS[DEFAULT_NETWORK].size)
    monkeypatch.setattr("edgefer.cli.doctor._shipped_graph", lambda: graph)


@pytest.mark.usefixtures("shipped")
def test_shows_what_it_tried(edgefer) -> None:
    outcome = edgefer("doctor")
    assert outcome.status == 0
    assert max(map(len, outcome.out.splitlines())) <= 80
    assert "CPUExecutionProvider" in outcome.out
    assert "haar" in outcome.out or "yunet" in outcome.out
    assert all(library.module in outcome.out for library in LIBRARIES)


@pytest.mark.usefixtures("shipped")
def test_json(edgefer) -> None:
    outcome = edgefer("doctor", "--json")
    report = json.loads(outcome.out)
    assert outcome.err == ""
    assert report["machine"]["cores"] >= 1
    (onnxruntime,) = (trial for trial in report["backends"] if trial["name"] == "onnxruntime")
    assert onnxruntime["works"] is True
    assert report["detector"]["works"] is True


@pytest.mark.usefixtures("shipped")
def test_without_an_inference_library_the_status_is_3(
    edgefer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    outcome = edgefer("doctor")
    assert outcome.status == 3
    assert "does not run" in outcome.out
    assert outcome.err.startswith("edgefer: no backend runs here: onnxruntime")
    assert outcome.err.count("\n") == 1
    assert "pip install 'edgefer[cpu]'" in outcome.err


@pytest.mark.usefixtures("shipped")
def test_a_broken_library_is_reported_as_it_is(edgefer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cv2", ModuleType("cv2"))
    report = json.loads(edgefer("doctor", "--json").out)
    assert report["detector"]["works"] is False
    assert report["detector"]["detail"].startswith("AttributeError: module 'cv2'")


def test_without_the_network_nothing_is_claimed(edgefer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edgefer.cli.doctor._shipped_graph", lambda: None)
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


@pytest.mark.usefixtures("shipped")
def test_shows_what_a_jetson_and_a_gpu_say_of_themselves(
    edgefer, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = replace(
        read_machine(), jetson="NVIDIA Jetson Orin Nano", l4t="R36", gpus=(), nvidia_driver="540.4"
    )
    monkeypatch.setattr("edgefer.machine.read_machine", lambda: machine)
    out = edgefer("doctor").out
    assert all(text in out for text in ("NVIDIA Jetson Orin Nano", "R36", "540.4"))


def test_on_a_jetson_nothing_is_put_over_jetpack(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edgefer.cli.libraries.find_spec", lambda module: None)
    jetson = replace(read_machine(), jetson="NVIDIA Jetson Orin Nano")
    missing = {found.name: found.install for found in find_libraries(jetson) if found.install}
    assert missing["tensorrt"].startswith("sudo apt")
    assert "jetpack6" in missing["cuda.bindings"]


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
