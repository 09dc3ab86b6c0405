"""Pictures that are in a data set more than once."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from edgefer.data.duplicates import Duplicates, find_duplicates
from edgefer.data.faces import FaceSet
from edgefer.labels import ORDERS

LABELS = ORDERS["fer2013"]
Shown = list[tuple[int, int]]  # the picture and the class of each face


def faces(shown: Shown) -> FaceSet:
    targets = np.eye(len(LABELS), dtype=np.float32)[[label for _, label in shown]]
    return FaceSet(
        "some", LABELS, targets, lambda index: np.full((2, 2, 3), shown[index][0], np.uint8)
    )


def test_across_and_inside() -> None:
    train: Shown = [(1, 0), (1, 0), (1, 0), (2, 3), (2, 4), (3, 5)]
    valid: Shown = [(1, 0), (3, 6), (4, 1)]
    found = find_duplicates({"train": faces(train), "valid": faces(valid), "test": faces([(5, 0)])})
    assert found == [
        Duplicates(("train", "valid"), 2, 1),
        Duplicates(("train", "test"), 0, 0),
        Duplicates(("valid", "test"), 0, 0),
        Duplicates(("train",), 2, 1),
        Duplicates(("valid",), 0, 0),
        Duplicates(("test",), 0, 0),
    ]


SHOWN = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 6)), min_size=1, max_size=12)


@given(SHOWN, SHOWN)
def test_as_counted_one_by_one(first: Shown, second: Shown) -> None:
    found = find_duplicates({"a": faces(first), "b": faces(second)})
    for shown, got in ((first, found[1]), (second, found[2])):
        twice = {p for p, _ in shown if sum(p == other for other, _ in shown) > 1}
        mixed = {p for p in twice if len({label for other, label in shown if other == p}) > 1}
        assert (got.pictures, got.different_labels) == (len(twice), len(mixed))
    both = {p for p, _ in first} & {p for p, _ in second}
    mixed = {p for p in both if len({label for q, label in first + second if q == p}) > 1}
    assert (found[0].pictures, found[0].different_labels) == (len(both), len(mixed))
