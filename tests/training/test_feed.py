"""Batches made ahead: in order, the same by any number of threads, and gone when not wanted."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from edgefer.data.faces import FaceSet, Pixels
from edgefer.errors import InputError
from edgefer.training.feed import KEPT, Feed, ahead, in_batches
from tests.training.tiny import noise_faces

SIZE, BATCH = 12, 4
FACES = noise_faces(22)
ROWS = in_batches(np.random.default_rng(0).permutation(len(FACES)), BATCH)


def noted(pixels: Pixels, number: int) -> None:
    pixels[:, 0, 0, 0] = number


@pytest.mark.parametrize("threads", [1, 2, 7])
@pytest.mark.parametrize("keep", [0, KEPT])
@pytest.mark.parametrize("vary", [None, noted])
def test_what_is_given_does_not_depend_on_threads_or_memory(
    threads: int, keep: int, vary: Callable[[Pixels, int], None] | None
) -> None:
    given = list(Feed(FACES, SIZE, threads, keep).batches(ROWS, vary))
    assert len(given) == len(ROWS)
    for number, (rows, (pixels, targets)) in enumerate(zip(ROWS, given)):
        expected = FACES.pixels(SIZE, rows)
        if vary is not None:
            vary(expected, number)
        assert np.array_equal(pixels, expected)
        assert np.array_equal(targets, FACES.targets[rows])


def test_what_varies_a_batch_leaves_the_kept_faces_alone() -> None:
    feed = Feed(FACES, SIZE)
    list(feed.batches(ROWS, noted))
    assert feed.kept is not None
    assert np.array_equal(feed.kept, FACES.pixels(SIZE))


def counting(loads: list[int]) -> FaceSet:
    def load(index: int) -> Pixels:
        loads.append(index)
        return FACES.load(index)

    return replace(FACES, load=load)


def test_small_sets_are_decoded_once_and_large_ones_as_they_are_used() -> None:
    needed = len(FACES) * SIZE * SIZE * 3
    loads: list[int] = []
    feed = Feed(counting(loads), SIZE, keep=needed)
    list(feed.batches(ROWS))
    list(feed.batches(ROWS))
    assert sorted(loads) == list(range(len(FACES)))
    loads.clear()
    feed = Feed(counting(loads), SIZE, keep=needed - 1)
    assert loads == []
    list(feed.batches(ROWS))
    assert sorted(loads) == list(range(len(FACES)))


def test_progress_of_the_decoding() -> None:
    calls: list[tuple[str, int, int]] = []
    Feed(FACES, SIZE, progress=lambda *call: calls.append(call))
    assert calls == [("decoding noise0", 22, 22)]


@pytest.mark.parametrize("keep", [0, KEPT])
def test_all_faces_in_order_with_progress(keep: int) -> None:
    calls: list[tuple[str, int, int]] = []
    feed = Feed(FACES, SIZE, keep=keep, progress=lambda *call: calls.append(call))
    calls.clear()
    parts = list(feed.pixels(9, "looking"))
    assert [len(part) for part in parts] == [9, 9, 4]
    assert np.array_equal(np.concatenate(parts), FACES.pixels(SIZE))
    assert calls == [("looking", 9, 22), ("looking", 18, 22), ("looking", 22, 22)]


def test_no_more_is_made_ahead_than_there_are_threads() -> None:
    made: list[int] = []

    def make(number: int) -> int:
        made.append(number)
        return number

    source = ahead(make, 100, threads=3)
    assert next(source) == 0
    time.sleep(0.05)
    assert max(made) <= 3
    assert list(source) == list(range(1, 100))


class Unusual(Exception):
    """One that nothing else raises."""


def broken(index: int) -> Pixels:
    if index == 5:
        msg = "faces/5.png: expected a picture"
        raise InputError(msg)
    return FACES.load(index)


@pytest.mark.parametrize("keep", [0, KEPT])
def test_an_error_of_a_thread_is_raised_where_the_batch_is_used(keep: int) -> None:
    faces = replace(FACES, load=broken)
    with pytest.raises(InputError, match=r"^faces/5.png: expected a picture$"):
        list(Feed(faces, SIZE, 2, keep).batches(ROWS))
    assert feeding() == []


def feeding() -> list[str]:
    return [thread.name for thread in threading.enumerate() if "edgefer-feed" in thread.name]


@pytest.mark.parametrize("error", [KeyboardInterrupt, Unusual])
def test_threads_end_with_whoever_they_work_for(error: type[BaseException]) -> None:
    batches = Feed(FACES, SIZE, 3, keep=0).batches(ROWS)
    next(batches)
    assert feeding()
    with pytest.raises(error):
        batches.throw(error)
    assert feeding() == []


def test_threads_end_when_it_is_closed() -> None:
    batches = Feed(FACES, SIZE, 3, keep=0).batches(ROWS)
    next(batches)
    batches.close()
    assert feeding() == []


@pytest.mark.parametrize(("whole", "lengths"), [(False, [4, 4, 2]), (True, [4, 4])])
def test_rows_in_batches(whole: bool, lengths: list[int]) -> None:
    found = in_batches(np.arange(10), 4, whole)
    assert [len(rows) for rows in found] == lengths
    assert np.array_equal(np.concatenate(found), np.arange(sum(lengths)))
