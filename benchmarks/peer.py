"""What a bundle is compared with: another way to run its network, or another network."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from edgefer.data.faces import Pixels


class Peer(ABC):
    """One open peer, run in the turns that the bundles take. Not safe to call from two threads.

    `kind` is what runs it, `name` what a user reads, `note` what it runs in few words.
    `graph_bytes` is the size of its graph, None where it has none in one file. `answers` is whether
    `run` gives probabilities of the bundle's labels that mean something: not so with weights from
    chance, or of another network.
    """

    kind: ClassVar[str]
    name: str
    note: str
    graph_bytes: int | None = None
    answers: bool = True

    @abstractmethod
    def run(self, faces: Pixels) -> NDArray[np.float32]:
        """Faces uint8 [n, size, size, 3], RGB, to probabilities float32 [n, labels], a new array.

        A peer without answers gives its first output, whatever that is.
        """

    @abstractmethod
    def close(self) -> None:
        """Free what the library holds; again is no error."""

    def __enter__(self) -> Peer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
