"""Golden faces: drawn faces with the answers that a flavour gave when it was exported."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgefer.errors import BundleError
from edgefer.manifest import Flavour

Probabilities = NDArray[np.float32]


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
            with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
                stored = {name: arrays[name] for name in arrays.files}
            faces = stored["faces"]
            answers = {flavour: stored[f"expected_{flavour}"] for flavour in Flavour}
            tolerance = {f: float(stored[f"tolerance_{f}"][0]) for f in Flavour}
            golden = cls(faces, stored["reference"], answers, tolerance)
        except Exception as error:  # numpy and zipfile raise a dozen kinds
            msg = f"golden.npz: expected faces with answers ({error})"
            raise BundleError(msg) from error
        shape = (len(faces), labels)
        right = faces.shape[1:] == (size, size, 3) and faces.dtype == np.uint8 and len(faces) > 0
        if not right or any(a.shape != shape for a in (golden.reference, *answers.values())):
            msg = f"golden.npz: expected faces of {size}x{size} with {labels} answers each"
            raise BundleError(msg)
        return golden
