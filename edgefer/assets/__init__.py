"""The default network as it ships: weights, FP32 graph, ranges, card."""

from __future__ import annotations

from importlib.resources import files


def read_asset(name: str) -> bytes | None:
    """The file of that name in this folder; None where the installation lacks it."""
    file = files(__name__) / name
    return file.read_bytes() if file.is_file() else None
