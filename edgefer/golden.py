"""Golden faces: drawn faces with the answers that a flavour gave when it was exported."""

from __future__ import annotations

import io
import math
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgefer.errors import BundleError
from edgefer.manifest import Flavour

Probabilities = NDArray[np.float32]

_UNPACKED_LIMIT = 256 << 20


@dataclass(frozen=True)
class Golden:
    """Faces uint8 [n, size, size, 3]; answers float32 [n, labels].

    `reference` are the FP32 network's answers. `expected` and `tolerance` are for each flavour:
    its own answers at export, and how far a probability may be from them on another machine.
    """

    faces: NDArray[np.uint8]
    reference: Probabilities
    expected: Mapping[Flavour, Probabilities]
    tolerance: Mapping[Flavour, float]

    def to_npz(self) -> bytes:
        """The arrays as an npz; no object arrays, so nothing to unpickle."""
        arrays: dict[str, NDArray[np.generic]] = {"faces": self.faces, "reference": self.reference}
        for flavour in Flavour:
            arrays[f"expected_{flavour}"] = self.expected[flavour]
            arrays[f"tolerance_{flavour}"] = np.float32(self.tolerance[flavour]).reshape(1)
        buffer = io.BytesIO()
        np.savez(buffer, allow_pickle=False, **arrays)
        return buffer.getvalue()

    @classmethod
    def from_npz(cls, data: bytes, size: int, labels: int) -> Golden:
        """Parse bytes whose hash was checked; BundleError where shapes or types are others."""
        try:
            stored = _arrays(data)
            answers = {flavour: stored[f"expected_{flavour}"] for flavour in Flavour}
            tolerance = {f: float(stored[f"tolerance_{f}"].item()) for f in Flavour}
            golden = cls(stored["faces"], stored["reference"], answers, tolerance)
            golden._check(size, labels)
        except Exception as error:  # numpy and zipfile raise a dozen kinds
            reason = f"{error}"[:200]
            msg = f"golden.npz: expected faces of {size}x{size} with {labels} answers ({reason!r})"
            raise BundleError(msg) from error
        return golden

    def _check(self, size: int, labels: int) -> None:
        """Raise ValueError where an array is not what the class says."""
        count = len(self.faces)
        _check_array("faces", self.faces, np.uint8, (max(count, 1), size, size, 3))
        for name, answer in (("reference", self.reference), *self.expected.items()):
            _check_array(name, answer, np.float32, (count, labels))
            if not np.isfinite(answer).all():
                msg = f"{name} is not finite"
                raise ValueError(msg)
        if not all(0 <= tolerance < math.inf for tolerance in self.tolerance.values()):
            msg = f"tolerances {list(self.tolerance.values())}"
            raise ValueError(msg)


def _arrays(data: bytes) -> dict[str, NDArray[Any]]:
    """The arrays of an npz that unpacks to no more than it is allowed to."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        unpacked = sum(entry.file_size for entry in archive.infolist())
    if unpacked > _UNPACKED_LIMIT:
        msg = f"unpacks to {unpacked:,} bytes, more than {_UNPACKED_LIMIT:,}"
        raise ValueError(msg)
    with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays.files}


def _check_array(name: str, array: Any, kind: type[np.generic], shape: tuple[int, ...]) -> None:
    if not isinstance(array, np.ndarray) or array.dtype != kind or array.shape != shape:
        found = f"{getattr(array, 'dtype', type(array))} {getattr(array, 'shape', '')}"
        msg = f"{name}: {kind.__name__} {shape} expected, {found} found"
        raise ValueError(msg)
