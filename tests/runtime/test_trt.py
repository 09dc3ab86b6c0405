"""The TensorRT backend on every documented surface, with a device that counts and fails."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray

pytest.importorskip("onnx", reason="the fakes of TensorRT read the graph with onnx")

from edgefer.bundle import read_bundle
from edgefer.errors import (
    BundleError,
    CheckFailed,
    InputError,
    MachineError,
    MissingDependency,
    RuntimeLost,
)
from edgefer.manifest import Flavour, Precision
from edgefer.runtime import cuda as cuda_module
from edgefer.runtime.cache import cache_folder
from edgefer.runtime.ort import session_options
from edgefer.runtime.selection import ON_CPU
from edgefer.runtime.session import Session, load
from edgefer.runtime.tensorrt_library import Edition, open_library
from tests.fakes.device import DEVICE
from tests.fakes.planted import TENSORRTS, plant
from tests.runtime.tiny import LABELS, SIZE, tiny_bundle, tiny_graph

Pixels = NDArray[np.uint8]


@pytest.fixture(autouse=True)
def _device(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """A driver that loads, and a cache of its own; whatever a test loads it has to free."""
    monkeypatch.setattr(cuda_module, "DRIVER", None)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("EDGEFER_FAKE_BUILDS", str(tmp_path / "builds"))
    yield
    nothing_is_left()
    DEVICE.reset()


def nothing_is_left() -> None:
    """All that was allocated is freed; pycuda's streams go with their last reference."""
    gc.collect()
    assert not DEVICE.live


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A bundle whose network answers by the mean colour."""
    tiny_bundle().write(tmp_path / "tiny.edgefer")
    return tmp_path / "tiny.edgefer"


@pytest.fixture
def faces() -> Pixels:
    return np.random.default_rng(3).integers(0, 256, (40, SIZE, SIZE, 3), np.uint8)


def expected(path: Path, faces: Pixels) -> NDArray[np.float32]:
    graph = read_bundle(path).graph(Flavour.GPU)
    options = session_options(1)
    session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    return np.asarray(session.run(["probabilities"], {"pixels": faces})[0])


def builds(tmp_path: Path) -> int:
    """How many engines were built."""
    log = tmp_path / "builds"
    return len(log.read_text().splitlines()) if log.exists() else 0


@pytest.mark.parametrize("library", ["cuda_python", "pycuda"])
@pytest.mark.parametrize("tensorrt", TENSORRTS)
@pytest.mark.parametrize("precision", Precision)
def test_a_real_bundle_runs_on_every_surface(
    monkeypatch: pytest.MonkeyPatch,
    exported: Path,
    tensorrt: str,
    library: str,
    precision: Precision,
) -> None:
    if library == "pycuda" and precision is not Precision.INT8:
        pytest.skip("once is enough: the engine is the same")
    plant(monkeypatch, tensorrt, library)
    path = exported / f"fer-lite-{precision}.edgefer"
    golden = read_bundle(path).golden().faces
    with load(path) as session:
        assert (session.backend, session.flavour) == ("tensorrt", Flavour.GPU), session.passed_over
        assert session.engine is not None
        assert bool(session.engine.precisions and session.engine.precisions.get("int8")) == (
            precision is Precision.INT8
        )
        np.testing.assert_allclose(session.run(golden), expected(path, golden), atol=1e-5)
        assert ("no CUDA graph: pycuda has none" in session.why) == (library == "pycuda")


@pytest.mark.parametrize("count", [0, 1, 2, 15, 16, 17, 33])
def test_any_number_of_faces(
    monkeypatch: pytest.MonkeyPatch, path: Path, faces: Pixels, count: int
) -> None:
    plant(monkeypatch, "tensorrt_10_3", "cuda_python")
    with load(path) as session:
        for _ in range(2):
            found = session.run(faces[:count])
            np.testing.assert_allclose(found, expected(path, faces)[:count], atol=1e-5)


@pytest.mark.parametrize("tensorrt", TENSORRTS)
def test_ten_thousand_calls_allocate_nothing(
    monkeypatch: pytest.MonkeyPatch, path: Path, faces: Pixels, tensorrt: str
) -> None:
    plant(monkeypatch, tensorrt, "cuda_python")
    with load(path) as session:
        live = dict(DEVICE.live)
        DEVICE.counts.clear()
        for number in range(10_000):
            session.run(faces[number % 40 : number % 40 + 1])
        assert DEVICE.counts["launch"] == DEVICE.counts["synchronize"] == 10_000
        assert DEVICE.counts["copy_in"] == DEVICE.counts["copy_out"] == 10_000
        assert DEVICE.counts["enqueue"] == 0
        assert {"malloc", "host_alloc", "free", "host_free"}.isdisjoint(+DEVICE.counts)
        assert dict(DEVICE.live) == live


@pytest.mark.parametrize("library", ["cuda_python", "pycuda"])
def test_a_batch_is_one_enqueue_and_one_copy_each_way(
    monkeypatch: pytest.MonkeyPatch, path: Path, faces: Pixels, library: str
) -> None:
    plant(monkeypatch, "tensorrt_10_16", library)
    with load(path) as session:
        session.run(faces[:5])
        DEVICE.counts.clear()
        for _ in range(100):
            session.run(faces[:5])
        found = +DEVICE.counts
        assert [found[each] for each in ("enqueue", "copy_in", "copy_out")] == [100] * 3
        assert {"malloc", "host_alloc", "launch"}.isdisjoint(found)


LOADING = (
    "stream_create",
    "malloc",
    "host_alloc",
    "copy_in",
    "copy_out",
    "enqueue",
    "synchronize",
)


@pytest.mark.parametrize("after", [0, 1, 2])
@pytest.mark.parametrize("operation", LOADING)
@pytest.mark.parametrize("library", ["cuda_python", "pycuda"])
def test_a_failure_while_loading_leaks_nothing(
    monkeypatch: pytest.MonkeyPatch, path: Path, library: str, operation: str, after: int
) -> None:
    plant(monkeypatch, "tensorrt_10_3", library)
    load(path).close()  # the engine is in the cache
    DEVICE.reset()
    DEVICE.fail(operation, after=after)
    # an operation may not be called so often, or inside the capture, which is given up then
    first = pytest.raises((MachineError, RuntimeLost), match=r"^[^\n]+$")
    with first if after == 0 else contextlib.suppress(MachineError, RuntimeLost):
        load(path, backend="tensorrt").close()
    del first
    nothing_is_left()


@pytest.mark.parametrize("operation", ["begin_capture", "end_capture", "graph_instantiate"])
def test_without_a_graph_it_runs_all_the_same(
    monkeypatch: pytest.MonkeyPatch, path: Path, faces: Pixels, operation: str
) -> None:
    plant(monkeypatch, "tensorrt_10_3", "cuda_python")
    load(path).close()
    DEVICE.fail(operation, error=801)
    with load(path) as session:
        assert "no CUDA graph: " in session.why
        DEVICE.counts.clear()
        np.testing.assert_allclose(session.run(faces), expected(path, faces), atol=1e-5)
        session.run(faces[:1])
        assert DEVICE.counts["launch"] == 0


RUNNING = ("copy_in", "copy_out", "enqueue", "synchronize", "launch")


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("operation", RUNNING)
@pytest.mark.parametrize("library", ["cuda_python", "pycuda"])
def test_a_failure_while_running_is_a_typed_error(
    monkeypatch: pytest.MonkeyPatch,
    path: Path,
    faces: Pixels,
    library: str,
    operation: str,
    count: int,
) -> None:
    plant(monkeypatch, "tensorrt_10_16", library)
    with load(path) as session:
        graph = library == "cuda_python" and count == 1
        if (operation == "launch") != graph and operation in ("launch", "enqueue"):
            pytest.skip("this way does not call it")
        DEVICE.fail(operation)
        with pytest.raises((MachineError, RuntimeLost), match=r"^[^\n]+$"):
            session.run(faces[:count])
    nothing_is_left()


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("[x.cpp::y] Error Code 2: OutOfMemory (Requested size was 9 bytes.)", MachineError),
        ("[x.cpp::y] Error Code 2: Internal Error (Assertion failed)", RuntimeLost),
        ("[x.cpp::y] Error Code 7: Failed execution", MachineError),
    ],
    ids=["memory", "internal", "execution"],
)
def test_what_tensorrt_says_tells_whether_the_process_is_lost(
    monkeypatch: pytest.MonkeyPatch, line: str, kind: type[Exception]
) -> None:
    plant(monkeypatch, "tensorrt_10_3", "cuda_python")
    tensorrt = open_library(Edition.TENSORRT)
    tensorrt.logger.log(tensorrt.library.ILogger.ERROR, line)
    with pytest.raises(kind, match="running: tensorrt 10.3.0 refused it: "):
        tensorrt.refuse("running")


def test_an_error_that_sticks_is_a_lost_runtime(
    monkeypatch: pytest.MonkeyPatch, path: Path, faces: Pixels
) -> None:
    plant(monkeypatch, "tensorrt_10_3", "cuda_python")
    with load(path) as session:
        DEVICE.fail("synchronize", error=700)
        with pytest.raises(RuntimeLost) as caught:
            session.run(faces)
        assert caught.value.exit_status == 70


def test_an_engine_is_built_once_and_kept(
    monkeypatch: pytest.MonkeyPatch, path: Path, tmp_path: Path
) -> None:
    plant(monkeypatch, "tensorrt_10_3", "cuda_python")
    steps: list[str] = []
    with load(path, progress=lambda phase, *_: steps.append(phase)) as session:
        assert "engine built now: there was none yet" in session.why
    assert steps
    with load(path, on_mismatch="error") as session:
        assert "engine from the cache" in session.why
        assert session.engine is not None
        assert session.engine.where.device == "Orin"
        assert session.engine.where.capabilities == ("8.7",)
    assert builds(tmp_path) == 1
    assert list((tmp_path / "cache" / "edgefer" / "engines").glob("*.timing"))


def test_after_an_update_it_is_built_again_and_says_why(
    monkeypatch: pytest.MonkeyPatch, path: Path, tmp_path: Path
) -> None:
    plant(monkeypatch, "tensorrt_10_3", "cuda_python")
    load(path).close()
    plant(monkeypatch, "tensorrt_10_16", "cuda_python")
    with pytest.raises(MachineError, match=r"TensorRT was 10\.3.*edgefer build"):
        load(path, backend="tensorrt", on_mismatch="error")
    with load(path) as session:
        assert "engine built now: TensorRT was 10.3.0, here it is 10.16.2.10" in session.why
    assert builds(tmp_path) == 2


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("fail", r"building the engine: tensorrt 10\.3\.0 refused it: "),
        ("crash", r"building an engine: its process crashed \(SIGABRT\)"),
    ],
)
def test_a_build_that_fails_is_an_error(
    monkeypatch: pytest.MonkeyPatch, path: Path, how: str, message: str
) -> None:
    plant(monkeypatch, "tensorrt_10_3", "cuda_python")
    monkeypatch.setenv("EDGEFER_FAKE_BUILD", how)
    with pytest.raises(MachineError, match=message) as caught:
        load(path, backend="tensorrt")
    assert "\n" not in str(caught.value)
    # another backend can still run it
    with load(path) as session:
        assert session.backend in ON_CPU
        assert "tensorrt" in session.passed_over
    monkeypatch.delenv("EDGEFER_FAKE_BUILD")
    load(path, backend="tensorrt").close()


def test_int8_that_is_not_there_is_an_error(
    monkeypatch: pytest.MonkeyPatch, exported: Path
) -> None:
    plant(monkeypatch, "tensorrt_10_3", "cuda_python")
    monkeypatch.setenv("EDGEFER_FAKE_BUILD", "no-int8")
    with pytest.raises(CheckFailed, match=r"expected layers in INT8, found none.*--precision fp16"):
        load(exported / "fer-lite-int8.edgefer", backend="tensorrt")


def test_an_older_tensorrt_names_the_jetpack(monkeypatch: pytest.MonkeyPatch, path: Path) -> None:
    plant(monkeypatch, "tensorrt_8_5", "cuda_python")
    with pytest.raises(MachineError, match=r"tensorrt 8\.5.*move to JetPack 6\.1 or newer"):
        load(path, backend="tensorrt")


def test_without_the_library_the_extra_is_named(
    monkeypatch: pytest.MonkeyPatch, path: Path
) -> None:
    plant(monkeypatch, "cuda_python")
    monkeypatch.setitem(sys.modules, "tensorrt", None)
    with pytest.raises(MissingDependency, match=r"pip install 'edgefer\[tensorrt\]'"):
        load(path, backend="tensorrt")


def test_on_a_jetson_jetpack_brings_it(monkeypatch: pytest.MonkeyPatch, path: Path) -> None:
    from edgefer.machine import read_machine

    jetson = replace(read_machine(), jetson="NVIDIA Jetson Orin Nano")
    monkeypatch.setattr("edgefer.runtime.tensorrt_library.read_machine", lambda: jetson)
    plant(monkeypatch, "cuda_python")
    monkeypatch.setitem(sys.modules, "tensorrt", None)
    with pytest.raises(MissingDependency, match=r"JetPack brings TensorRT.*nvidia-jetpack") as e:
        load(path, backend="tensorrt")
    assert "pip install" not in str(e.value)
    monkeypatch.setitem(sys.modules, "tensorrt_rtx_bindings", None)
    with pytest.raises(MissingDependency, match="does not run on a Jetson"):
        load(path, backend="tensorrt-rtx")


def test_a_graph_that_the_parser_refuses(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    graph = tiny_graph()
    graph.opset_import[0].version = 21
    graph.ir_version = 10
    tiny_bundle(graph.SerializeToString()).write(tmp_path / "a.edgefer")
    plant(monkeypatch, "tensorrt_10_3", "cuda_python")
    with pytest.raises(MachineError, match=r"gpu\.onnx: tensorrt 10\.3\.0 does not read it: "):
        load(tmp_path / "a.edgefer", backend="tensorrt")
    with load(tmp_path / "a.edgefer") as session:
        assert session.backend in ON_CPU
        assert "does not read it" in session.passed_over["tensorrt"]


def test_too_little_memory_is_told_before_the_build(
    monkeypatch: pytest.MonkeyPatch, path: Path, tmp_path: Path
) -> None:
    from edgefer.machine import read_machine

    small = replace(read_machine(), memory_available=1 << 30)
    monkeypatch.setattr("edgefer.runtime.engine_process.read_machine", lambda: small)
    plant(monkeypatch, "tensorrt_10_3", "cuda_python")
    with pytest.raises(MachineError, match=r"expected 1\.7 GiB of free memory .*found 1\.0 GiB"):
        load(path, backend="tensorrt")
    assert builds(tmp_path) == 0


def test_mapped_memory_is_not_copied(
    monkeypatch: pytest.MonkeyPatch, path: Path, faces: Pixels
) -> None:
    plant(monkeypatch, "tensorrt_10_3", "cuda_python")
    with load(path, mapped=True) as session:
        found = session.run(faces)
        np.testing.assert_allclose(found, expected(path, faces), atol=1e-5)
        np.testing.assert_allclose(session.run(faces[:1]), found[:1], atol=1e-5)
        assert DEVICE.counts["copy_in"] == DEVICE.counts["copy_out"] == 0
        assert DEVICE.counts["malloc"] == 0
    DEVICE.integrated = False
    with pytest.raises(InputError, match="mapped memory: expected a device that shares"):
        load(path, mapped=True)


def _host(runtime: Any) -> Callable[[int], tuple[Any, int]]:
    return lambda size: runtime.cudaHostAlloc(size, 0)


class OnDevice:
    """Faces on the fake GPU, as another library has them."""

    def __init__(self, faces: Pixels, stream: int | None = None) -> None:
        from tests.fakes.cuda_python.cuda.bindings import runtime

        size = faces.nbytes
        self.address, host = (int(make(size)[1]) for make in (runtime.cudaMalloc, _host(runtime)))
        ctypes.memmove(host, faces.ctypes.data, size)
        copy = runtime.cudaMemcpyKind.cudaMemcpyHostToDevice
        own = int(runtime.cudaStreamCreateWithFlags(1)[1])
        assert runtime.cudaMemcpyAsync(self.address, host, size, copy, own)[0] == 0
        runtime.cudaStreamSynchronize(own)
        runtime.cudaStreamDestroy(own)
        runtime.cudaFreeHost(host)
        self._runtime = runtime
        self.__cuda_array_interface__ = {
            "shape": faces.shape,
            "typestr": "|u1",
            "data": (self.address, False),
            "strides": None,
            "version": 3,
            "stream": stream,
        }

    def free(self) -> None:
        self._runtime.cudaFree(self.address)


@pytest.mark.parametrize("count", [1, 5, 40])
@pytest.mark.parametrize("library", ["cuda_python", "pycuda"])
def test_faces_on_the_gpu_stay_there(
    monkeypatch: pytest.MonkeyPatch, path: Path, faces: Pixels, library: str, count: int
) -> None:
    plant(monkeypatch, "tensorrt_10_3", library)
    with load(path) as session:
        given = OnDevice(faces[:count])
        try:
            DEVICE.counts.clear()
            found = session.run(given)
            np.testing.assert_allclose(found, expected(path, faces[:count]), atol=1e-5)
            assert DEVICE.counts["copy_in"] == 0
            assert DEVICE.counts["copy_within"] == -(-count // 16)
        finally:
            given.free()


def test_other_faces_on_the_gpu_are_refused(monkeypatch: pytest.MonkeyPatch, path: Path) -> None:
    plant(monkeypatch, "tensorrt_10_3", "cuda_python")
    with load(path) as session:
        given = OnDevice(np.zeros((2, SIZE, SIZE + 1, 3), np.uint8))
        try:
            with pytest.raises(InputError, match=r"faces: expected uint8 \[n, 8, 8, 3\]"):
                session.run(given)
        finally:
            given.free()


def test_a_dla_takes_one_face_a_run(
    monkeypatch: pytest.MonkeyPatch, path: Path, faces: Pixels
) -> None:
    plant(monkeypatch, "tensorrt_10_3", "cuda_python")
    monkeypatch.setenv("EDGEFER_FAKE_DLA", "2")
    with load(path, dla=1) as session:
        assert session.engine is not None
        assert session.engine.what.dla == 1
        assert session.engine.off_dla
        np.testing.assert_allclose(session.run(faces[:3]), expected(path, faces[:3]), atol=1e-5)
    with pytest.raises(MachineError, match="DLA core 2: TensorRT .* finds 2 of them"):
        load(path, dla=2)
    monkeypatch.delenv("EDGEFER_FAKE_DLA")
    with pytest.raises(MachineError, match="DLA core 0: TensorRT .* finds none"):
        load(path, dla=0)


def test_a_dla_is_tensorrts(path: Path) -> None:
    with pytest.raises(InputError, match="DLA core 0: expected the backend tensorrt, found onnx"):
        load(path, dla=0, backend="onnxruntime")


def test_an_engine_of_another_network_is_not_run(
    monkeypatch: pytest.MonkeyPatch, path: Path, tmp_path: Path
) -> None:
    """Its sidecar and hash are right, its inputs and outputs are not."""
    plant(monkeypatch, "tensorrt_10_3", "cuda_python")
    graph = tiny_graph(labels=len(LABELS) - 1).SerializeToString()
    tiny_bundle(graph).write(tmp_path / "a.edgefer")
    with pytest.raises(BundleError, match=r"engine: expected the input pixels uint8 .*found"):
        load(tmp_path / "a.edgefer", backend="tensorrt")


def test_wrong_answers_fail_the_self_check(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    plant(monkeypatch, "tensorrt_10_3", "cuda_python")
    weight = np.random.default_rng(9).normal(0, 0.05, (3, len(LABELS))).astype(np.float32)
    tiny_bundle(tiny_graph(weight=weight).SerializeToString()).write(tmp_path / "a.edgefer")
    with pytest.raises(CheckFailed, match=r"self-check of gpu\.onnx on tensorrt"):
        load(tmp_path / "a.edgefer", backend="tensorrt")


def test_closing_again_is_no_error(monkeypatch: pytest.MonkeyPatch, path: Path) -> None:
    plant(monkeypatch, "tensorrt_10_3", "cuda_python")
    session: Session = load(path)
    session.close()
    session.close()
    with pytest.raises(InputError, match="this session is closed"):
        session.run(np.zeros((1, SIZE, SIZE, 3), np.uint8))


def test_a_damaged_engine_is_never_deserialised(
    monkeypatch: pytest.MonkeyPatch, path: Path
) -> None:
    plant(monkeypatch, "tensorrt_10_3", "cuda_python")
    load(path).close()
    (engine,) = (cache_folder() / "engines").glob("*.engine")
    engine.write_bytes(engine.read_bytes()[:-1] + b"x")
    import tensorrt

    def refuse(*_: Any) -> None:
        pytest.fail("bytes whose hash was wrong came to TensorRT")

    with monkeypatch.context() as patch:
        patch.setattr(tensorrt.Runtime, "deserialize_cuda_engine", refuse)
        with pytest.raises(MachineError, match="its bytes are not those that its sidecar names"):
            load(path, backend="tensorrt", on_mismatch="error")
    with load(path) as session:
        assert "its bytes are not those" in session.why


def test_a_sidecar_is_readable(monkeypatch: pytest.MonkeyPatch, path: Path) -> None:
    plant(monkeypatch, "tensorrt_11_1", "cuda_python")
    load(path).close()
    (sidecar,) = (cache_folder() / "engines").glob("*.json")
    document = json.loads(sidecar.read_text())
    assert document["where"]["version"] == "11.1.0"
    assert document["what"]["edition"] == "tensorrt"
