"""A backend's answers to the golden faces, held to those at export."""

from __future__ import annotations

import math

import numpy as np

from edgefer.errors import CheckFailed
from edgefer.golden import Golden
from edgefer.manifest import Flavour
from edgefer.runtime.backend import MOST_FACES, Backend


def check_itself(backend: Backend, flavour: Flavour, golden: Golden) -> None:
    """Raise CheckFailed where the golden faces get other answers than at export.

    One face alone may take another way than several, a CUDA graph say: both are checked.
    """
    count, expected, tolerance = len(golden.faces), golden.expected[flavour], golden.tolerance
    turns = [slice(start, start + MOST_FACES) for start in range(0, count, MOST_FACES)]
    differences = [
        np.abs(backend.run(golden.faces[turn])["probabilities"] - expected[turn]).max()
        for turn in (*turns, slice(1))
    ]
    difference = float(np.max(differences))  # NaN where there is one
    if difference <= tolerance[flavour]:
        return
    off = f"them off by {difference:.2g}" if math.isfinite(difference) else "some not finite"
    msg = (
        f"self-check of {flavour.member} on {backend.name}: expected probabilities "
        f"within {tolerance[flavour]:.2g} of those at export, found {off} "
        f"on {count} golden faces; do not use this bundle on this machine"
    )
    raise CheckFailed(msg)
