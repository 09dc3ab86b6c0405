"""Sets of faces: choosing, resizing, spreading over the classes, hashing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edgefer.data.faces import FaceSet, Pixels, resize, without_duplicates
from edgefer.errors import InputError
from edgefer.labels import ORDERS, Expression

LABELS = ORDERS["ferplus"]


def plain(classes: list[int], size: int = 4, offset: int = 0) -> FaceSet:
    """Face i is filled with i + offset."""
    targets = np.eye(len(LABELS), dtype=np.float32)[classes]
    return FaceSet(
        "plain", LABELS, targets, lambda i: np.full((size, size, 3), i + offset, np.uint8)
    )


def values(faces: FaceSet) -> list[int]:
    return [int(faces.load(index)[0, 0, 0]) for index in range(len(faces))]


def test_select_keeps_order_and_labels_and_can_be_repeated() -> None:
    faces = plain([0, 1, 2, 3, 4]).select([4, 2, 0]).select(np.array([1, 0]))
    assert values(faces) == [2, 4]
    assert faces.classes.tolist() == [2, 4]


def test_batches_cover_all_faces_once() -> None:
    faces = plain([0, 1, 2, 3, 4])
    batches = list(faces.batches(6, 2))
    assert [len(pixels) for pixels, _ in batches] == [2, 2, 1]
    assert np.concatenate([pixels for pixels, _ in batches])[:, 0, 0, 0].tolist() == [0, 1, 2, 3, 4]
    np.testing.assert_array_equal(np.concatenate([part for _, part in batches]), faces.targets)


@settings(max_examples=50, deadline=None)
@given(
    classes=st.lists(st.integers(0, 7), min_size=1, max_size=60),
    count=st.integers(0, 70),
    seed=st.integers(0, 9),
)
def test_balanced_is_as_even_as_the_classes_allow(
    classes: list[int], count: int, seed: int
) -> None:
    chosen = plain(classes).balanced(count, seed)
    assert len(chosen) == min(count, len(classes))
    assert len(set(values(chosen))) == len(chosen)
    have, there = np.bincount(chosen.classes, minlength=8), np.bincount(classes, minlength=8)
    # A class has fewer than the fullest one, less one, only where it has no more to give.
    assert all(have[c] == there[c] for c in range(8) if have[c] < have.max() - 1)


def test_balanced_is_the_same_again() -> None:
    faces = plain([0, 1] * 20)
    assert values(faces.balanced(9, 3)) == values(faces.balanced(9, 3))
    assert values(faces.balanced(9, 3)) != values(faces.balanced(9, 4))


@pytest.mark.parametrize("shape", [(3, 5, 3), (48, 48, 3), (97, 31, 3), (224, 224, 3)])
def test_resize_gives_the_asked_size(shape: tuple[int, int, int]) -> None:
    face = np.full(shape, 77, np.uint8)
    resized = resize(face, 48)
    assert resized.shape == (48, 48, 3)
    assert resized.dtype == np.uint8
    assert (resized == 77).all()


def test_shrinking_averages() -> None:
    stripes = np.zeros((96, 96, 3), np.uint8)
    stripes[:, ::2] = 200
    assert (resize(stripes, 48) == 100).all()


def test_duplicates_are_dropped_and_counted() -> None:
    kept, dropped = without_duplicates(plain([0, 1, 2, 3]), plain([0, 0], offset=2))
    assert dropped == 2
    assert values(kept) == [0, 1]
    assert kept.classes.tolist() == [0, 1]


def test_nothing_is_dropped_from_other_faces() -> None:
    kept, dropped = without_duplicates(plain([0, 1]), plain([0, 1], offset=9))
    assert (values(kept), dropped) == ([0, 1], 0)


def test_digest_tells_faces_labels_and_order() -> None:
    def swapped(index: int) -> Pixels:
        return np.full((4, 4, 3), 1 - index, np.uint8)

    faces = plain([0, 1])
    turned = FaceSet(faces.name, LABELS, faces.targets, swapped)
    digests = {one.digest() for one in (faces, plain([1, 0]), plain([0, 1], offset=1), turned)}
    assert len(digests) == 4
    assert faces.digest() == plain([0, 1]).digest()


def test_classes_are_the_winners() -> None:
    targets: NDArray[np.float32] = np.array([[0.2, 0.5, 0.3], [0.6, 0.1, 0.3]], np.float32)
    faces = FaceSet("soft", LABELS[:3], targets, plain([0, 0]).load)
    assert faces.classes.tolist() == [1, 0]
    assert faces.classes.dtype == np.int64


def test_faces_are_loaded_for_their_hash_once() -> None:
    loaded: list[int] = []

    def load(index: int) -> Pixels:
        loaded.append(index)
        return np.full((4, 4, 3), index, np.uint8)

    faces = replace(plain([0, 1, 2, 3]), load=load)
    hashes, digest = faces.face_hashes(), faces.digest()
    assert hashes == plain([0, 1, 2, 3]).face_hashes()
    chosen = faces.select([2, 0])
    assert chosen.face_hashes() == [hashes[2], hashes[0]]
    kept, _ = without_duplicates(faces, plain([0]))
    assert kept.face_hashes() == hashes[1:]
    assert faces.digest() == digest
    assert loaded == [0, 1, 2, 3]


def test_hashing_tells_how_far_it_is() -> None:
    told: list[tuple[str, int, int]] = []
    plain([0, 1]).face_hashes(lambda *step: told.append(step))
    assert told == [("hashing plain", 2, 2)]


class TestRelabelled:
    def test_by_expression(self) -> None:
        faces = plain([0, 1, 7, 6]).relabelled(ORDERS["fer2013"])
        assert faces.labels == ORDERS["fer2013"]
        found = [faces.labels[number] for number in faces.classes]
        assert found == [Expression.NEUTRAL, Expression.HAPPINESS, Expression.FEAR]
        assert values(faces) == [0, 1, 3], "nobody else knows contempt"
        assert faces.targets.dtype == np.float32

    def test_soft_labels_add_up_again(self) -> None:
        targets = np.zeros((2, 8), np.float32)
        targets[0, [0, 7]] = 0.75, 0.25
        targets[1, [0, 7]] = 0.25, 0.75
        faces = replace(plain([0, 1]), targets=targets).relabelled(ORDERS["raf-db"])
        assert values(faces) == [0]
        assert faces.targets.tolist() == [[0, 0, 0, 0, 0, 0, 1]]

    def test_there_and_back(self) -> None:
        faces = plain([3, 1, 4, 1, 5])
        back = faces.relabelled(ORDERS["affectnet"]).relabelled(LABELS)
        assert back.digest() == faces.digest()

    def test_the_same_order_changes_nothing(self) -> None:
        faces = plain([3, 1])
        assert faces.relabelled(LABELS) is faces

    def test_the_hashes_go_along(self) -> None:
        faces = plain([7, 0, 1])
        hashes = faces.face_hashes()
        assert faces.relabelled(ORDERS["fer2013"]).hashes == hashes[1:]

    def test_labels_that_no_face_bears(self) -> None:
        with pytest.raises(InputError, match=r"^data 'plain': expected faces of anger, .*, found"):
            plain([7, 7]).relabelled(ORDERS["fer2013"])
