"""ONNX Runtime binds every output, and its errors come out as ours."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from onnxruntime import InferenceSession

from edgefer.errors import BundleError, CheckFailed, MachineError, RuntimeLost
from edgefer.manifest import Flavour
from edgefer.runtime.backend import OpenOptions
from edgefer.runtime.ort import OnnxRuntime, _ours
from edgefer.runtime.session import load

pytest.importorskip("onnx", reason="these graphs are made with onnx")

from tests.runtime.tiny import LABELS, REGIONS, SIZE, tiny_bundle, tiny_graph

BOTH = ("probabilities", "region_weights")


def test_an_output_of_a_fixed_batch_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "tiny.edgefer"
    graph = tiny_graph(regions=[1, REGIONS]).SerializeToString()
    tiny_bundle(graph, outputs=BOTH).write(path)
    with pytest.raises(BundleError, match="output region_weights: expected float32"):
        load(path, backend="onnxruntime")


def test_more_outputs_are_bound_too(tmp_path: Path) -> None:
    path = tmp_path / "tiny.edgefer"
    graph = tiny_graph(regions=["n", REGIONS]).SerializeToString()
    tiny_bundle(graph, outputs=BOTH).write(path)
    faces = np.random.default_rng(0).integers(0, 256, (20, SIZE, SIZE, 3), np.uint8)
    with load(path, backend="onnxruntime", threads=1) as session:
        probabilities = session.run(faces)
        answers = session.answers(faces)
    assert probabilities.shape == (20, len(LABELS))
    assert tuple(answers) == BOTH
    np.testing.assert_array_equal(answers["probabilities"], probabilities)
    assert answers["region_weights"].shape == (20, REGIONS)
    bare = InferenceSession(graph, providers=["CPUExecutionProvider"])
    (expected,) = bare.run(["region_weights"], {"pixels": faces})
    np.testing.assert_allclose(answers["region_weights"], expected, atol=1e-6)


def test_an_answer_that_is_not_finite_is_no_answer(tmp_path: Path) -> None:
    weight = np.full((3, len(LABELS)), math.nan, np.float32)
    path = tmp_path / "tiny.edgefer"
    tiny_bundle(tiny_graph(weight=weight).SerializeToString()).write(path)
    with pytest.raises(CheckFailed, match="not finite"):
        load(path, backend="onnxruntime")


def test_a_graph_that_fails_when_it_runs_says_so() -> None:
    """It is given a buffer for one label too many."""
    backend = OnnxRuntime.open(tiny_bundle(), Flavour.CPU, OpenOptions(threads=1))
    backend._answers["probabilities"] = np.empty((1, len(LABELS) + 1), np.float32)
    with pytest.raises(BundleError, match="running the graph: ONNX Runtime .* refused it"):
        backend.run(np.zeros((1, SIZE, SIZE, 3), np.uint8))


def test_a_newer_opset_is_refused() -> None:
    graph = tiny_graph()
    graph.opset_import[0].version = 99
    with pytest.raises(BundleError, match=r"cpu\.onnx: ONNX Runtime .* refused it \(.*opset"):
        OnnxRuntime.open(
            tiny_bundle(graph.SerializeToString()), Flavour.CPU, OpenOptions(threads=1)
        )


@pytest.mark.parametrize(
    "error",
    [MemoryError(), RuntimeError("std::bad_alloc"), RuntimeError("Failed to allocate\nmemory")],
    ids=str,
)
def test_too_little_memory_is_the_machines(error: Exception) -> None:
    found = _ours(error, "cpu.onnx")
    assert isinstance(found, MachineError)
    assert "\n" not in str(found)


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("CUDA failure 100: no CUDA-capable device is detected ; GPU=-1", MachineError),
        ("CUDNN failure 5000: CUDNN_STATUS_EXECUTION_FAILED ; GPU=0", MachineError),
        ("CUDNN_FE failure 11: CUDNN_BACKEND_API_FAILED ; GPU=0", MachineError),
        ("CUDA failure 700: an illegal memory access was encountered ; GPU=0", RuntimeLost),
        ("CUBLAS failure 700: made up, as only CUDA's numbers mean this", MachineError),
        ("Node (x) Op (Conv) failed", BundleError),
    ],
)
def test_what_fails_on_a_gpu_is_the_machines(said: str, kind: type[Exception]) -> None:
    found = _ours(RuntimeError(said), "running the graph")
    assert type(found) is kind
    assert said in str(found)
