"""OpenVINO answers as ONNX Runtime does, in FP32 where it is FP32, and its errors are ours."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edgefer.bundle import read_bundle
from edgefer.errors import BundleError, EdgeferError, MachineError, MissingDependency
from edgefer.imports import is_there
from edgefer.machine import MOST_THREADS, read_machine
from edgefer.manifest import Flavour, Precision
from edgefer.runtime.backend import MOST_FACES, OpenOptions
from edgefer.runtime.openvino import OpenVino, _ours
from edgefer.runtime.ort import OnnxRuntime
from edgefer.runtime.self_check import check_itself
from edgefer.runtime.session import load
from tests.runtime.on_cpu import NO_OPENVINO, assert_alike

if not is_there("openvino"):
    pytest.skip(NO_OPENVINO, allow_module_level=True)
pytest.importorskip("onnx", reason="these graphs are made with onnx")

from tests.runtime.tiny import LABELS, REGIONS, SIZE, tiny_bundle, tiny_graph

ONE = OpenOptions(threads=1)
FACES = np.random.default_rng(0).integers(0, 256, (MOST_FACES, SIZE, SIZE, 3), np.uint8)


def test_it_answers_as_onnx_runtime_does() -> None:
    graph = tiny_graph(regions=["n", REGIONS]).SerializeToString()
    bundle = tiny_bundle(graph, outputs=("probabilities", "region_weights"))
    ours = OpenVino.open(bundle, Flavour.CPU, ONE)
    other = OnnxRuntime.open(bundle, Flavour.CPU, ONE)
    assert ours.outputs == {"probabilities": (len(LABELS),), "region_weights": (REGIONS,)}
    assert_alike(ours, other, FACES)


def test_the_answers_are_in_its_own_buffers() -> None:
    backend = OpenVino.open(tiny_bundle(), Flavour.CPU, ONE)
    one, several = (backend.run(FACES[:count])["probabilities"] for count in (1, 3))
    assert np.shares_memory(one, several)
    assert backend.run(FACES[:1])["probabilities"] is one
    assert len(backend._bound) == 2


@pytest.mark.parametrize("threads", [1, None])
@pytest.mark.parametrize("flavour", Flavour)
@pytest.mark.parametrize("precision", Precision)
def test_every_export_passes_its_self_check(
    precision: Precision, flavour: Flavour, threads: int | None, exported: Path
) -> None:
    bundle = read_bundle(exported / f"fer-lite-{precision}.edgefer")
    if precision is Precision.INT8 and not read_machine().adds_int8_exactly:
        pytest.skip("OpenVINO wants VNNI for INT8")
    backend = OpenVino.open(bundle, flavour, OpenOptions(threads=threads))
    golden = bundle.golden()
    check_itself(backend, flavour, golden)
    if precision is Precision.FP32:
        answers = backend.run(golden.faces)["probabilities"]
        np.testing.assert_allclose(answers, golden.expected[flavour], atol=1e-5)
    backend.close()


def test_it_is_set_up_as_asked() -> None:
    backend = OpenVino.open(tiny_bundle(), Flavour.CPU, ONE)
    for model in (backend._one, backend._several):
        assert model.get_property("INFERENCE_NUM_THREADS") == 1
        assert model.get_property("NUM_STREAMS") == 1
        assert model.get_property("INFERENCE_PRECISION_HINT").get_type_name() == "f32"
        assert model.get_property("ENABLE_CPU_PINNING") is False


def test_it_takes_more_threads_than_there_are_cores() -> None:
    backend = OpenVino.open(tiny_bundle(), Flavour.CPU, OpenOptions(threads=MOST_THREADS))
    assert backend.run(FACES)["probabilities"].shape == (MOST_FACES, len(LABELS))
    backend.close()


def test_without_vnni_int8_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """There the sum of two products of the largest values came out as half of what it is."""
    old = replace(read_machine(), architecture="x86_64", int8_instructions=())
    monkeypatch.setattr("edgefer.runtime.openvino.read_machine", lambda: old)
    with pytest.raises(MachineError, match=r"cpu\.onnx in INT8: expected a CPU with VNNI"):
        OpenVino.open(tiny_bundle(precision=Precision.INT8), Flavour.CPU, ONE)
    OpenVino.open(tiny_bundle(), Flavour.CPU, ONE).close()


@pytest.mark.parametrize(
    "graph",
    [
        b"",
        b"not a graph",
        bytes(100),
        b"\x3a\x00",
        b"<?xml version='1.0'?><net name='ir' version='11'><layers/><edges/></net>",
        tiny_graph().SerializeToString()[:200],
    ],
    ids=["empty", "text", "zeros", "empty graph", "another format", "half a graph"],
)
def test_what_is_no_graph_is_refused(graph: bytes) -> None:
    bundle = tiny_bundle()
    bundle = replace(bundle, members={**bundle.members, "cpu.onnx": graph})
    with pytest.raises(BundleError, match=r"^cpu\.onnx: ") as caught:
        OpenVino.open(bundle, Flavour.CPU, ONE)
    assert "\n" not in str(caught.value)


def test_an_operator_that_it_lacks_is_named() -> None:
    graph = tiny_graph()
    graph.graph.node[2].op_type = "NoSuchOperator"
    bundle = tiny_bundle(graph.SerializeToString())
    with pytest.raises(BundleError, match=r"cpu\.onnx: OpenVINO \d.* refused it .*NoSuchOpera"):
        OpenVino.open(bundle, Flavour.CPU, ONE)


def test_a_graph_that_fails_when_it_runs_says_so() -> None:
    """It is given a buffer for one label too many."""
    backend = OpenVino.open(tiny_bundle(), Flavour.CPU, ONE)
    backend._answers["probabilities"] = np.empty((1, len(LABELS) + 1), np.float32)
    with pytest.raises(BundleError, match="running the graph: OpenVINO .* refused it"):
        backend.run(FACES[:1])


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (MemoryError(), MachineError),
        (RuntimeError("std::bad_alloc"), MachineError),
        (RuntimeError("Exception from src/inference/core.cpp:1:\nCheck 'a' failed"), BundleError),
        (RuntimeError("long " * 1000), BundleError),
    ],
    ids=["memory", "bad_alloc", "source", "long"],
)
def test_its_errors_are_ours(error: Exception, kind: type[EdgeferError]) -> None:
    found = _ours(error, "cpu.onnx")
    assert type(found) is kind
    assert "\n" not in str(found)
    assert "src/" not in str(found)
    assert len(str(found)) < 600


def test_without_it_the_extra_is_named(bundle_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(MissingDependency, match=r"openvino is not .*'edgefer\[openvino\]'"):
        load(bundle_path, backend="openvino")
