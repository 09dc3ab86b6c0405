"""Percentiles, windows and stability from turns that are written down here."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgefer.benchmarks.histogram import make_histogram, percentile, read_histogram
from edgefer.benchmarks.latency import medians, stability, timed, windows
from edgefer.benchmarks.scenarios import BackToBack, Turn
from edgefer.benchmarks.turns import Contender
from edgefer.errors import InputError

MS = 1_000_000


def with_turns(*turns: list[float], batch: int = 1, overtaken: int = 0) -> Contender:
    """A contender that took these milliseconds, turn by turn, 100 ms apart."""
    made = Contender(lambda query: query, range(4), BackToBack(0.005), batch)
    for number, times in enumerate(turns):
        begun = number * 100 * MS
        latencies = [round(time * MS) for time in times]
        made.turns.append(Turn(begun, begun + sum(latencies), latencies, overtaken))
        made.spent += sum(latencies)
    return made


@given(st.lists(st.integers(1_000, 10_000_000_000), min_size=100, max_size=400))
@settings(max_examples=30)
def test_percentiles_are_those_of_the_sorted_times_within_a_thousandth(times: list[int]) -> None:
    """Of so few, a percentile lies at one of two neighbours."""
    histogram, ordered = make_histogram(times), sorted(times)
    for percent in (50, 90, 95, 99):
        place = percent * len(times) / 100
        low, high = ordered[max(int(place) - 1, 0)], ordered[min(int(place) + 1, len(times) - 1)]
        found = percentile(histogram, percent)
        assert found is not None
        assert 0.999 * low <= found * 1e6 <= 1.001 * high


def test_a_percentile_that_no_query_lies_above_is_not_known() -> None:
    few = make_histogram(range(1, 100))
    assert percentile(few, 99) is None
    assert percentile(few, 95) is not None
    assert percentile(make_histogram(range(1, 101)), 99) is not None
    assert percentile(make_histogram(range(1, 1000)), 99.9) is None
    assert percentile(make_histogram(range(1, 1001)), 99.9) is not None


def test_a_histogram_comes_back_from_its_text() -> None:
    made = make_histogram([MS, 2 * MS, 3 * MS, 4 * 3600 * 1_000_000 * MS])
    again = read_histogram(made.encode().decode())
    assert again.total_count == 4
    assert percentile(again, 50) == pytest.approx(2, rel=0.001)
    assert percentile(made, 75) == pytest.approx(3, rel=0.001)


@pytest.mark.parametrize("text", ["", "HISTFAAA", "x" * 40, "{}"])
def test_what_is_no_histogram_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="histogram: expected HdrHistogram's V2 text"):
        read_histogram(text)


def test_one_query_has_a_median_and_nothing_beyond() -> None:
    found = timed(with_turns([7.0]), 0).latency
    assert (found.queries, found.p50, found.max, found.mean) == (1, 7, 7, 7)
    assert (found.p90, found.p99, found.p99_9, found.jitter) == (None, None, None, None)


def test_jitter_is_from_one_query_to_the_next_within_a_turn() -> None:
    assert timed(with_turns([1, 3, 1], [9, 9, 9]), 0).latency.jitter == pytest.approx(1.0)


def test_throughput_counts_the_faces_that_were_answered() -> None:
    made = timed(with_turns([10] * 10, batch=4), 0)
    assert made.throughput == pytest.approx(400)
    camera = timed(with_turns([10] * 10, overtaken=5), 0)
    assert camera.throughput == pytest.approx(50)
    assert camera.overtaken == 5


def test_windows_keep_every_query_and_the_order() -> None:
    many = with_turns(*[[1.0 + number] * 3 for number in range(200)])
    many.references = [MS // 2] * 200
    found = windows(many, origin=-1_000 * MS)
    assert len(found) == 60
    assert sum(window.queries for window in found) == 600
    assert [window.begun for window in found] == sorted(window.begun for window in found)
    assert found[0].begun == 1.0
    assert found[0].p50 == pytest.approx(np.median([1, 2, 3, 4]))
    assert found[0].reference == 500
    assert found[0].relative == pytest.approx(found[0].p50 / 0.5)


def test_relative_is_of_each_turn_to_its_own_reference() -> None:
    """A machine that is twice as slow for a while slows both."""
    made = with_turns([1, 1], [2, 2], [1, 1])
    made.references = [MS, 2 * MS, MS]
    assert [window.relative for window in windows(made, 0)] == [1, 1, 1]
    assert windows(with_turns([1]), 0)[0].relative is None


def test_windows_that_agree_are_stable() -> None:
    found = stability([5.0, 5.1, 4.9, 5.0, 5.05, 4.95])
    assert found.stable is True
    assert found.reason == ""
    assert 0 < found.spread < 0.1


def test_drift_is_told_with_how_much() -> None:
    found = stability(list(np.linspace(5, 6.5, 30)))
    assert found.stable is False
    assert found.drift == pytest.approx(0.18, abs=0.005)
    assert found.reason.endswith("it became 18% slower; expected at most 10%")
    assert "faster" in stability(list(np.linspace(6.5, 5, 30))).reason


def test_windows_that_disagree_are_told_with_how_much() -> None:
    found = stability([5, 7] * 15)
    assert found.stable is False
    assert found.spread == pytest.approx(2 / 6)
    assert found.reason == "medians of its windows are 33% apart; expected at most 10%"


def test_one_wild_window_of_many_is_not_instability() -> None:
    assert stability([5.0] * 29 + [50.0]).stable is True


def test_two_windows_say_nothing() -> None:
    found = stability([5, 5])
    assert (found.stable, found.spread, found.drift) == (None, None, None)
    assert found.reason == "expected 3 windows or more to compare, found 2"


def test_medians_of_turns() -> None:
    assert medians(with_turns([1, 2, 9], [4]).turns).tolist() == [2, 4]
