"""Engines of a few bytes, for tests of what keeps them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from edgefer.files import sha256
from edgefer.runtime.engine_builder import Built
from edgefer.runtime.engine_cache import Asked
from edgefer.runtime.engine_sidecar import Sidecar, What, Where

PLAN = b"an engine" * 100
WHAT = What(sha256(b"graph"), "int8", "tensorrt", None, ((1, 1, 1), (1, 4, 16)))
WHERE = Where("10.3.0", ("8.7",), "Orin", "12.6", "Linux", "aarch64", "R36 (release)")
ASKED = Asked(WHAT, WHERE)
WORKSPACE = 1 << 30


def sidecar_of(plan: bytes = PLAN, where: Where = WHERE) -> Sidecar:
    """The sidecar of an engine of these bytes."""
    return Sidecar.of(Built(plan, None, {"int8": 3, "fp16": 1}, ()), WHAT, where, WORKSPACE)


class Builder:
    """Builds the engine, and counts how often."""

    def __init__(self, plan: bytes = PLAN, where: Where = WHERE) -> None:
        self.plan, self.where, self.built = plan, where, 0

    def __call__(self) -> tuple[bytes, Sidecar]:
        self.built += 1
        return self.plan, sidecar_of(self.plan, self.where)


def elsewhere(**change: object) -> Where:
    """Another device or version."""
    return replace(WHERE, **change)  # type: ignore[arg-type]


def flip(path: Path, place: int) -> None:
    """Turn one bit of a file over."""
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)
