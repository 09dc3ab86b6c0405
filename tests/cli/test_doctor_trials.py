"""Libraries that are tried in child processes: those that crash, hang or do not answer."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest

from edgefer.cli.doctor_trials import Children, children_to_try


@pytest.fixture
def planted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that is imported as `tensorrt`, before any other."""
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path / "tensorrt.py"


@pytest.mark.parametrize(
    ("code", "detail"),
    [
        ("import os\nos.abort()\n", "crashed (SIGABRT) when it was tried; install it again"),
        ("import os\nos._exit(4)\n", "ended with status 4 when it was tried; install it again"),
        ("raise ImportError('libnvinfer.so.10')\n", "tensorrt does not load (libnvinfer.so.10)"),
    ],
    ids=["crashes", "exits", "does not load"],
)
def test_a_library_that_is_broken(planted: Path, code: str, detail: str) -> None:
    planted.write_text(code)
    with Children(["tensorrt"]) as children:
        trial = children.libraries()["tensorrt"]
    assert trial.runs is False
    assert trial.detail.startswith(detail)


def test_a_library_that_hangs_is_killed(planted: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edgefer.cli.doctor_trials._PATIENCE", 1)
    planted.write_text("import time\ntime.sleep(100)\n")
    with Children(["tensorrt"]) as children:
        trial = children.libraries()["tensorrt"]
        (process,) = children._processes.values()
    assert trial.detail == "did not end within 1 s"
    assert process.returncode == -9


def test_children_that_nobody_asked_are_killed(planted: Path) -> None:
    planted.write_text("import time\ntime.sleep(100)\n")
    with Children(["tensorrt", "cuda"]) as children:
        processes = list(children._processes.values())
    assert all(process.returncode is not None for process in processes)


def test_cuda_says_what_is_here_or_why_not() -> None:
    with Children(["cuda"]) as children:
        cuda = children.cuda()
    assert (cuda.device is None) == bool(cuda.detail)


def test_what_is_not_installed_is_not_tried() -> None:
    modules = children_to_try()
    assert modules[0] == "cuda"
    for name in ("tensorrt", "tensorrt_rtx_bindings"):
        assert (name in modules) == (find_spec(name) is not None)


@pytest.mark.skipif(find_spec("tensorrt_rtx_bindings") is None, reason="the extra is not installed")
def test_the_real_tensorrt_rtx_builds() -> None:
    with Children(["tensorrt_rtx_bindings"]) as children:
        assert children.libraries()["tensorrt_rtx_bindings"].builds is True
