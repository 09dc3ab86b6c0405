"""The TensorRT-RTX backend: engines of the bundle or built here, and kernels that are kept."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("onnx", reason="the fakes of TensorRT read the graph with onnx")

from edgefer.bundle import Bundle, read_bundle
from edgefer.errors import InputError, MachineError
from edgefer.manifest import Flavour
from edgefer.runtime import cuda as cuda_module
from edgefer.runtime.engine_options import EngineOptions
from edgefer.runtime.engine_process import build_engine
from edgefer.runtime.engine_sidecar import Sidecar, What, Where
from edgefer.runtime.session import load
from edgefer.runtime.tensorrt_library import Edition
from tests.fakes.device import DEVICE
from tests.fakes.planted import plant
from tests.runtime.tiny import SIZE, tiny_bundle

RTX = ("tensorrt_rtx_1_7", "cuda_python")
ADA = {"name": "NVIDIA GeForce RTX 4070", "capability": [8, 9], "integrated": False}


@pytest.fixture(autouse=True)
def _device(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """A desktop with an RTX of the Ada generation, and a cache of its own."""
    import json

    monkeypatch.setattr(cuda_module, "DRIVER", None)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("EDGEFER_FAKE_BUILDS", str(tmp_path / "builds"))
    monkeypatch.setenv("EDGEFER_FAKE_DEVICE", json.dumps(ADA))
    plant(monkeypatch, *RTX)
    yield
    assert not DEVICE.live
    monkeypatch.delenv("EDGEFER_FAKE_DEVICE")
    DEVICE.reset()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    tiny_bundle().write(tmp_path / "tiny.edgefer")
    return tmp_path / "tiny.edgefer"


@pytest.fixture
def faces() -> NDArray[np.uint8]:
    return np.random.default_rng(3).integers(0, 256, (20, SIZE, SIZE, 3), np.uint8)


def with_engine(bundle: Bundle, *, version: str, capabilities: tuple[str, ...]) -> Bundle:
    """The bundle with an engine built ahead of time."""
    options = EngineOptions(Edition.RTX, capabilities=("8.9",))
    graph = bundle.graph(Flavour.GPU)
    built = build_engine(graph, options)
    where = Where(version, capabilities, None, None, None, "x86_64", None)
    what = What.of(graph, "fp32", options)
    sidecar = replace(Sidecar.of(built, what, where, 1 << 30))
    return bundle.with_engine("rtx", built.plan, sidecar.to_json())


def test_it_runs_with_kernels_that_are_kept(
    path: Path, tmp_path: Path, faces: NDArray[np.uint8]
) -> None:
    with load(path, backend="tensorrt-rtx") as session:
        assert "engine built now" in session.why
        first = session.run(faces)
        assert DEVICE.counts["graph_instantiate"] == 1
    (kernels,) = (tmp_path / "cache" / "edgefer" / "engines").glob("*.kernels")
    kept = kernels.read_bytes()
    import tensorrt_rtx_bindings

    tensorrt_rtx_bindings.IRuntimeCache.loaded = 0
    with load(path, backend="tensorrt-rtx") as session:
        assert "engine from the cache" in session.why
        np.testing.assert_array_equal(session.run(faces), first)
    assert tensorrt_rtx_bindings.IRuntimeCache.loaded == 1
    kernels.write_bytes(kept[:-1] + b"x")
    load(path, backend="tensorrt-rtx").close()
    assert tensorrt_rtx_bindings.IRuntimeCache.loaded == 1
    assert kernels.read_bytes() == kept


def test_the_bundles_own_engine_is_taken(path: Path, tmp_path: Path) -> None:
    made = with_engine(read_bundle(path), version="1.7.1.116", capabilities=("8.6", "8.9"))
    made.write(tmp_path / "a.edgefer")
    (tmp_path / "builds").unlink()
    with load(tmp_path / "a.edgefer", backend="tensorrt-rtx", on_mismatch="error") as session:
        assert "engine from the bundle" in session.why
        assert session.engine is not None
        assert session.engine.where.capabilities == ("8.6", "8.9")
    assert not (tmp_path / "builds").exists()
    # its kernels are kept all the same
    assert len(list((tmp_path / "cache" / "edgefer" / "engines").glob("*.kernels"))) == 1


@pytest.mark.parametrize(
    ("version", "capabilities", "why"),
    [
        ("1.5.0", ("8.9",), "TensorRT was 1.5.0, here it is 1.7.1.116"),
        ("1.7.1.116", ("8.6", "12.0"), "compute capability was 8.6, 12.0, here it is 8.9"),
    ],
)
def test_one_that_does_not_fit_is_passed_over(
    path: Path, tmp_path: Path, version: str, capabilities: tuple[str, ...], why: str
) -> None:
    made = with_engine(read_bundle(path), version=version, capabilities=capabilities)
    made.write(tmp_path / "a.edgefer")
    with pytest.raises(MachineError, match=f"not the bundle's, as {why}"):
        load(tmp_path / "a.edgefer", backend="tensorrt-rtx", on_mismatch="error")
    with load(tmp_path / "a.edgefer", backend="tensorrt-rtx") as session:
        assert "engine built now" in session.why
        assert f"not the bundle's, as {why}" in session.why


def test_a_gpu_that_it_does_not_know_is_refused(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    DEVICE.capability = (9, 0)
    with pytest.raises(MachineError, match=r"compute capability 9\.0: TensorRT-RTX .* not build"):
        load(path, backend="tensorrt-rtx")


def test_a_context_that_cannot_be_captured_runs_without_a_graph(
    path: Path, faces: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch
) -> None:
    import tensorrt_rtx_bindings

    context = tensorrt_rtx_bindings.IExecutionContext
    monkeypatch.setattr(context, "is_stream_capturable", lambda *_: False)
    with load(path, backend="tensorrt-rtx") as session:
        assert "no CUDA graph: the engine cannot be captured" in session.why
        session.run(faces[:1])
        assert DEVICE.counts["launch"] == 0


def test_it_has_no_dla(path: Path) -> None:
    with pytest.raises(InputError, match="expected the backend tensorrt, found tensorrt-rtx"):
        load(path, backend="tensorrt-rtx", dla=0)
