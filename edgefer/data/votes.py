"""What the votes of FER+ say: which faces are kept, and the targets of each.

Three readings, of the votes of ten taggers for eight expressions, `unknown` and `not a face`:

* soft: the class with the most votes wins; a face whose winner is `unknown` or `not a face` is
  dropped, and outside the training split so is a tie. Targets are the votes for the eight
  expressions, as shares.
* majority: the same faces. The target is the winner alone, the first of them where it is a tie.
* multi-label: single votes are taken for mistakes and removed. Of the rest every class with 30 %
  or more counts. Dropped are faces where these have half of the votes or less between them, and
  where the strongest is `unknown` or `not a face`. Targets are equal for the expressions that
  count. Microsoft's FERPlus repository calls this "multi_target", trains on it and measures by the
  majority, which `--validation ferplus-majority:PATH` does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgefer.data.listing import one_hot
from edgefer.labels import ORDERS

LABELS = ORDERS["ferplus"]
COLUMNS = (*(str(label) for label in LABELS), "unknown", "NF")

Votes = NDArray[np.int64]
_EIGHT = len(LABELS)
_COUNTS = (3, 10)  # from this share of the votes on a class counts: 3 of 10


@dataclass(frozen=True)
class Protocol:
    """A reading of the votes: those kept in a split, bool [n], and targets, float32 [n, 8]."""

    name: str
    kept: Callable[[Votes, str], NDArray[np.bool_]]
    targets: Callable[[Votes], NDArray[np.float32]]


def check_votes(votes: Votes) -> Votes:
    """`votes` as they are; ValueError unless there are ten of 0 or more for each face."""
    if votes.ndim != 2 or votes.shape[1] != len(COLUMNS) or (votes < 0).any():
        msg = f"expected {len(COLUMNS)} votes of 0 or more for each face"
        raise ValueError(msg)
    return votes


def _won(votes: Votes, split: str) -> NDArray[np.bool_]:
    winner = votes.argmax(axis=1)
    most = votes.max(axis=1, keepdims=True)
    keep = (winner < _EIGHT) & (most[:, 0] > 0)
    if split != "train":
        keep &= (votes == most).sum(axis=1) == 1
    return np.asarray(keep, dtype=np.bool_)


def _shares(votes: Votes) -> NDArray[np.float32]:
    shares = votes[:, :_EIGHT].astype(np.float32)
    return np.asarray(shares / shares.sum(axis=1, keepdims=True))


def _winner(votes: Votes) -> NDArray[np.float32]:
    return one_hot(votes[:, :_EIGHT].argmax(axis=1), _EIGHT)


def _counting(votes: Votes) -> tuple[Votes, Votes]:
    """The votes for the classes that count, 0 for the others; and the sum of all that are left."""
    left = np.where(votes > 1, votes, 0)
    total = left.sum(axis=1, keepdims=True)
    least, of = _COUNTS
    return np.where(left * of >= least * total, left, 0), total[:, 0]


def _several(votes: Votes, split: str) -> NDArray[np.bool_]:
    strong, total = _counting(votes)
    enough = 2 * strong.sum(axis=1) > total
    return np.asarray(enough & (strong.argmax(axis=1) < _EIGHT), dtype=np.bool_)


def _equal(votes: Votes) -> NDArray[np.float32]:
    return _shares((_counting(votes)[0] > 0).astype(np.int64))


SOFT = Protocol("ferplus", _won, _shares)
MAJORITY = Protocol("ferplus-majority", _won, _winner)
MULTI_LABEL = Protocol("ferplus-multi-label", _several, _equal)
