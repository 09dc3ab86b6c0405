"""Who is faster, as a chart: each ratio with its interval, beside 1."""

from __future__ import annotations

from collections.abc import Iterator

from edgefer.benchmarks.report_blocks import Chart, Record
from edgefer.benchmarks.report_charts import LETTER, mark, rule, svg, text
from edgefer.benchmarks.report_figures import ratio, shortened
from edgefer.benchmarks.report_results import grouped, styles
from edgefer.benchmarks.report_scale import Scale, logarithmic

_ROW, _TOP, _INDENT, _WIDTH, _RIGHT = 22, 14, 12, 400, 70
_TITLE = "Ratio of the median latency to the first contender's, with its 95 % interval"


def ratio_chart(record: Record) -> Iterator[Chart]:
    """One chart, or none where nothing is compared."""
    compared = [result["ratio"] for result in record["results"] if result["ratio"]]
    if not compared:
        return
    ends = [one[key] for one in compared for key in ("low", "median", "high") if one[key]]
    scale = logarithmic([*ends, 1.0], "time over that of the first, logarithmic")
    style = styles(record)
    left = 2 * _INDENT + LETTER * max(len(shortened(name)) for name in style)
    end = left + _WIDTH + _RIGHT
    drawn, top = [], float(_TOP)
    for title, group in grouped(record).items():
        rows = [one for place in group if (one := record["results"][place])["ratio"]]
        if not rows:
            continue
        drawn += [rule(0, top, end, top), text(0, top + 15, title, "tick")]
        for number, result in enumerate(rows, 1):
            y = top + _ROW * (number + 0.5)
            drawn += _row(result, left, y, scale, style[result["name"]])
        top += _ROW * (len(rows) + 1)
    caption = f"{_TITLE}. Left of 1 is faster"
    yield Chart(svg(end, top + 44, _TITLE, [*_axis(scale, left, top), *drawn]), caption, wide=True)


def _axis(scale: Scale, left: float, bottom: float) -> Iterator[str]:
    for value, written in scale.ticks():
        x = left + _WIDTH * scale.share(value)
        yield rule(x, _TOP, x, bottom, "axis" if value == 1 else "grid")
        yield text(x, bottom + 17, written, "tick", "middle")
    yield text(left + _WIDTH / 2, bottom + 36, scale.label, "label", "middle")


def _row(result: Record, left: float, y: float, scale: Scale, style: int) -> Iterator[str]:
    found = result["ratio"]
    yield text(_INDENT, y + 4, shortened(result["name"]))
    if found["low"] is not None and found["high"] is not None:
        low, high = (left + _WIDTH * scale.share(found[end]) for end in ("low", "high"))
        yield rule(low, y, high, y, "whisker")
    yield mark(left + _WIDTH * scale.share(found["median"]), y, style, 4.5)
    yield text(left + _WIDTH + _RIGHT, y + 4, ratio(found["median"]), "", "end")
