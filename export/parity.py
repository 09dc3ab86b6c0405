"""Compares graphs on drawn faces: the same answers, within a limit for each precision."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edgefer.data.drawn import drawn_faces
from edgefer.data.faces import FaceSet
from edgefer.errors import CheckFailed, InputError
from edgefer.export.answers import Answers, Floats
from edgefer.export.graph import OUTPUT
from edgefer.manifest import Parity, Precision

GOLDEN_FACES = 16
_GOLDEN_SEED = 20_190
_SUM_TOLERANCE = 1e-3
# Largest difference of a probability, by the precision of the graph. Our choice: FP32 differs by
# the order of its sums, FP16 by 11 bits of mantissa over a dozen layers, INT8 by 7 bits of range.
LIMITS = {Precision.FP32: 1e-4, Precision.FP16: 0.02, Precision.INT8: 0.25}
# The least share of drawn faces with FP32's winner; our choice, far below what sound graphs have.
LEAST_AGREEMENT = 0.75
# A winner is clear where its probability is so much above the next.
CLEAR = 0.1
# How far a probability may be from the exported one on another machine: a GPU adds in another
# order and rounds elsewhere.
TOLERANCES = {Precision.FP32: 1e-3, Precision.FP16: 0.02, Precision.INT8: 0.1}


def golden_faces(size: int) -> NDArray[np.uint8]:
    """The drawn faces of every bundle: uint8 [16, size, size, 3], all expressions in turn."""
    return drawn_golden(size).pixels(size)


def drawn_golden(size: int) -> FaceSet:
    """The same as a data set."""
    return drawn_faces(GOLDEN_FACES, _GOLDEN_SEED, size)


def compare_outputs(
    what: str, found: Answers, expected: Answers, limit: float
) -> tuple[Parity, ...]:
    """The parity of each output of `found` with that of `expected`.

    What is no probability is compared on the scale of its own values, where they exceed 1.
    """
    checks = []
    for name, values in expected.items():
        if name == OUTPUT:
            checks.append(compare(what, found[name], values, limit))
        else:
            scale = max(1.0, float(np.abs(values).max()))
            flat = [
                np.asarray(each / scale).reshape(len(values), -1) for each in (found[name], values)
            ]
            checks.append(compare(f"{what}: {name}", flat[0], flat[1], limit))
    return tuple(checks)


def compare(what: str, found: Floats, expected: Floats, limit: float) -> Parity:
    """The parity of `found` with `expected`, whether it holds or not."""
    difference = np.abs(found.astype(np.float64) - expected).max()
    same = found.argmax(axis=1) == expected.argmax(axis=1)
    return Parity(what, len(found), float(difference), limit, float(same.mean()))


def are_probabilities(rows: Floats) -> bool:
    """Whether none is below 0 and each row adds up to 1."""
    sums = rows.sum(axis=1, dtype=np.float64)
    return bool(rows.min() >= 0 and np.abs(sums - 1).max() <= _SUM_TOLERANCE)


def require_probabilities(network: str, found: Floats) -> None:
    """Raise InputError where the rows of the FP32 network's answers are not probabilities."""
    if not are_probabilities(found):
        sums = found.sum(axis=1, dtype=np.float64)
        msg = (
            f"{network}: expected probabilities that add up to 1 for each face, found rows from "
            f"{found.min():.3g} to {found.max():.3g} that add up to {sums.min():.3g} to "
            f"{sums.max():.3g}; end the graph with a softmax"
        )
        raise InputError(msg)


def require_finite(what: str, found: Answers) -> None:
    """Raise CheckFailed where a graph gives what is not a number."""
    for name, values in found.items():
        if not np.isfinite(values).all():
            msg = (
                f"{what}: expected finite {name} for drawn faces, found NaN or infinite ones; "
                "no bundle is written: calibrate on other faces, or ask for a higher precision"
            )
            raise CheckFailed(msg)


def require_parity(checks: tuple[Parity, ...]) -> None:
    """Raise CheckFailed with the figures of every check that does not hold."""
    failed = [check for check in checks if not check.holds]
    if failed:
        figures = "; ".join(
            f"{check.what}: a value differs by {check.difference:.4f}, at most "
            f"{check.limit:g} is allowed, {check.agreement:.0%} of {check.faces} drawn faces agree"
            for check in failed
        )
        msg = (
            f"parity does not hold, no bundle is written: {figures}; calibrate on other or more "
            "faces, or ask for a higher precision"
        )
        raise CheckFailed(msg)


def require_agreement(what: str, found: Floats, expected: Floats) -> None:
    """Raise CheckFailed where too few faces have FP32's winner, of those where it leads clearly."""
    second, first = np.sort(expected, axis=1)[:, -2:].T
    clear = first - second > CLEAR
    same = found.argmax(axis=1)[clear] == expected.argmax(axis=1)[clear]
    if same.size and not same.mean() >= LEAST_AGREEMENT:
        msg = (
            f"agreement does not hold, no bundle is written: {what}: {same.mean():.0%} of "
            f"{same.size} drawn faces with a clear answer agree, expected {LEAST_AGREEMENT:.0%}; "
            "measure on labelled faces with --evaluation DATA, calibrate on other or more faces, "
            "or ask for a higher precision"
        )
        raise CheckFailed(msg)
