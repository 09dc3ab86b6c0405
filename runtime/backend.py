"""What an inference library has to do to run a bundle: one small file each, behind this."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from edgefer.bundle import Bundle
from edgefer.choice import Choice
from edgefer.manifest import Flavour
from edgefer.progress import Progress, silent

if TYPE_CHECKING:
    from edgefer.runtime.device_array import DeviceFaces
    from edgefer.runtime.engine_sidecar import Sidecar

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float32]

# Our choice: all that these networks can use, and no more than an 8 GB Jetson can spare.
WORKSPACE = 1 << 30
# Engines are built for one to sixteen faces; more are run in turns.
MOST_FACES = 16


class OnMismatch(Choice):
    """What to do where there is no engine that fits: build one, or say so and end."""

    REBUILD = "rebuild"
    ERROR = "error"


@dataclass(frozen=True)
class OpenOptions:
    """How a backend opens a graph; each takes what concerns it.

    `threads` (None: all) is for libraries on the CPU. The others are for TensorRT: what to do
    without an engine that fits; the most memory in bytes that a layer may use (None: WORKSPACE, or
    whatever an engine was built with); the number of a DLA core (None: the GPU alone); whether a
    device that shares its memory with the CPU reads the pixels where the CPU wrote them.
    """

    threads: int | None = None
    on_mismatch: OnMismatch = OnMismatch.REBUILD
    workspace: int | None = None
    dla: int | None = None
    mapped: bool = False
    progress: Progress = silent


class Backend(ABC):
    """One inference library with one graph loaded.

    `name` is what a user calls it, `flavour` the graph that it is made for, `outputs` the shape of
    each output of that graph for one face, `notes` what a user may want to know of how it was
    opened, `engine` the description of an engine, for libraries that have one. Not safe to call
    from two threads at once: the session sees to that.
    """

    name: ClassVar[str]
    flavour: ClassVar[Flavour]
    outputs: Mapping[str, tuple[int, ...]]
    notes: tuple[str, ...] = ()
    engine: Sidecar | None = None

    @classmethod
    @abstractmethod
    def open(cls, bundle: Bundle, flavour: Flavour, options: OpenOptions) -> Backend:
        """Load the graph of that flavour.

        Raises MachineError where this machine cannot run it, BundleError where the graph is not
        what the manifest says.
        """

    @abstractmethod
    def run(self, faces: Pixels) -> Mapping[str, Floats]:
        """uint8 [n, size, size, 3] RGB, n from 1 to MOST_FACES, to each output, float32 [n, ...].

        The answers are views of the backend's own buffers: the next call overwrites them.
        """

    def stages(self, faces: Pixels) -> Iterator[str]:
        """Run as `run` does, and give the name of each stage as it ends, for whoever times them.

        Nothing where a backend cannot tell its stages apart.
        """
        return iter(())

    def on_device(self, faces: object) -> DeviceFaces | None:
        """Faces that are on the GPU already, where this backend can take them from there."""
        return None

    def run_device(self, faces: DeviceFaces, first: int, count: int) -> Mapping[str, Floats]:
        """As `run`, for `count` of the faces that `on_device` gave, from `first` on."""
        raise NotImplementedError

    @abstractmethod
    def close(self) -> None:
        """Free what the library holds; called once."""
