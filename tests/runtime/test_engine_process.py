"""The child that builds: whatever becomes of it is an error here, and nothing of it stays."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("onnx", reason="the fakes of TensorRT read the graph with onnx")

from edgefer.errors import MachineError, MissingDependency
from edgefer.runtime.engine_options import EngineOptions
from edgefer.runtime.engine_process import build_engine
from edgefer.runtime.tensorrt_library import Edition
from tests.fakes.planted import environment, plant
from tests.runtime.tiny import tiny_graph

GRAPH = tiny_graph().SerializeToString()
OPTIONS = EngineOptions(Edition.TENSORRT)


@pytest.fixture(autouse=True)
def _builds(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("EDGEFER_FAKE_BUILDS", str(tmp_path / "builds"))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)


def test_an_engine_comes_back_with_all_that_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch, "tensorrt_10_3")
    steps: list[tuple[str, int, int]] = []
    built = build_engine(GRAPH, OPTIONS, progress=lambda *step: steps.append(step))
    assert built.plan
    assert built.precisions
    assert built.timing
    assert steps[-1][1] == steps[-1][2]
    again = build_engine(GRAPH, OPTIONS, built.timing)
    assert again.timing


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("crash", r"its process crashed \(SIGABRT\)"),
        ("fail", r"building the engine: tensorrt 10\.3\.0 refused it: .*"),
    ],
)
def test_a_build_that_fails(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, how: str, message: str
) -> None:
    plant(monkeypatch, "tensorrt_10_3")
    monkeypatch.setenv("EDGEFER_FAKE_BUILD", how)
    with pytest.raises(MachineError, match=message):
        build_engine(GRAPH, OPTIONS)
    assert not list(tmp_path.glob("edgefer-*"))


def test_a_child_that_the_kernel_kills(monkeypatch: pytest.MonkeyPatch) -> None:
    """As it does where memory runs out."""
    plant(monkeypatch, "tensorrt_10_3")
    monkeypatch.setenv("EDGEFER_FAKE_BUILD", "slow:60")

    def kill(*_: object) -> None:
        subprocess.run(["pkill", "-KILL", "-P", str(os.getpid()), "-f", "engine_process"])

    with pytest.raises(MachineError, match=r"was killed, as the kernel does when memory runs out"):
        build_engine(GRAPH, OPTIONS, progress=kill)


def test_without_the_library_the_child_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.path", [path for path in sys.path if "fakes" not in path])
    with pytest.raises(MissingDependency, match=r"pip install 'edgefer\[tensorrt\]'"):
        build_engine(GRAPH, OPTIONS)


def test_no_module_comes_from_the_current_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A folder that the program happens to stand in is no place for code."""
    for name in ("tensorrt", "numpy", "json", "ctypes"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit(9)\n")
    monkeypatch.chdir(tmp_path)
    plant(monkeypatch, "tensorrt_10_3")
    assert build_engine(GRAPH, OPTIONS).plan


INTERRUPTED = """
import sys
from pathlib import Path
from edgefer.runtime.engine_options import EngineOptions
from edgefer.runtime.engine_process import build_engine
from edgefer.runtime.tensorrt_library import Edition
build_engine(
    Path(sys.argv[1]).read_bytes(),
    EngineOptions(Edition.TENSORRT),
    progress=lambda *_: print("building", flush=True),
)
"""


def children_of(pid: int) -> list[int]:
    path = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(child) for child in path.read_text().split()]


def is_there(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split(") ")[1][0] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL], ids=lambda how: how.name)
def test_the_child_ends_with_its_parent(tmp_path: Path, how: signal.Signals) -> None:
    if not Path("/proc/self/task").is_dir():
        pytest.skip("children are counted in /proc")
    (tmp_path / "graph").write_bytes(GRAPH)
    process = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED, str(tmp_path / "graph")],
        env={**environment("tensorrt_10_3"), "EDGEFER_FAKE_BUILD": "slow:60"},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"building\n"
        (child,) = children_of(process.pid)
        process.send_signal(how)
        process.wait()
    for _ in range(200):
        if not is_there(child):
            break
        time.sleep(0.05)
    assert not is_there(child)
    if how is signal.SIGINT:
        assert not list(tmp_path.glob("edgefer-*"))
