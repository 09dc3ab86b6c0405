"""Bars made of parts: what something consists of, row by row."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from edgefer.benchmarks.report_blocks import Chart, Legend
from edgefer.benchmarks.report_charts import LETTER, bar, rule, svg, text
from edgefer.benchmarks.report_figures import shortened
from edgefer.benchmarks.report_scale import Scale, linear

_ROW, _TOP, _WIDTH, _RIGHT = 28, 10, 400, 90


@dataclass(frozen=True)
class Bar:
    """A row: a name, what it is more exactly, and its parts by name, in their order."""

    name: str
    about: str
    parts: dict[str, float]


def part_names(bars: Sequence[Bar]) -> list[str]:
    """All parts, in the order of the bar that has most of them."""
    longest_first = sorted(bars, key=lambda one: -len(one.parts))
    return list(dict.fromkeys(part for one in longest_first for part in one.parts))


def stacked(
    bars: Sequence[Bar], title: str, show: Callable[[float], str], label: str | None = None
) -> tuple[Legend, Chart]:
    """The bars over one axis of that label, and the legend of their parts.

    Without a label every bar is as long, and the axis is in per cent of its own whole.
    """
    styles = {part: style for style, part in enumerate(part_names(bars))}
    scale = Scale("% of the whole", 0, 100)
    if label is not None:
        scale = linear((sum(one.parts.values()) for one in bars), label, from_zero=True)
    left = 24 + LETTER * max(len(shortened(one.name)) + len(one.about) for one in bars)
    drawn = [*_axis(scale, left, _TOP + _ROW * len(bars))]
    for row, one in enumerate(bars):
        own = scale if label is not None else Scale("", 0, sum(one.parts.values()) or 1)
        drawn += _row(one, left, _TOP + _ROW * row, own, styles, show)
    drawing = svg(left + _WIDTH + _RIGHT, _TOP + _ROW * len(bars) + 44, title, drawn)
    legend = Legend([(style, part) for part, style in styles.items()], filled=True)
    return legend, Chart(drawing, title, wide=True)


def _axis(scale: Scale, left: float, bottom: float) -> Iterator[str]:
    for value, written in scale.ticks():
        x = left + _WIDTH * scale.share(value)
        yield rule(x, _TOP - 4, x, bottom, "grid" if value else "axis")
        yield text(x, bottom + 17, written, "tick", "middle")
    yield text(left + _WIDTH / 2, bottom + 36, scale.label, "label", "middle")


def _row(
    one: Bar,
    left: float,
    top: float,
    scale: Scale,
    styles: dict[str, int],
    show: Callable[[float], str],
) -> Iterator[str]:
    yield text(0, top + 18, shortened(one.name))
    yield text(left - 12, top + 18, one.about, "tick", "end")
    end, before = left, 0.0
    for part, value in one.parts.items():
        begun, before = end, before + value
        end = left + _WIDTH * scale.share(before)
        tip = f"{part}: {show(value)}"
        yield bar(begun, top + 4, end - begun - 1, _ROW - 9, styles[part], tip)
        if end - begun >= LETTER * len(show(value)):
            yield text((begun + end) / 2, top + 18, show(value), "inside", "middle")
    yield text(end + 8, top + 18, show(before), "tick")
