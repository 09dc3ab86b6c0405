"""Puts the fakes where `import tensorrt`, `import cuda` and `import pycuda` find them.

    def test_it(monkeypatch):
        plant(monkeypatch, "tensorrt_10_3", "cuda_python")

Child processes find them with `environment("tensorrt_10_3", "cuda_python")`.
"""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path

import pytest

from tests.fakes.device import DEVICE

_FAKES = Path(__file__).parent
_ROOT = _FAKES.parents[1]
_FAKED = (
    *("tensorrt", "cuda", "cuda.bindings", "cuda.bindings.runtime"),
    *("tensorrt_rtx_bindings", "pycuda", "pycuda.driver"),
)
_ROOTS = {name.split(".")[0] for name in _FAKED}

TENSORRTS = ("tensorrt_10_3", "tensorrt_10_16", "tensorrt_11_1")


def plant(monkeypatch: pytest.MonkeyPatch, *fakes: str) -> None:
    """Let the imports find these fakes and no other library; the device is as new."""
    folders = [str(_folder(fake)) for fake in fakes]
    uproot(monkeypatch)
    for folder in reversed(folders):
        monkeypatch.syspath_prepend(folder)
    # A real library that is installed is not to answer in place of a fake.
    for name in ("tensorrt", "cuda", "pycuda"):
        if not any(
            Path(folder, name).is_dir() or Path(folder, f"{name}.py").is_file()
            for folder in folders
        ):
            monkeypatch.setitem(sys.modules, name, None)
    DEVICE.reset()


def uproot(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget whatever was imported under the faked names; it comes back after the test."""
    for name in {*_FAKED, *(name for name in sys.modules if name.split(".")[0] in _ROOTS)}:
        # Set first: so what the test imports goes too, where there was nothing before it.
        monkeypatch.setitem(sys.modules, name, sys)
        monkeypatch.delitem(sys.modules, name)
    importlib.invalidate_caches()


def environment(*fakes: str) -> dict[str, str]:
    """The environment of a child process that is to find these fakes."""
    paths = [*(str(_folder(fake)) for fake in fakes), str(_ROOT)]
    if old := os.environ.get("PYTHONPATH"):
        paths.append(old)
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}


def _folder(fake: str) -> Path:
    folder = _FAKES / fake
    if not folder.is_dir():
        msg = f"no fake {fake!r} in {_FAKES}"
        raise ValueError(msg)
    return folder
