"""Charts as SVG: axes, lines and marks. Colours are the style sheet's, so they suit its ground."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

from edgefer.benchmarks.report_scale import Scale

COLOURS = 8
LETTER = 7.5  # pixels that one takes, on the safe side
# A line is told by its dashes too, a mark by its shape: colours look alike to some.
_DASHES = ("none", "7 3", "2 3", "10 3 2 3", "4 2")
_MARKS = (
    "M-1 0A1 1 0 1 0 1 0A1 1 0 1 0 -1 0Z",  # circle
    "M-.9 -.9H.9V.9H-.9Z",  # square
    "M0 -1.25L1.15 .85H-1.15Z",  # triangle
    "M0 -1.3L1.1 0L0 1.3L-1.1 0Z",  # diamond
    "M0 1.25L1.15 -.85H-1.15Z",  # triangle, upside down
    "M-.4 -1.1H.4V-.4H1.1V.4H.4V1.1H-.4V.4H-1.1V-.4H-.4Z",  # cross
    "M0 -1.2L1.14 -.37L.71 .97H-.71L-1.14 -.37Z",  # pentagon
)


def svg(width: float, height: float, title: str, parts: Iterable[str]) -> str:
    """A picture of that many units; `title` says what is on it to who cannot see it."""
    name = escape(title)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" '
        f'width="{width:g}" role="img" aria-label="{name}">'
        f"<title>{name}</title>{''.join(parts)}</svg>"
    )


def text(x: float, y: float, words: str, kind: str = "", anchor: str = "start") -> str:
    """Words that begin, end or have their middle at x."""
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
    return f'<text class="{kind}" {place}>{escape(words)}</text>'


def upright(x: float, y: float, words: str) -> str:
    """The label of an axis that stands."""
    return (
        f'<text class="label" text-anchor="middle" '
        f'transform="translate({x:.1f} {y:.1f}) rotate(-90)">{escape(words)}</text>'
    )


def rule(x1: float, y1: float, x2: float, y2: float, kind: str = "grid") -> str:
    """A straight line that is no data."""
    return f'<line class="{kind}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def line(points: Sequence[tuple[float, float]], style: int) -> str:
    """A line of data through pixels."""
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    dashes = _DASHES[style % len(_DASHES)]
    return f'<polyline class="line {ink(style)}" stroke-dasharray="{dashes}" points="{path}"/>'


def mark(x: float, y: float, style: int, radius: float = 4, title: str = "") -> str:
    """A mark of data; `title` is shown while it is pointed at."""
    return (
        f'<path class="mark {ink(style)}" d="{_MARKS[style % len(_MARKS)]}" '
        f'transform="translate({x:.1f} {y:.1f}) scale({radius:.2f})">{_tip(title)}</path>'
    )


def bar(x: float, y: float, width: float, height: float, style: int, title: str = "") -> str:
    """A bar of data, which is never too thin to be seen."""
    return (
        f'<rect class="bar {ink(style)}" x="{x:.1f}" y="{y:.1f}" width="{max(width, 1):.1f}" '
        f'height="{height:.1f}">{_tip(title)}</rect>'
    )


def swatch(style: int, *, filled: bool) -> str:
    """A line with a mark, or an area, for a legend; it stands beside its name."""
    lined = line([(1, 7), (33, 7)], style) + mark(17, 7, style)
    sample = bar(1, 1, 32, 12, style) if filled else lined
    return f'<svg viewBox="0 0 34 14" width="34" height="14" aria-hidden="true">{sample}</svg>'


def ink(style: int) -> str:
    """The class of that style's colour."""
    return f"s{style % COLOURS}"


def _tip(title: str) -> str:
    return f"<title>{escape(title)}</title>" if title else ""


@dataclass(frozen=True)
class Plot:
    """A rectangle of pixels with an axis below and one at its left."""

    x: Scale
    y: Scale
    left: float
    top: float
    width: float
    height: float

    def at(self, x: float, y: float) -> tuple[float, float]:
        """The pixel of two values."""
        return (
            self.left + self.width * self.x.share(x),
            self.top + self.height * (1 - self.y.share(y)),
        )

    def axes(self, *, below: bool = True) -> Iterable[str]:
        """The grid with its figures and labels; the axis below only where `below`."""
        right, bottom = self.left + self.width, self.top + self.height
        for value, written in self.y.ticks():
            y = self.at(self.x.low, value)[1]
            yield rule(self.left, y, right, y)
            yield text(self.left - 6, y + 4, written, "tick", "end")
        yield upright(13, self.top + self.height / 2, self.y.label)
        for value, written in self.x.ticks():
            x = self.at(value, self.y.low)[0]
            yield rule(x, self.top, x, bottom)
            if below:
                yield text(x, bottom + 17, written, "tick", "middle")
        if below:
            yield text(self.left + self.width / 2, bottom + 36, self.x.label, "label", "middle")
        yield rule(self.left, bottom, right, bottom, "axis")

    def curve(self, points: Iterable[tuple[float, float]], style: int) -> str:
        """A line of data through values."""
        return line([self.at(x, y) for x, y in points], style)
