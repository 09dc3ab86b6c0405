"""What happened when: latencies turn by turn, above what the machine did meanwhile."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from edgefer.benchmarks.report_blocks import (
    Block,
    Cell,
    Chart,
    Record,
    Section,
    Table,
    figure,
    words,
)
from edgefer.benchmarks.report_charts import Plot, ink, mark, svg, text
from edgefer.benchmarks.report_figures import milliseconds, percent, shortened
from edgefer.benchmarks.report_results import grouped, legend, no_data, result_table, styles
from edgefer.benchmarks.report_scale import Scale, fitted, linear

_LEFT, _WIDTH, _END, _TOP, _GAP, _LABEL = 62, 640, 830, 30, 18, 15
_MOST_POINTS = 800  # as many as there are pixels
_MOST_MARKS = 20  # more are a smear

Points = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class _Panel:
    """One of the charts over each other; without `named` its lines are in the legend."""

    label: str
    height: float
    lines: Sequence[tuple[str, int, Points]]
    named: bool = True


def time_section(record: Record) -> Section:
    """Latencies and telemetry over time, and why a series is missing."""
    style = styles(record)
    blocks: list[Block] = [
        legend(record),
        _chart(record, [*_latencies(record, style), *_machine(record)]),
        _table(record),
    ]
    why = record["telemetry"]["missing"]
    if why:
        rows = [(Cell(name.replace("_", " ")), words(no_data(why[name]))) for name in why]
        blocks.append(Table(("series", "why it is missing"), rows))
    return Section(
        "time",
        "Time series",
        "Medians that stay as they are mean that the machine held still; a latency that climbs "
        "with the temperature, or while a clock falls, is the machine's and not the network's.",
        blocks,
    )


def _chart(record: Record, panels: Sequence[_Panel]) -> Chart:
    windows = [window for result in record["results"] for window in result["windows"]]
    times = [*record["telemetry"]["series"]["time_s"], *(one["begun_s"] for one in windows)]
    ended = max(*times, *(one["begun_s"] + one["seconds"] for one in windows))
    x = Scale("seconds since the benchmark began", min(times), ended)
    bottom = _TOP + sum(panel.height + _GAP for panel in panels) - _GAP
    drawn, top = [*_bands(record, x, bottom)], float(_TOP)
    for panel in panels:
        drawn += _drawn(panel, x, top, panel is panels[-1])
        top += panel.height + _GAP
    keys = "; ".join(f"{number}: {title}" for number, title in enumerate(grouped(record), 1))
    title = "Median latencies of turns that follow each other, and the machine meanwhile"
    return Chart(svg(_END, bottom + 44, title, drawn), f"{title}. {keys}", wide=True)


def _bands(record: Record, x: Scale, bottom: float) -> Iterator[str]:
    """When each scenario was measured."""
    for number, places in enumerate(grouped(record).values(), 1):
        windows = [one for place in places for one in record["results"][place]["windows"]]
        begun = _LEFT + _WIDTH * x.share(min(one["begun_s"] for one in windows))
        ended = _LEFT + _WIDTH * x.share(max(one["begun_s"] + one["seconds"] for one in windows))
        yield (
            f'<rect class="band" x="{begun:.1f}" y="{_TOP - 20}" width="{ended - begun:.1f}" '
            f'height="{bottom - _TOP + 20:.1f}"/>'
        )
        yield text((begun + ended) / 2, _TOP - 7, str(number), "label", "middle")


def _latencies(record: Record, style: Mapping[str, int]) -> Iterator[_Panel]:
    """The medians of windows, and how far each is from the median of its result's."""
    medians, changes = [], []
    for result in record["results"]:
        points = [(window["begun_s"], window["p50_ms"]) for window in result["windows"]]
        middle = statistics.median(time for _, time in points)
        name, number = result["name"], style[result["name"]]
        medians.append((name, number, points))
        changes.append((name, number, [(t, 100 * (v / middle - 1)) for t, v in points]))
    yield _Panel("p50 in ms", 170, medians, named=False)
    yield _Panel("p50, change in %", 110, changes, named=False)


def _machine(record: Record) -> Iterator[_Panel]:
    reference = sorted(
        (window["begun_s"], window["reference_us"])
        for result in record["results"]
        for window in result["windows"]
        if window["reference_us"] is not None
    )
    if reference:
        yield _Panel("µs", 90, [("reference kernel", 0, _drawable(reference))])
    series = record["telemetry"]["series"]
    zones = series["temperatures_c"] or {}
    clocks = {"GPU": series["gpu_clock_mhz"], "CPU": series["cpu_clock_mhz"]}
    for label, height, values in (
        ("°C", 120, zones),
        ("clock in MHz", 110, clocks),
        ("watts", 90, {"power": series["watts"]}),
    ):
        known = {name: found for name, found in values.items() if found}
        lines = [
            (name, style, _known(series["time_s"], found))
            for style, (name, found) in enumerate(known.items())
        ]
        if lines:
            yield _Panel(label, height, lines)


def _known(times: Sequence[float], values: Sequence[float | None]) -> Points:
    return _drawable([(t, value) for t, value in zip(times, values) if value is not None])


def _drawable(points: Points) -> Points:
    """No more than can be drawn: of those that share a pixel, the lowest and the highest."""
    step = 2 * math.ceil(len(points) / _MOST_POINTS)
    if step <= 2:
        return points
    chunks = [points[start : start + step] for start in range(0, len(points), step)]
    ends = [{min(chunk, key=_value), max(chunk, key=_value)} for chunk in chunks]
    return [point for both in ends for point in sorted(both)]


def _value(point: tuple[float, float]) -> float:
    return point[1]


def _drawn(panel: _Panel, x: Scale, top: float, is_last: bool) -> Iterator[str]:
    values = [value for _, _, points in panel.lines for _, value in points]
    y = linear(values, panel.label) if panel.named else fitted(values, panel.label)
    plot = Plot(x, y, _LEFT, top, _WIDTH, panel.height)
    yield from plot.axes(below=is_last)
    for _, style, points in panel.lines:
        yield plot.curve(points, style)
        if len(points) == 1 or (len(points) <= _MOST_MARKS and not panel.named):
            yield from (mark(*plot.at(*point), style, 2.5) for point in points)
    if panel.named:
        yield from _names_at_end(panel, plot)


def _names_at_end(panel: _Panel, plot: Plot) -> Iterator[str]:
    """Each line's name where it ends, none upon another."""
    ends = sorted((plot.at(*points[-1])[1], name, style) for name, style, points in panel.lines)
    lowest = -math.inf
    for y, name, style in ends:
        lowest = max(y + 4, lowest + _LABEL)
        yield text(_LEFT + _WIDTH + 8, lowest, shortened(name), f"name {ink(style)}")


def _table(record: Record) -> Table:
    """How the medians of the windows of each result went."""
    columns = ("p50 of the first window", "of the last", "drift", "windows")
    caption = "First and last windows: medians of turns that follow each other"
    return result_table(record, columns, lambda place: _row(record, place), caption, folded=True)


def _row(record: Record, place: int) -> Iterator[Cell]:
    last = len(record["results"][place]["windows"]) - 1
    yield figure(record, milliseconds, "results", place, "windows", 0, "p50_ms")
    yield figure(record, milliseconds, "results", place, "windows", last, "p50_ms")
    yield figure(record, percent, "results", place, "stability", "drift")
    yield Cell(f"{last + 1:,}", is_number=True)
