"""What ten votes are taken for, by each protocol."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from edgefer.data.votes import MAJORITY, MULTI_LABEL, SOFT, Protocol

# neutral happiness surprise sadness anger disgust fear contempt unknown NF
SEVERAL = [
    ([5, 4, 1, 0, 0, 0, 0, 0, 0, 0], [0.5, 0.5, 0, 0, 0, 0, 0, 0]),  # the single vote is removed
    ([4, 3, 3, 0, 0, 0, 0, 0, 0, 0], [1 / 3, 1 / 3, 1 / 3, 0, 0, 0, 0, 0]),  # 30 % counts
    ([6, 2, 2, 0, 0, 0, 0, 0, 0, 0], [1, 0, 0, 0, 0, 0, 0, 0]),  # 20 % does not
    ([5, 0, 0, 0, 0, 0, 0, 0, 5, 0], [1, 0, 0, 0, 0, 0, 0, 0]),  # the first of a tie wins
    ([4, 0, 0, 0, 0, 0, 0, 0, 5, 1], None),  # unknown is the strongest
    ([4, 2, 2, 2, 0, 0, 0, 0, 0, 0], None),  # what counts has less than half
    ([5, 2, 0, 0, 0, 0, 0, 0, 2, 1], [1, 0, 0, 0, 0, 0, 0, 0]),
    ([1, 1, 1, 1, 1, 1, 1, 1, 1, 1], None),  # nothing is left
    ([0, 0, 0, 0, 0, 0, 0, 0, 0, 10], None),
    ([0] * 10, None),
]
VOTES = arrays(np.int64, st.tuples(st.integers(0, 9), st.just(10)), elements=st.integers(0, 10))


@pytest.mark.parametrize(("votes", "expected"), SEVERAL, ids=str)
@pytest.mark.parametrize("split", ["train", "valid"])
def test_several_labels(votes: list[int], expected: list[float] | None, split: str) -> None:
    found = np.array([votes], np.int64)
    assert MULTI_LABEL.kept(found, split).tolist() == [expected is not None]
    if expected is not None:
        np.testing.assert_allclose(MULTI_LABEL.targets(found), [expected], rtol=1e-6)


def test_majority_takes_the_winner_of_the_soft_labels() -> None:
    votes = np.array([[0, 3, 3, 0, 0, 0, 0, 1, 3, 0], [1, 0, 0, 7, 0, 0, 0, 0, 1, 1]], np.int64)
    for split, kept in (("train", [True, True]), ("valid", [False, True])):
        assert MAJORITY.kept(votes, split).tolist() == SOFT.kept(votes, split).tolist() == kept
    assert MAJORITY.targets(votes).argmax(axis=1).tolist() == [1, 3]
    assert set(MAJORITY.targets(votes).ravel().tolist()) == {0.0, 1.0}


@pytest.mark.parametrize("protocol", [SOFT, MAJORITY, MULTI_LABEL], ids=lambda one: one.name)
@given(votes=VOTES, split=st.sampled_from(["train", "valid", "test"]))
def test_targets_of_kept_faces_add_up_to_one(
    protocol: Protocol, votes: np.ndarray, split: str
) -> None:
    kept = protocol.kept(votes, split)
    targets = protocol.targets(votes[kept])
    assert targets.dtype == np.float32
    assert targets.shape == (kept.sum(), 8)
    np.testing.assert_allclose(targets.sum(axis=1), 1, rtol=1e-6)
