"""Batches of pixels, made ahead of their use by threads, in memory that does not grow."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from edgefer.data.faces import FaceSet, Pixels
from edgefer.progress import Progress, silent

KEPT = 1 << 30  # bytes of resized faces that are decoded once for all
_MOST_THREADS = 8  # more than these outrun any training
_CHUNK = 256

Rows = NDArray[np.int64]
Batch = tuple[Pixels, NDArray[np.float32]]
Vary = Callable[[Pixels, int], None]
_Made = TypeVar("_Made")


class Feed:
    """Resized faces, by the batch. Small sets are decoded once and kept, others at each use.

    What it gives does not depend on `threads`. The faces' `load` is called by several at a time.
    """

    def __init__(
        self,
        faces: FaceSet,
        size: int,
        threads: int | None = None,
        keep: int = KEPT,
        progress: Progress = silent,
    ) -> None:
        self.faces, self.size = faces, size
        self.threads = threads or min(_MOST_THREADS, os.cpu_count() or 1)
        self._progress = progress
        self.kept: Pixels | None = None
        if len(faces) * size * size * 3 <= keep:
            self.kept = self._decoded()

    def _decoded(self) -> Pixels:
        pixels = np.empty((len(self.faces), self.size, self.size, 3), np.uint8)
        done = 0
        for part in self.pixels(_CHUNK, f"decoding {self.faces.name}"):
            pixels[done : done + len(part)] = part
            done += len(part)
        return pixels

    def pixels(self, count: int, phase: str) -> Iterator[Pixels]:
        """All faces in order, `count` at a time: uint8 [n, size, size, 3]; progress is told."""
        done = 0
        for pixels, _ in self.batches(in_batches(np.arange(len(self.faces)), count)):
            yield pixels
            done += len(pixels)
            self._progress(phase, done, len(self.faces))

    def batches(
        self, rows: Sequence[Rows], vary: Vary | None = None
    ) -> Generator[Batch, None, None]:
        """The faces of each entry of `rows`, in order: uint8 [n, size, size, 3] and targets.

        `vary` is given the pixels of a batch, which it changes, and the batch's number.
        """
        if self.kept is not None and vary is None:
            return (self._batch(each) for each in rows)

        def make(number: int) -> Batch:
            return self._batch(rows[number], number, vary)

        return ahead(make, len(rows), self.threads)

    def _batch(self, rows: Rows, number: int = 0, vary: Vary | None = None) -> Batch:
        pixels = self.faces.pixels(self.size, rows) if self.kept is None else self.kept[rows]
        if vary is not None:
            vary(pixels, number)
        return pixels, self.faces.targets[rows]


def ahead(make: Callable[[int], _Made], count: int, threads: int) -> Generator[_Made, None, None]:
    """What `make` gives for 0 to `count` - 1, in order, with one for each thread under way.

    Its errors are raised here, where the use is. When this is closed the threads are gone.
    """
    waiting: deque[Future[_Made]] = deque()
    pool = ThreadPoolExecutor(threads, "edgefer-feed")
    try:
        for number in range(count):
            waiting.append(pool.submit(make, number))
            if len(waiting) > threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def in_batches(rows: Rows, size: int, whole: bool = False) -> list[Rows]:
    """The rows, `size` at a time; with `whole` without a last batch that is smaller."""
    end = len(rows) // size * size if whole else len(rows)
    return [rows[start : start + size] for start in range(0, end, size)]
