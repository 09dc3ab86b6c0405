"""How latencies are distributed: a curve over percentiles for each contender, and the figures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from edgefer.benchmarks.histogram import read_histogram
from edgefer.benchmarks.report_blocks import (
    Beside,
    Cell,
    Chart,
    Record,
    Section,
    Table,
    figure,
    words,
)
from edgefer.benchmarks.report_charts import Plot, svg
from edgefer.benchmarks.report_figures import count, milliseconds, rate
from edgefer.benchmarks.report_results import group_title, grouped, legend, result_table, styles
from edgefer.benchmarks.report_scale import fitted, percentiles

# 0 to three nines (99.9), in steps of a tenth of a nine.
_PERCENTS = tuple(100 * (1 - 10 ** (-tenths / 10)) for tenths in range(31))
_TIMES = ("p50", "p90", "p95", "p99", "p99_9", "max", "jitter")


def latency_section(record: Record) -> Section:
    """Percentiles of every result. Raises InputError where a histogram cannot be read."""
    style = styles(record)
    panels = [_panel(record, group, style) for group in grouped(record).values()]
    return Section(
        "latency",
        "Latency distributions",
        "The less a time grows from p50 to p99.9, the fewer queries are late; contenders compare "
        "within one scenario and number of threads only.",
        (
            legend(record),
            Beside(panels),
            _table(record),
            *_trtexec(record),
        ),
    )


def _panel(record: Record, group: Sequence[int], style: dict[str, int]) -> Chart:
    results = [record["results"][place] for place in group]
    curves = {result["name"]: _curve(read_histogram(result["histogram"])) for result in results}
    times = [time for curve in curves.values() for _, time in curve]
    plot = Plot(
        percentiles("percentile of the queries"),
        fitted(times, "latency in ms", from_zero=True),
        left=58,
        top=10,
        width=320,
        height=200,
    )
    drawn = [*plot.axes(), *(plot.curve(curve, style[name]) for name, curve in curves.items())]
    title = group_title(record, group)
    return Chart(svg(400, 256, f"Latency by percentile: {title}", drawn), title)


def _curve(histogram: Any) -> list[tuple[float, float]]:
    """Percentiles with their milliseconds, as far as one of so few queries lies above."""
    known = [percent for percent in _PERCENTS if histogram.total_count * (1 - percent / 100) >= 1]
    # All in one pass: one by one takes a second for a few results.
    found = histogram.get_percentile_to_value_dict(known)
    return [(percent, found[percent] / 1e6) for percent in known]


def _table(record: Record) -> Table:
    caption = (
        "Percentiles are of an HDR histogram; one that none of so few queries lies above is no "
        "data. Jitter is the mean difference from one query to the next"
    )
    columns = (*(key.replace("_", ".") for key in _TIMES), "faces a second", "queries")
    return result_table(record, columns, lambda place: _row(record, place), caption)


def _row(record: Record, place: int) -> Iterator[Cell]:
    for key in _TIMES:
        yield figure(record, milliseconds, "results", place, "latency_ms", key)
    yield figure(record, rate, "results", place, "throughput")
    yield figure(record, count, "results", place, "latency_ms", "queries")


def _trtexec(record: Record) -> Iterator[Table]:
    """What TensorRT's own benchmark found, where it was asked for."""
    if not record["trtexec"]:
        return
    rows = [
        (
            Cell(found["name"]),
            words(found["version"]),
            figure(record, count, "trtexec", place, "batch"),
            *(
                figure(record, milliseconds, "trtexec", place, "latency", key)
                for key in ("p50", "p90", "p95", "p99", "max")
            ),
            figure(record, milliseconds, "trtexec", place, "compute", "p50"),
            figure(record, rate, "trtexec", place, "throughput"),
            Cell(" ".join(found["arguments"])),
        )
        for place, found in enumerate(record["trtexec"])
    ]
    times = ("p50", "p90", "p95", "p99", "max", "p50 of computing")
    columns = ("bundle", "TensorRT", "faces", *times, "faces a second", "arguments")
    notes = dict.fromkeys(found["note"] for found in record["trtexec"])
    yield Table(columns, rows, f"trtexec, {'; '.join(notes)}")
