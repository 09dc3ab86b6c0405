"""What a data set is: faces that load one at a time, and a soft label for each."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from edgefer.errors import InputError
from edgefer.imports import require
from edgefer.labels import Expression
from edgefer.progress import Progress, silent

Pixels = NDArray[np.uint8]

_HASHED_AT_ONCE = 256


@dataclass(frozen=True)
class FaceSet:
    """Faces in order, each with a distribution over `labels`.

    `load(i)`, which several threads may call, gives face `i` as uint8 [height, width, 3], RGB, of
    its own size. `targets` is float32 [faces, len(labels)], rows add up to 1. `drawn` says that no
    person is in it. `hashes` is empty until the faces are hashed: whoever replaces `load` replaces
    it too.
    """

    name: str
    labels: tuple[Expression, ...]
    targets: NDArray[np.float32]
    load: Callable[[int], Pixels]
    drawn: bool = False
    hashes: list[str] = field(default_factory=list, repr=False, compare=False)

    def __len__(self) -> int:
        return len(self.targets)

    @property
    def classes(self) -> NDArray[np.int64]:
        """The winning label of each face, as its index in `labels`: int64 [faces]."""
        return np.asarray(self.targets.argmax(axis=1), dtype=np.int64)

    def select(self, indices: Sequence[int] | NDArray[np.int64]) -> FaceSet:
        """The same set with these faces only, in this order."""
        chosen = np.asarray(indices, dtype=np.int64)
        load = self.load
        return replace(
            self,
            targets=self.targets[chosen],
            load=lambda index: load(int(chosen[index])),
            hashes=[self.hashes[index] for index in chosen] if self.hashes else [],
        )

    def relabelled(self, labels: tuple[Expression, ...]) -> FaceSet:
        """The same faces with targets in the order of other labels, whose rows add up to 1 again.

        Faces whose winning label is not among them are left out; InputError where all are.
        """
        if labels == self.labels:
            return self
        kept = np.flatnonzero([self.labels[winner] in labels for winner in self.classes])
        if not len(kept):
            found = ", ".join(self.labels)
            msg = f"data '{self.name}': expected faces of {', '.join(labels)}, found {found}"
            raise InputError(msg)
        targets = np.zeros((len(kept), len(labels)), np.float32)
        for column, label in enumerate(labels):
            if label in self.labels:
                targets[:, column] = self.targets[kept, self.labels.index(label)]
        targets /= targets.sum(axis=1, keepdims=True)
        return replace(self.select(kept), labels=labels, targets=targets)

    def pixels(self, size: int, indices: Sequence[int] | NDArray[np.int64] | None = None) -> Pixels:
        """Those faces (default: all), resized to uint8 [n, size, size, 3], RGB."""
        chosen = range(len(self)) if indices is None else indices
        batch = np.empty((len(chosen), size, size, 3), np.uint8)
        for row, index in enumerate(chosen):
            batch[row] = resize(self.load(int(index)), size)
        return batch

    def classes_among(self, labels: tuple[Expression, ...]) -> NDArray[np.int64]:
        """The label of each face as its index in `labels`: int64 [faces].

        A label that the data has a name but no face for does not have to be there. Raises
        InputError where one with faces is not.
        """
        present = {self.labels[number] for number in np.unique(self.classes)}
        if not present <= set(labels):
            found = ", ".join(label for label in self.labels if label in present)
            msg = (
                f"{self.name}: expected faces labelled {', '.join(labels)}, as the network "
                f"answers, found {found}"
            )
            raise InputError(msg)
        numbers = [labels.index(label) if label in present else -1 for label in self.labels]
        return np.asarray(numbers, dtype=np.int64)[self.classes]

    def batches(self, size: int, count: int) -> Iterator[tuple[Pixels, NDArray[np.float32]]]:
        """All faces in order, at most `count` at a time, with their targets."""
        for start in range(0, len(self), count):
            rows = np.arange(start, min(start + count, len(self)))
            yield self.pixels(size, rows), self.targets[rows]

    def balanced(self, count: int, seed: int = 0) -> FaceSet:
        """Up to `count` faces, spread over the classes as evenly as they allow."""
        order = np.random.default_rng(seed).permutation(len(self))
        classes = self.classes[order]
        rank = np.empty(len(self), np.int64)
        for label in range(len(self.labels)):
            members = classes == label
            rank[members] = np.arange(members.sum())
        return self.select(np.sort(order[np.argsort(rank, kind="stable")[:count]]))

    def face_hashes(self, progress: Progress = silent) -> list[str]:
        """SHA-256 of the pixels of each face, before any resizing; each is loaded for it once."""
        if not self.hashes:
            found: list[str] = []
            with ThreadPoolExecutor() as pool:  # decoding and hashing leave Python's lock
                for start in range(0, len(self), _HASHED_AT_ONCE):
                    rows = range(start, min(start + _HASHED_AT_ONCE, len(self)))
                    found += pool.map(lambda index: face_hash(self.load(index)), rows)
                    progress(f"hashing {self.name}", len(found), len(self))
            self.hashes[:] = found
        return list(self.hashes)

    def digest(self) -> str:
        """SHA-256 over the faces and their labels: says that two sets are the same."""
        whole = hashlib.sha256("".join(self.face_hashes()).encode())
        whole.update(np.ascontiguousarray(self.targets).tobytes())
        return whole.hexdigest()


def face_hash(face: Pixels) -> str:
    """SHA-256 of the pixels of a face."""
    return hashlib.sha256(face.tobytes()).hexdigest()


def resize(face: Pixels, size: int) -> Pixels:
    """`face` as uint8 [size, size, 3]; averages when it shrinks, interpolates when it grows."""
    if face.shape[:2] == (size, size):
        return face
    cv2 = require("cv2", "cpu")
    shrinks = min(face.shape[:2]) > size
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(face, (size, size), interpolation=method), dtype=np.uint8)


def without_duplicates(faces: FaceSet, of: FaceSet) -> tuple[FaceSet, int]:
    """`faces` less those that also stand in `of`, by the hash of their pixels, and their number."""
    seen = set(of.face_hashes())
    kept = [i for i, digest in enumerate(faces.face_hashes()) if digest not in seen]
    return faces.select(kept), len(faces) - len(kept)
