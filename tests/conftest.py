"""What all tests share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from edgefer.manifest import Precision

# As edgefer.imports has it: some tests import ONNX Runtime themselves.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

# A busy machine is no failure: no test here is about time.
settings.register_profile("edgefer", deadline=None)
settings.load_profile("edgefer")


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The user's cache is left alone, and nothing is taken from it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of faces, models and media beside the checkout; skips where it is absent."""
    folder = Path(__file__).parents[2] / "shared"
    if not folder.is_dir():
        pytest.skip("the shared folder with real faces and models is not beside the checkout")
    return folder


@pytest.fixture(scope="session")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> dict[Precision, Path]:
    """The default network as it ships, exported once in each precision."""
    from edgefer.export.pipeline import export_bundle
    from edgefer.export.source import find_source
    from edgefer.manifest import Precision

    folder = tmp_path_factory.mktemp("bundles")
    source = find_source("fer-lite", None)
    paths = {precision: folder / f"fer-lite-{precision}.edgefer" for precision in Precision}
    for precision, path in paths.items():
        export_bundle(source, precision).write(path)
    return paths
