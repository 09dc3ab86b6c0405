"""Bundles for the runtime's tests: tiny ones, or real ones where onnx is not installed."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from edgefer.bundle import Bundle, read_bundle
from edgefer.files import sha256
from edgefer.manifest import Member, Precision
from edgefer.runtime.session import Session, load
from tests.runtime.on_cpu import ON_CPU_HERE

# A folder with fer-lite-fp32.edgefer, fer-lite-fp16.edgefer and fer-lite-int8.edgefer.
_FOLDER = os.environ.get("EDGEFER_TEST_BUNDLES")


@pytest.fixture(scope="session")
def exported(request: pytest.FixtureRequest) -> Path:
    """The folder of exported bundles of the default network, made here unless one is named."""
    if _FOLDER is not None:
        return Path(_FOLDER)
    folder: Path = request.getfixturevalue("bundles")[Precision.INT8].parent
    return folder


@pytest.fixture(scope="session")
def bundle_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sound bundle."""
    if _FOLDER is not None:
        return Path(_FOLDER, "fer-lite-int8.edgefer")
    return _written(tmp_path_factory, Precision.INT8)


@pytest.fixture(scope="session")
def fp16_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sound bundle of FP16."""
    if _FOLDER is not None:
        return Path(_FOLDER, "fer-lite-fp16.edgefer")
    return _written(tmp_path_factory, Precision.FP16)


def _written(folders: pytest.TempPathFactory, precision: Precision) -> Path:
    from tests.runtime.tiny import tiny_bundle

    path = folders.mktemp("bundle") / f"tiny-{precision}.edgefer"
    tiny_bundle(precision=precision).write(path)
    return path


@pytest.fixture(params=ON_CPU_HERE)
def session(bundle_path: Path, request: pytest.FixtureRequest) -> Session:
    """The bundle loaded into each backend for a CPU, on one thread."""
    return load(bundle_path, backend=request.param, threads=1)


@pytest.fixture
def changed(bundle_path: Path, tmp_path: Path) -> Callable[[dict[str, bytes]], Path]:
    """Writes the bundle with these members in place of its own, and right hashes."""

    def write(members: dict[str, bytes]) -> Path:
        bundle = read_bundle(bundle_path)
        files = {name: Member(sha256(data), len(data)) for name, data in members.items()}
        manifest = replace(bundle.manifest, files={**bundle.manifest.files, **files})
        path = tmp_path / "changed.edgefer"
        Bundle(manifest, {**bundle.members, **members}).write(path)
        return path

    return write


@pytest.fixture
def faces(session: Session) -> NDArray[np.uint8]:
    """Forty random faces of the session's size."""
    shape = (40, session.size, session.size, 3)
    return np.random.default_rng(2).integers(0, 256, shape, np.uint8)
