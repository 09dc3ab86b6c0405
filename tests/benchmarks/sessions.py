"""Sessions around a function, so that a test decides every answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import numpy as np

from edgefer.bundle import Bundle
from edgefer.golden import Probabilities
from edgefer.labels import ORDERS, Expression
from edgefer.manifest import Flavour, Manifest
from edgefer.runtime.backend import Backend, Floats, OpenOptions, Pixels
from edgefer.runtime.selection import Chosen
from edgefer.runtime.session import Session

LABELS = ORDERS["ferplus"]
SIZE = 24


class FunctionBackend(Backend):
    """Answers with a function of the pixels."""

    name: ClassVar[str] = "function"
    flavour: ClassVar[Flavour] = Flavour.CPU

    def __init__(self, function: Callable[[Pixels], Probabilities], labels: int) -> None:
        self._function = function
        self.outputs = {"probabilities": (labels,)}

    @classmethod
    def open(cls, bundle: Bundle, flavour: Flavour, options: OpenOptions) -> FunctionBackend:
        raise NotImplementedError

    def run(self, faces: Pixels) -> dict[str, Floats]:
        return {"probabilities": self._function(faces)}

    def close(self) -> None:
        pass


def session_of(
    function: Callable[[Pixels], Probabilities], labels: tuple[Expression, ...] = LABELS
) -> Session:
    """A session that answers with `function`."""
    manifest = Manifest.bare("function", SIZE, labels)
    backend = FunctionBackend(function, len(labels))
    return Session(Bundle(manifest, {}), Chosen(backend, Flavour.CPU, "for a test", {}))


def uniform(faces: Pixels) -> Probabilities:
    """All labels alike."""
    return np.full((len(faces), len(LABELS)), 1 / len(LABELS), np.float32)
