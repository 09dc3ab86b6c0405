"""What an inference library has to do to run a bundle: one small file each, behind this."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from edgefer.bundle import Bundle
from edgefer.manifest import Flavour

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float32]

# Engines are built for one to sixteen faces; more are run in turns.
MOST_FACES = 16


class Backend(ABC):
    """One inference library with one graph loaded.

    `name` is what a user calls it, `flavour` the graph that it is made for, `outputs` the shape of
    each output of that graph for one face. Not safe to call from two threads at once: the session
    sees to that.
    """

    name: ClassVar[str]
    flavour: ClassVar[Flavour]
    outputs: Mapping[str, tuple[int, ...]]

    @classmethod
    @abstractmethod
    def open(cls, bundle: Bundle, flavour: Flavour, threads: int | None) -> Backend:
        """Load the graph of that flavour; `threads` (None: all) is for libraries on the CPU.

        Raises MachineError where this machine cannot run it, BundleError where the graph is not
        what the manifest says.
        """

    @abstractmethod
    def run(self, faces: Pixels) -> Mapping[str, Floats]:
        """uint8 [n, size, size, 3] RGB, n from 1 to MOST_FACES, to each output, float32 [n, ...].

        The answers are views of the backend's own buffers: the next call overwrites them.
        """

    @abstractmethod
    def close(self) -> None:
        """Free what the library holds; called once."""
