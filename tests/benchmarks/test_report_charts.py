"""Charts draw what the record has, where its values are."""

from __future__ import annotations

import re
from itertools import product

import pytest

from edgefer.benchmarks.histogram import make_histogram
from edgefer.benchmarks.report_bars import Bar, stacked
from edgefer.benchmarks.report_blocks import Beside, Chart
from edgefer.benchmarks.report_charts import Plot, line, mark
from edgefer.benchmarks.report_latency import latency_section
from edgefer.benchmarks.report_scale import Scale, percentiles
from edgefer.benchmarks.report_time import time_section
from tests.benchmarks.records import poor_record, rich_record


def points(svg: str) -> list[list[tuple[float, float]]]:
    """Of every line that is drawn."""
    lines = re.findall(r'points="([^"]*)"', svg)
    pairs = [[tuple(map(float, pair.split(","))) for pair in one.split()] for one in lines]
    return [[(x, y) for x, y in one] for one in pairs]


def test_a_plot_turns_values_into_pixels() -> None:
    plot = Plot(Scale("", 0, 10), Scale("", 0, 1), left=50, top=20, width=100, height=200)
    assert plot.at(0, 0) == (50, 220)
    assert plot.at(10, 1) == (150, 20)
    assert plot.at(5, 0.25) == (100, 170)


def test_many_styles_differ() -> None:
    drawn = {line([(0, 0)], style) + mark(0, 0, style) for style in range(40)}
    assert len(drawn) == 40
    without_colour = {re.sub(r"\bs\d\b", "", one) for one in drawn}
    assert len(without_colour) == 35  # dashes and marks alone


def test_a_curve_has_the_percentiles_of_its_histogram() -> None:
    record = poor_record()
    # one of each from 1 to 10,000 µs: the time at a percentile is known
    histogram = make_histogram([1000 * time for time in range(1, 10_001)])
    record["results"][0]["histogram"] = histogram.encode().decode()
    (panels,) = (one for one in latency_section(record).blocks if isinstance(one, Beside))
    (panel,) = panels.blocks
    assert isinstance(panel, Chart)
    (curve,) = points(panel.svg)
    assert len(curve) == 31
    across = percentiles("")
    at_99 = min(curve, key=lambda point: abs(point[0] - (58 + 320 * across.share(99))))
    # the axis is logarithmic, from 0.001 to 10 ms on 200 pixels below 10
    assert at_99[1] == pytest.approx(10 + 200 * (1 - 3.9956 / 4), abs=0.2)


@pytest.mark.parametrize(("queries", "last"), [(3, 50), (150, 99), (5000, 99.9)])
def test_a_curve_ends_where_queries_do(queries: int, last: float) -> None:
    record = poor_record()
    histogram = make_histogram([1_000_000] * queries)
    record["results"][0]["histogram"] = histogram.encode().decode()
    (panels,) = (one for one in latency_section(record).blocks if isinstance(one, Beside))
    (panel,) = panels.blocks
    assert isinstance(panel, Chart)
    ((*_, end),) = points(panel.svg)
    share = (end[0] - 58) / 320
    assert percentiles("").share(last) - 1e-3 <= share < percentiles("").share(last) + 0.1


def test_series_share_one_axis_of_time() -> None:
    record = rich_record()
    (chart,) = (one for one in time_section(record).blocks if isinstance(one, Chart))
    drawn = points(chart.svg)
    assert len(drawn) == 2 * len(record["results"]) + 1 + 3 + 2 + 1
    watts = drawn[-1]
    known = [value for value in record["telemetry"]["series"]["watts"] if value is not None]
    assert len(watts) == len(known)
    assert (watts[0][0], watts[-1][0]) == (62, 702)


def test_many_samples_keep_their_peaks() -> None:
    record = rich_record()
    series = record["telemetry"]["series"]
    count = 20_000
    series["time_s"] = [number / 100 for number in range(count)]
    series["watts"] = [5.0] * count
    series["watts"][7777] = 9.0
    for name in ("gpu_clock_mhz", "cpu_clock_mhz", "temperatures_c"):
        series[name] = None
    (chart,) = (one for one in time_section(record).blocks if isinstance(one, Chart))
    watts = points(chart.svg)[-1]
    assert len(watts) <= 800
    highest = min(y for _, y in watts)
    assert [y for _, y in watts].count(highest) == 1


def test_bars_are_as_long_as_their_parts() -> None:
    bars = [Bar("a", "", {"x": 1.0, "y": 3.0}), Bar("b", "", {"y": 8.0})]
    for label, widths in (("ms", [49, 149, 399]), (None, [99, 299, 399])):
        legend, chart = stacked(bars, "title", str, label)
        found = [float(one) for one in re.findall(r'<rect[^>]* width="([^"]*)"', chart.svg)]
        assert found == widths
        assert [name for _, name in legend.entries] == ["x", "y"]
        assert legend.filled


def test_a_bar_is_seen_however_short() -> None:
    _, chart = stacked([Bar("a", "", {"x": 1e-9, "y": 1.0})], "title", str, "ms")
    assert min(map(float, re.findall(r'<rect[^>]* width="([^"]*)"', chart.svg))) == 1


def test_marks_and_dashes_do_not_depend_on_each_other() -> None:
    seen = {(style % 8, style % 5, style % 7) for style in range(280)}
    assert seen == set(product(range(8), range(5), range(7)))
