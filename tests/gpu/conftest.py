"""Bundles of the default network, made here or brought along."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from edgefer.manifest import Precision


@pytest.fixture(scope="session")
def exported(request: pytest.FixtureRequest) -> dict[Precision, Path]:
    """The default network in each precision; EDGEFER_TEST_BUNDLES names a folder of them."""
    folder = os.environ.get("EDGEFER_TEST_BUNDLES")
    if folder is not None:
        return {each: Path(folder, f"fer-lite-{each}.edgefer") for each in Precision}
    pytest.importorskip("onnx", reason="exports need onnx; or name EDGEFER_TEST_BUNDLES")
    made: dict[Precision, Path] = request.getfixturevalue("bundles")
    return made
