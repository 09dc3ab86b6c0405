"""The trial of one library: what it reports, of libraries that work and of those that do not."""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from edgefer.errors import MachineError, MissingDependency
from edgefer.runtime import trial
from edgefer.runtime.child_process import command
from edgefer.runtime.cuda import Device
from edgefer.runtime.tensorrt_library import Edition


class FakeCuda:
    """A device whose memory is that of this process."""

    name = "fake-cuda"

    def __init__(self) -> None:
        self._buffers: list[Any] = []

    @contextmanager
    def current(self) -> Iterator[None]:
        yield

    def device(self) -> Device:
        return Device("Orin", (8, 7), (12, 6), integrated=True)

    def memory(self) -> tuple[int, int]:
        return 5 << 30, 8 << 30

    def create_stream(self) -> int:
        return 7

    def synchronize(self, stream: int) -> None:
        assert stream == 7

    def allocate(self, size: int) -> int:
        self._buffers.append(ctypes.create_string_buffer(size))
        return ctypes.addressof(self._buffers[-1])

    def copy_in(self, target: int, source: int, size: int, stream: int) -> None:
        ctypes.memmove(target, source, size)

    copy_out = copy_in


class FakeTensorRT:
    """What the trial asks of `edgefer.runtime.tensorrt_library.TensorRT`, and a library below it.

    `plan` is the engine (None: refused), `factor` what it multiplies by.
    """

    def __init__(self, edition: Edition, plan: bytes | None = b"plan", factor: int = 2) -> None:
        self.edition, self.version, self.logger = edition, "10.3.0", object()
        self._plan, self._factor = plan, factor
        self._addresses: dict[str, int] = {}
        self.targets: list[str] = []
        tensor = SimpleNamespace(name="")
        layer = SimpleNamespace(get_output=lambda index: tensor)
        self._network = SimpleNamespace(
            add_input=lambda *_: tensor,
            add_activation=lambda *_: layer,
            add_elementwise=lambda *_: layer,
            mark_output=lambda _: None,
        )
        self.library = SimpleNamespace(
            __file__="/usr/lib/python3.10/dist-packages/tensorrt/__init__.py",
            float32="float32",
            ActivationType=SimpleNamespace(RELU=0),
            ElementWiseOperation=SimpleNamespace(SUM=0),
            ComputeCapability=SimpleNamespace(SM86="8.6", CURRENT="current"),
            Builder=lambda logger: self,
            Runtime=lambda logger: self,
        )
        self.num_DLA_cores = 2

    def log(self) -> str:
        return "its log"

    def network_flags(self) -> int:
        return 0

    def create_network(self, flags: int) -> Any:
        return self._network

    def create_builder_config(self) -> Any:
        return SimpleNamespace(set_compute_capability=lambda one, _: self.targets.append(one))

    def build_serialized_network(self, network: Any, config: Any) -> bytes | None:
        return self._plan

    def deserialize_cuda_engine(self, plan: bytes) -> Any:
        return self if plan == b"plan" else None

    def create_execution_context(self) -> Any:
        return self

    def set_tensor_address(self, name: str, address: int) -> bool:
        self._addresses[name] = address
        return True

    def execute_async_v3(self, stream: int) -> bool:
        floats = ctypes.POINTER(ctypes.c_float)
        values, answers = (
            ctypes.cast(self._addresses[name], floats) for name in ("values", "answers")
        )
        for index in range(4):
            answers[index] = self._factor * max(values[index], 0)
        return True


@pytest.fixture
def with_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """A device, and with it its driver."""
    monkeypatch.setattr(trial, "find_cuda", FakeCuda)


@pytest.fixture
def without_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    """No libcuda, whatever the machine of the test has."""
    monkeypatch.setattr("edgefer.runtime.cuda.DRIVER", "libcuda-that-is-not-there.so")


def try_fake(monkeypatch: pytest.MonkeyPatch, fake: FakeTensorRT) -> trial.LibraryTrial:
    monkeypatch.setattr(trial, "open_library", lambda edition: fake)
    return trial.try_tensorrt(fake.edition)


@pytest.mark.usefixtures("with_gpu")
def test_a_tensorrt_that_works(monkeypatch: pytest.MonkeyPatch) -> None:
    found = try_fake(monkeypatch, FakeTensorRT(Edition.TENSORRT))
    assert (found.builds, found.runs, found.detail) == (True, True, "builds and runs engines")
    assert (found.version, found.dla_cores) == ("10.3.0", 2)
    assert found.place == "/usr/lib/python3.10/dist-packages/tensorrt/__init__.py"


@pytest.mark.usefixtures("with_gpu")
def test_tensorrt_rtx_builds_for_the_gpu_that_is_here(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeTensorRT(Edition.RTX)
    found = try_fake(monkeypatch, fake)
    assert (found.builds, found.runs, found.dla_cores) == (True, True, None)
    assert fake.targets == ["current"]


@pytest.mark.usefixtures("without_driver")
def test_without_a_driver_tensorrt_rtx_builds_for_another_gpu(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fake = FakeTensorRT(Edition.RTX)
    found = try_fake(monkeypatch, fake)
    assert (found.builds, found.runs) == (True, False)
    assert found.detail.startswith(
        "builds engines, does not run them: no NVIDIA driver on this machine ("
    )
    assert fake.targets == ["8.6"]


@pytest.mark.usefixtures("without_driver")
def test_without_a_driver_tensorrt_gives_no_builder(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_builder(logger: object) -> None:
        msg = "pybind11::init(): factory function returned nullptr"
        raise TypeError(msg)

    fake = FakeTensorRT(Edition.TENSORRT)
    fake.library.Builder = no_builder
    found = try_fake(monkeypatch, fake)
    assert (found.builds, found.runs, found.dla_cores) == (False, False, None)
    assert found.detail.startswith("builds no engines: no NVIDIA driver on this machine (")


@pytest.mark.usefixtures("with_gpu")
@pytest.mark.parametrize(
    ("plan", "factor", "builds", "detail"),
    [
        (None, 2, False, "builds no engine for this GPU: its log"),
        (b"broken", 2, True, "builds engines, does not run them: its log"),
        (
            b"plan",
            3,
            True,
            "builds engines, does not run them: two layers: expected [[0.0, 4.0, 0.0, 8.0]], "
            "found [[0.0, 6.0, 0.0, 12.0]]",
        ),
    ],
    ids=["no plan", "not loaded", "wrong answers"],
)
def test_what_fails_is_said(
    monkeypatch: pytest.MonkeyPatch, plan: bytes | None, factor: int, builds: bool, detail: str
) -> None:
    found = try_fake(monkeypatch, FakeTensorRT(Edition.TENSORRT, plan, factor))
    assert (found.builds, found.runs, found.detail) == (builds, False, detail)


def test_a_library_that_does_not_import(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(edition: Edition) -> None:
        msg = "libnvinfer.so.10: cannot open shared object file"
        raise RuntimeError(msg)

    monkeypatch.setattr(trial, "open_library", broken)
    found = trial.try_tensorrt(Edition.TENSORRT)
    assert (found.version, found.builds, found.runs) == (None, False, False)
    assert found.detail == "RuntimeError: libnvinfer.so.10: cannot open shared object file"


@pytest.mark.usefixtures("with_gpu")
def test_cuda_describes_its_device() -> None:
    found = trial.try_cuda()
    assert found == trial.CudaTrial("fake-cuda", "Orin", "8.7", "12.6", 5 << 30, 8 << 30, "")


@pytest.mark.usefixtures("with_gpu")
@pytest.mark.parametrize("kind", [MissingDependency, MachineError])
def test_cuda_that_does_not_answer(
    monkeypatch: pytest.MonkeyPatch, kind: type[MachineError]
) -> None:
    def fail() -> None:
        msg = "cuda-python is not installed"
        raise kind(msg)

    monkeypatch.setattr(trial, "find_cuda", fail)
    found = trial.try_cuda()
    assert (found.device, found.free, found.detail) == (None, None, "cuda-python is not installed")


def test_the_two_layers_of_onnx_are_those_of_tensorrt() -> None:
    library = pytest.importorskip("onnxruntime")
    session = library.InferenceSession(trial._TWO_LAYERS, providers=["CPUExecutionProvider"])
    trial._check(session.run(None, {"values": trial._VALUES})[0])


def test_onnxruntime_without_the_provider(monkeypatch: pytest.MonkeyPatch) -> None:
    onnxruntime = fake_onnxruntime(monkeypatch, ["CPUExecutionProvider"])
    found = trial.try_onnxruntime()
    assert (found.runs, found.version) == (False, onnxruntime.__version__)
    assert "without CUDAExecutionProvider" in found.detail


@pytest.mark.usefixtures("with_gpu")
@pytest.mark.parametrize("loads", [True, False])
def test_onnxruntime_on_cuda(monkeypatch: pytest.MonkeyPatch, loads: bool) -> None:
    fake_onnxruntime(monkeypatch, ["CUDAExecutionProvider", "CPUExecutionProvider"], loads)
    found = trial.try_onnxruntime()
    assert found.runs is loads
    assert found.detail.startswith("ran two" if loads else "CUDAExecutionProvider does not load")


def fake_onnxruntime(
    monkeypatch: pytest.MonkeyPatch, providers: list[str], loads: bool = True
) -> Any:
    session = SimpleNamespace(
        get_providers=lambda: providers if loads else providers[1:],
        run=lambda names, feed: [2 * np.maximum(feed["values"], 0)],
    )
    library = SimpleNamespace(
        __version__="1.23.0",
        __file__="onnxruntime/__init__.py",
        get_available_providers=lambda: providers,
        InferenceSession=lambda graph, providers: session,
    )
    monkeypatch.setattr(trial, "require", lambda module, extra: library)
    return library


def run_trial(module: str, path: Path) -> dict[str, Any]:
    """The child as doctor starts it; it prints one document and nothing else."""
    done = subprocess.run(
        command("edgefer.runtime.trial", module),
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(path), *sys.path])},
        capture_output=True,
        text=True,
        check=True,
    )
    document: dict[str, Any] = json.loads(done.stdout)
    return document


@pytest.mark.skipif(find_spec("tensorrt_rtx_bindings") is None, reason="the extra is not installed")
def test_the_real_tensorrt_rtx(tmp_path: Path) -> None:
    found = run_trial("tensorrt_rtx_bindings", tmp_path)
    assert found["builds"] is True
    assert found["version"].startswith("1.")


def test_what_a_library_prints_stays_out_of_the_document(tmp_path: Path) -> None:
    chatter = "import os\nprint('hello')\nos.write(1, b'from below')\nraise ImportError('no GPU')\n"
    (tmp_path / "tensorrt.py").write_text(chatter)
    found = run_trial("tensorrt", tmp_path)
    assert found["builds"] is False
    assert "no GPU" in found["detail"]


def test_the_current_folder_is_not_looked_into(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tensorrt.py").write_text("raise SystemExit(9)")
    monkeypatch.chdir(tmp_path)
    assert run_trial("tensorrt", tmp_path / "elsewhere")["module"] == "tensorrt"
