"""How long work tells what it is doing: one callback, shown by whoever has a terminal."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Called with the phase, the steps done and the steps in all."""

    def __call__(self, phase: str, done: int, total: int) -> None: ...


def silent(phase: str, done: int, total: int) -> None:
    """The progress of a caller who does not look."""
