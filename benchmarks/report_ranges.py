"""The ranges of the calibration: how far the values of each tensor reach."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from edgefer.benchmarks.report_blocks import Block, Cell, Chart, Note, Record, Section, Table
from edgefer.benchmarks.report_charts import bar, rule, svg, text
from edgefer.benchmarks.report_figures import shortened, small
from edgefer.benchmarks.report_scale import Scale, logarithmic

_MOST = 40
_ROW, _TOP, _LEFT, _HALF, _END = 20, 12, 260, 190, 800
# The axis ends there on both sides: what is nearer to 0 has the shortest bar.
_LEAST_SHARE = 1e-3

Range = tuple[str, float, float]


def ranges_section(record: Record) -> Section:
    """For each bundle its widest ranges."""
    blocks: list[Block] = []
    for place, bundle in enumerate(record["bundles"]):
        if bundle["ranges"]:
            widest = _widest(bundle["ranges"])
            more = len(bundle["ranges"]) - len(widest)
            blocks += [
                _chart(bundle["name"], widest, more),
                _table(place, bundle["name"], widest, more),
            ]
        else:
            blocks.append(Note(f"{bundle['name']}: no data: there is no calibration in it."))
    return Section(
        "ranges",
        "Calibration ranges",
        "An INT8 step is a tensor's largest absolute value over 127, so one that is much wider "
        "than its neighbours rounds more coarsely.",
        blocks or [Note("no data: no bundle ran.")],
    )


def _widest(ranges: Mapping[str, Sequence[float]]) -> list[Range]:
    pairs = [(name, low, high) for name, (low, high) in ranges.items()]
    return sorted(pairs, key=lambda pair: -_reach(pair))[:_MOST]


def _reach(pair: Range) -> float:
    return max(abs(pair[1]), abs(pair[2]))


def _chart(name: str, widest: Sequence[Range], more: int) -> Chart:
    most = _reach(widest[0]) or 1.0
    least = min((_reach(pair) for pair in widest if _reach(pair)), default=most)
    scale = logarithmic((max(least / 10, most * _LEAST_SHARE), most), "value")
    bottom = _TOP + _ROW * len(widest)
    rows = [
        part for row, pair in enumerate(widest) for part in _row(pair, _TOP + _ROW * row, scale)
    ]
    title = f"Ranges of {name}: lowest to highest value of each tensor"
    return Chart(
        svg(_END, bottom + 44, title, [*_axis(scale, bottom), *rows]),
        f"{title}{_and_more(more)}",
        wide=True,
    )


def _axis(scale: Scale, bottom: float) -> Iterator[str]:
    middle = _LEFT + _HALF
    yield rule(middle, _TOP - 4, middle, bottom, "axis")
    yield text(middle, bottom + 17, "0", "tick", "middle")
    for value, written in scale.ticks()[1:]:
        for side, sign in ((1, ""), (-1, "-")):
            x = middle + side * _HALF * scale.share(value)
            yield rule(x, _TOP - 4, x, bottom)
            yield text(x, bottom + 17, f"{sign}{written}", "tick", "middle")
    yield text(middle, bottom + 36, "value of the tensor, logarithmic", "label", "middle")


def _row(pair: Range, top: float, scale: Scale) -> Iterator[str]:
    name, low, high = pair
    middle = _LEFT + _HALF
    ends = [middle + _HALF * _signed_share(value, scale) for value in (low, high)]
    yield text(0, top + 14, shortened(name))
    yield bar(
        ends[0], top + 4, ends[1] - ends[0], _ROW - 8, 0, f"{name}: {small(low)} to {small(high)}"
    )
    yield text(_END, top + 14, f"{small(low)} to {small(high)}", "tick", "end")


def _signed_share(value: float, scale: Scale) -> float:
    """−1 to 1: how far from the middle, by the logarithm of the absolute value."""
    share = scale.share(abs(value)) if abs(value) > scale.low else 0.0
    return share if value > 0 else -share


def _table(place: int, name: str, widest: Sequence[Range], more: int) -> Table:
    rows = [
        (
            Cell(tensor),
            Cell(small(low), f"bundles.{place}.ranges.{tensor}.0", is_number=True),
            Cell(small(high), f"bundles.{place}.ranges.{tensor}.1", is_number=True),
        )
        for tensor, low, high in widest
    ]
    return Table(
        ("tensor", "lowest", "highest"), rows, f"Ranges of {name}{_and_more(more)}", folded=True
    )


def _and_more(more: int) -> str:
    return f", … and {more:,} more" if more else ""
