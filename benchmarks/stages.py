"""What a query's time is spent on: each stage apart, one after the other, outside of the turns."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from edgefer.runtime.backend import Pixels
from edgefer.runtime.recognizer import Recognizer
from edgefer.runtime.session import Session

# Our choices: how often, and how long at most.
_CALLS, _LEAST_CALLS = 50, 5
_MOST_S = 1.0


def stage_times(
    session: Session, queries: Sequence[Any], recognizer: Recognizer | None = None
) -> dict[str, float]:
    """Milliseconds of each stage in its order, medians of up to 50 queries.

    Of frames with a recognizer, else of faces: as far as the backend can tell its stages apart.
    """
    times: dict[str, list[int]] = {}
    begun = time.perf_counter()
    for call in range(_CALLS):
        query = queries[call % len(queries)]
        stages = session.stages(query) if recognizer is None else _of_frame(recognizer, query)
        before = time.perf_counter_ns()
        for name in stages:
            after = time.perf_counter_ns()
            times.setdefault(name, []).append(after - before)
            before = time.perf_counter_ns()
        if call + 1 >= _LEAST_CALLS and time.perf_counter() - begun > _MOST_S:
            break
    return {name: float(np.median(each)) / 1e6 for name, each in times.items()}


def _of_frame(recognizer: Recognizer, frame: Pixels) -> Iterator[str]:
    """What a call of the recognizer does."""
    faces = recognizer.find(frame)
    yield "find"
    crops = recognizer.align(frame, faces)
    yield "align"
    recognizer.session.run(crops)
    yield "inference"
