"""Graphs timed in turns on this machine's CPU: advice for whoever exports, never a verdict."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence

from edgefer.calibration.view import INPUT
from edgefer.data.faces import Pixels
from edgefer.export.answers import open_graph
from edgefer.export.graph import OUTPUT

# Calls of each graph: until so many seconds are spent, within these numbers.
_SECONDS, _FEWEST, _MOST = 0.6, 11, 301


def in_turns(graphs: Sequence[bytes], face: Pixels) -> list[float]:
    """The median time of each graph in microseconds, for `face` uint8 [1, size, size, 3].

    ONNX Runtime on one thread; the graphs take turns, call by call, so that they compare.
    """
    sessions = [open_graph(graph, threads=1) for graph in graphs]
    times: list[list[int]] = [[] for _ in sessions]
    for session in sessions:
        session.run([OUTPUT], {INPUT: face})
    start = time.perf_counter()
    while len(times[0]) < _MOST:
        for session, spent in zip(sessions, times):
            began = time.perf_counter_ns()
            session.run([OUTPUT], {INPUT: face})
            spent.append(time.perf_counter_ns() - began)
        if len(times[0]) >= _FEWEST and time.perf_counter() - start > _SECONDS:
            break
    return [statistics.median(spent) / 1000 for spent in times]
