"""Which contenders are worth having: no other is at once faster and better."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from edgefer.benchmarks.report_blocks import (
    NO_DATA,
    Block,
    Cell,
    Chart,
    Note,
    Record,
    Section,
    Table,
    figure,
)
from edgefer.benchmarks.report_charts import Plot, mark, rule, svg, text
from edgefer.benchmarks.report_figures import milliseconds, shortened, size, yes_or_no
from edgefer.benchmarks.report_results import (
    accuracy_of,
    group_title,
    missing,
    simplest,
    size_key,
    styles,
)
from edgefer.benchmarks.report_scale import fitted

_SMALLEST, _LARGEST = 4.0, 16.0  # radii in pixels
_LABEL = 16


@dataclass(frozen=True)
class _Point:
    """A contender: `latency` in ms, and `height` is its accuracy in % or its size in MB."""

    place: int
    name: str
    latency: float
    height: float
    bytes: int | None


def pareto_section(record: Record) -> Section:
    """Accuracy against latency; size against latency where there is no accuracy."""
    places, by_size = simplest(record), not record["accuracy"]
    points = list((_sized if by_size else _accurate)(record, places))
    blocks: list[Block] = []
    if by_size:
        instead = "Size is drawn instead." if points else "Sizes are no data either."
        blocks.append(Note(f"Accuracy: {missing(record, 'accuracy')}. {instead}"))
    if points:
        blocks.append(_chart(record, points, group_title(record, places), by_size))
    drawn = {point.place for point in points}
    blocks.append(_table(record, places, _front(points, by_size), drawn))
    lead = (
        "Whoever is on the front is beaten by nobody in both: no other is as fast and "
        f"{'smaller' if by_size else 'more accurate'}."
    )
    title = "Size against latency" if by_size else "Accuracy against latency"
    return Section("pareto", title, lead, blocks)


def _accurate(record: Record, places: Sequence[int]) -> Iterator[_Point]:
    known = {entry["name"]: entry["accuracy"] for entry in record["accuracy"]}
    for place in places:
        result = record["results"][place]
        if result["name"] in known:
            yield _point(result, place, 100 * known[result["name"]])


def _sized(record: Record, places: Sequence[int]) -> Iterator[_Point]:
    for place in places:
        result = record["results"][place]
        number = result["bytes"][size_key(result)]
        if number is not None:
            yield _point(result, place, number / 1e6)


def _point(result: Record, place: int, height: float) -> _Point:
    number = result["bytes"][size_key(result)]
    return _Point(place, result["name"], result["latency_ms"]["p50"], height, number)


def _front(points: Sequence[_Point], by_size: bool) -> list[_Point]:
    """Those that no other beats in one thing without losing in the other, the fastest first."""
    sign = -1 if by_size else 1
    ordered = sorted(points, key=lambda point: (point.latency, -sign * point.height))
    front: list[_Point] = []
    for point in ordered:
        if not front or sign * point.height > sign * front[-1].height:
            front.append(point)
    return front


def _chart(record: Record, points: Sequence[_Point], title: str, by_size: bool) -> Chart:
    x = fitted((point.latency for point in points), "p50 in ms", from_zero=True)
    label = "size in MB" if by_size else "accuracy in %"
    y = fitted((point.height for point in points), label, from_zero=by_size)
    plot = Plot(x, y, left=66, top=16, width=460, height=280)
    front = [(point.latency, point.height) for point in _front(points, by_size)]
    style = styles(record)
    most = max((point.bytes or 0 for point in points), default=0)
    drawn = [*plot.axes()]
    drawn += [rule(*plot.at(*one), *plot.at(*next_), "front") for one, next_ in pairwise(front)]
    for point in sorted(points, key=lambda point: -(point.bytes or 0)):
        radius = _SMALLEST
        if point.bytes:
            radius = max(_LARGEST * math.sqrt(point.bytes / most), _SMALLEST)
        tip = f"{point.name}: {point.latency:.3f} ms, {point.height:.2f}, {_size(point)}"
        drawn.append(mark(*plot.at(point.latency, point.height), style[point.name], radius, tip))
    drawn += _labels(plot, points)
    name = f"{label.split()[0].capitalize()} against latency: {title}"
    caption = f"{title}. The area of a mark is the size in bytes; the line is the Pareto front"
    return Chart(svg(720, 344, name, drawn), caption, wide=True)


def _labels(plot: Plot, points: Sequence[_Point]) -> Iterator[str]:
    """Names beside the marks, none upon another."""
    lowest = -math.inf
    for point in sorted(points, key=lambda point: -point.height):
        x, y = plot.at(point.latency, point.height)
        lowest = max(y + 4, lowest + _LABEL)
        yield text(x + _LARGEST + 4, lowest, shortened(point.name), "halo")


def _size(point: _Point) -> str:
    return NO_DATA if point.bytes is None else size(point.bytes)


def _table(
    record: Record, places: Sequence[int], front: Sequence[_Point], drawn: set[int]
) -> Table:
    best = {point.place for point in front}
    rows = []
    for place in places:
        result = record["results"][place]
        rows.append(
            (
                Cell(result["name"]),
                figure(record, milliseconds, "results", place, "latency_ms", "p50"),
                accuracy_of(record, result["name"]),
                figure(record, size, "results", place, "bytes", size_key(result)),
                Cell(yes_or_no(place in best) if place in drawn else NO_DATA),
            )
        )
    return Table(("name", "p50", "accuracy", "size", "on the front"), rows)
