"""A library that computes into buffers of ours, bound once for each number of faces."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from edgefer.errors import EdgeferError
from edgefer.runtime.backend import MOST_FACES, Backend, Floats, Pixels


class BoundBackend(Backend):
    """Pixels and answers lie in buffers that stay; all numbers of faces share the same memory.

    `_bound` has, by the number of faces, what the library runs and the fronts of the answers.
    """

    def __init__(self, size: int, outputs: Mapping[str, tuple[int, ...]]) -> None:
        self.outputs = outputs
        self._pixels = np.empty((MOST_FACES, size, size, 3), np.uint8)
        self._answers = {
            name: np.empty((MOST_FACES, *shape), np.float32) for name, shape in outputs.items()
        }
        self._bound: dict[int, tuple[Any, dict[str, Floats]]] = {}

    def run(self, faces: Pixels) -> dict[str, Floats]:
        """Copy the faces in, run, and give the bound answers."""
        count = len(faces)
        self._pixels[:count] = faces
        try:
            call, answers = self._bound.get(count) or self._bind(count)
            self._send(count)
            self._infer(call)
        except Exception as error:  # the libraries' exceptions have no common base
            raise self._ours(error, "running the graph") from error
        return answers

    def stages(self, faces: Pixels) -> Iterator[str]:
        """As `run`; answers come to their buffers with the inference."""
        count = len(faces)
        call, _ = self._bound.get(count) or self._bind(count)
        self._pixels[:count] = faces
        self._send(count)
        yield "copy in"
        self._infer(call)
        yield "inference"

    def _bind(self, count: int) -> tuple[Any, dict[str, Floats]]:
        """Bind the front of each buffer."""
        fronts = {name: buffer[:count] for name, buffer in self._answers.items()}
        self._bound[count] = self._bind_fronts(count, fronts), fronts
        return self._bound[count]

    @abstractmethod
    def _bind_fronts(self, count: int, fronts: Mapping[str, Floats]) -> Any:
        """What the library runs for so many faces: from `_pixels` to these fronts."""

    def _send(self, count: int) -> None:
        """Take the front of the pixels to where the graph reads them; on a CPU they are there."""

    @abstractmethod
    def _infer(self, call: Any) -> None:
        """Run what was bound."""

    @staticmethod
    @abstractmethod
    def _ours(error: Exception, what: str) -> EdgeferError:
        """The error of ours for one of the library's."""
