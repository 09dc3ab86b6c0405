"""What an inference library has to do to run a bundle: one small file each, behind this."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from edgefer.bundle import Bundle
from edgefer.golden import Probabilities
from edgefer.manifest import Flavour

Pixels = NDArray[np.uint8]

# Engines are built for one to sixteen faces; more are run in turns.
MOST_FACES = 16


class Backend(ABC):
    """One inference library with one graph loaded.

    `name` is what a user calls it, `flavour` the graph that it is made for. Not safe to call from
    two threads at once: the session sees to that.
    """

    name: ClassVar[str]
    flavour: ClassVar[Flavour]

    @classmethod
    @abstractmethod
    def open(cls, bundle: Bundle, flavour: Flavour, threads: int | None) -> Backend:
        """Load the graph of that flavour; `threads` (None: all) is for libraries on the CPU.

        Raises MachineError where this machine cannot run it, BundleError where the graph is not
        what the manifest says.
        """

    @abstractmethod
    def run(self, faces: Pixels) -> Probabilities:
        """uint8 [n, size, size, 3] RGB, n from 1 to MOST_FACES, to float32 [n, labels].

        The answer is a view of the backend's own buffer: the next call overwrites it.
        """

    @abstractmethod
    def close(self) -> None:
        """Free what the library holds; called once."""
