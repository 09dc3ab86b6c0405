"""The backend onnxruntime-cuda, run by a CPU in the GPU's place: one class, one code."""

from __future__ import annotations

import sys
import tracemalloc
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import onnxruntime
import pytest

from edgefer.errors import BundleError, MachineError, MissingDependency
from edgefer.manifest import Flavour, Precision
from edgefer.runtime import ort_cuda
from edgefer.runtime.backend import MOST_FACES, OpenOptions
from edgefer.runtime.ort import OnnxRuntime
from edgefer.runtime.ort_cuda import OnnxRuntimeCuda

pytest.importorskip("onnx", reason="these graphs are made with onnx")

from tests.runtime.on_cpu import assert_alike
from tests.runtime.tiny import LABELS, REGIONS, SIZE, tiny_bundle, tiny_graph

OPTIONS = OpenOptions()
GPU = Flavour.GPU
FACES = np.random.default_rng(0).integers(0, 256, (MOST_FACES, SIZE, SIZE, 3), np.uint8)
NO_PROVIDER = "CUDAExecutionProvider" not in onnxruntime.get_available_providers()


class OnCpu(OnnxRuntimeCuda):
    provider = "CPUExecutionProvider"
    device = "cpu"
    settings: dict[str, str] = {}


def test_it_answers_as_the_other_does() -> None:
    graph = tiny_graph(regions=["n", REGIONS]).SerializeToString()
    bundle = tiny_bundle(graph, outputs=("probabilities", "region_weights"))
    ours, other = OnCpu.open(bundle, GPU, OPTIONS), OnnxRuntime.open(bundle, GPU, OPTIONS)
    assert ours.outputs == {"probabilities": (len(LABELS),), "region_weights": (REGIONS,)}
    assert_alike(ours, other, FACES)


def test_faces_that_are_not_contiguous_are_copied() -> None:
    backend = OnCpu.open(tiny_bundle(), GPU, OPTIONS)
    straight = backend.run(np.ascontiguousarray(FACES[::2]))["probabilities"].copy()
    np.testing.assert_array_equal(backend.run(FACES[::2])["probabilities"], straight)


def test_nothing_is_allocated_after_the_first_run_of_a_batch_size() -> None:
    backend = OnCpu.open(tiny_bundle(), GPU, OPTIONS)
    counts = (1, 2, MOST_FACES)
    for count in counts:
        backend.run(FACES[:count])
    values = {count: value.data_ptr() for count, value in backend._on_device.items()}
    answers = {name: id(answer) for name, answer in backend.run(FACES[:1]).items()}
    tracemalloc.start()
    try:
        before, after = (traced(backend, counts) for _ in range(2))
    finally:
        tracemalloc.stop()
    assert after - before < 512
    assert {n: value.data_ptr() for n, value in backend._on_device.items()} == values
    assert {name: id(answer) for name, answer in backend.run(FACES[:1]).items()} == answers


def traced(backend: OnnxRuntimeCuda, counts: tuple[int, ...]) -> int:
    for _ in range(100):
        for count in counts:
            backend.run(FACES[:count])
    return tracemalloc.get_traced_memory()[0]


def test_closing_frees_all_of_it() -> None:
    backend = OnCpu.open(tiny_bundle(), GPU, OPTIONS)
    backend.run(FACES[:1])
    backend.close()
    assert not backend._bound
    assert not backend._on_device
    assert not hasattr(backend, "_session")


def test_int8_claims_no_speed() -> None:
    """And is not refused for how CPU kernels once rounded."""
    assert OnCpu.open(tiny_bundle(), GPU, OPTIONS).notes == ()
    (note,) = OnCpu.open(tiny_bundle(precision=Precision.INT8), GPU, OPTIONS).notes
    assert "in float on a GPU, which is no faster" in note


def test_a_graph_with_another_contract_is_refused() -> None:
    bundle = tiny_bundle(tiny_graph(labels=3).SerializeToString())
    with pytest.raises(BundleError, match=r"gpu\.onnx: expected the outputs probabilities"):
        OnCpu.open(bundle, GPU, OPTIONS)


def test_another_size_of_memory_is_an_error_of_ours() -> None:
    backend = OnCpu.open(tiny_bundle(), GPU, OPTIONS)
    backend.run(FACES[:1])
    backend._on_device[1] = backend._on_device.pop(1).ortvalue_from_numpy(FACES[:2])
    with pytest.raises(BundleError, match="running the graph: ONNX Runtime .* refused it"):
        backend.run(FACES[:1])


@pytest.mark.skipif(not NO_PROVIDER, reason="this ONNX Runtime has the provider")
@pytest.mark.parametrize(
    ("jetson", "advice"),
    [
        (None, r"run: pip uninstall onnxruntime, then pip install 'edgefer\[cuda\]'"),
        ("Orin NX", "install the onnxruntime-gpu that is built for this JetPack"),
    ],
    ids=["desktop", "jetson"],
)
def test_an_onnx_runtime_without_the_provider(
    monkeypatch: pytest.MonkeyPatch, jetson: str | None, advice: str
) -> None:
    monkeypatch.setattr(ort_cuda, "read_machine", lambda: SimpleNamespace(jetson=jetson))
    message = f"expected one with CUDAExecutionProvider, found .*CPUExecutionProvider; {advice}"
    with pytest.raises(MissingDependency, match=message):
        OnnxRuntimeCuda.open(tiny_bundle(), GPU, OPTIONS)


@pytest.mark.parametrize(
    ("jetson", "advice"),
    [
        (None, r"run: pip install 'edgefer\[cuda\]'"),
        ("Orin NX", "install the onnxruntime-gpu that is built for this JetPack"),
    ],
    ids=["desktop", "jetson"],
)
def test_no_onnx_runtime_at_all(
    monkeypatch: pytest.MonkeyPatch, jetson: str | None, advice: str
) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    monkeypatch.setattr(ort_cuda, "read_machine", lambda: SimpleNamespace(jetson=jetson))
    with pytest.raises(MissingDependency, match=f"^onnxruntime is not installed; {advice}"):
        OnnxRuntimeCuda.open(tiny_bundle(), GPU, OPTIONS)


class Pretender(ModuleType):
    """An ONNX Runtime that says that it has the provider, as one without CUDA beside it does."""

    def __init__(self, folder: Path, session: Any) -> None:
        super().__init__("onnxruntime")
        self.__file__ = str(folder / "__init__.py")
        self.InferenceSession = session
        self.SessionOptions = onnxruntime.SessionOptions
        self.__version__ = "1.99.0"

    def get_available_providers(self) -> list[str]:
        return ["CUDAExecutionProvider", "CPUExecutionProvider"]

    def preload_dlls(self) -> None:
        print("Failed to load libcublas.so.99")


def pretend(monkeypatch: pytest.MonkeyPatch, folder: Path, session: Any) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", Pretender(folder, session))


def test_the_cpu_instead_of_the_gpu_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """ONNX Runtime only prints that it could not, and takes the CPU."""
    asked: list[dict[str, Any]] = []

    def silent(graph: bytes, options: object, **kwargs: Any) -> onnxruntime.InferenceSession:
        asked.append(kwargs)
        return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])

    pretend(monkeypatch, tmp_path, silent)
    message = (
        "gpu.onnx: expected ONNX Runtime 1.99.0 to run it with CUDAExecutionProvider, "
        "found CPUExecutionProvider"
    )
    with pytest.raises(MachineError, match=message):
        OnnxRuntimeCuda.open(tiny_bundle(), GPU, OPTIONS)
    (provider,) = asked[0]["providers"]
    assert provider == ("CUDAExecutionProvider", OnnxRuntimeCuda.settings)
    assert asked[0]["enable_fallback"] == 0
    assert capsys.readouterr().out == ""


def test_kernels_that_do_not_load_say_why(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    kernels = tmp_path / "capi" / "libonnxruntime_providers_cuda.so"
    kernels.parent.mkdir()
    kernels.write_bytes(b"not a library")
    pretend(monkeypatch, tmp_path, None)
    with pytest.raises(MachineError, match=r"its CUDA kernels do not load \(.*; run: pip install"):
        OnnxRuntimeCuda.open(tiny_bundle(), GPU, OPTIONS)


def test_no_gpu_is_the_machines(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def no_gpu(graph: bytes, options: object, **kwargs: Any) -> None:
        msg = "CUDA failure 100: no CUDA-capable device is detected ; GPU=-1"
        raise RuntimeError(msg)

    pretend(monkeypatch, tmp_path, no_gpu)
    with pytest.raises(
        MachineError, match="the GPU failed under ONNX Runtime 1.99.0 .*failure 100"
    ):
        OnnxRuntimeCuda.open(tiny_bundle(), GPU, OPTIONS)
