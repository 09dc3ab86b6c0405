"""The sensitivity of a network's layers as a picture: SVG, light or dark as its viewer is."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edgefer.export.sensitivity import LayerSensitivity

_WIDTH, _ROW, _TOP, _BOTTOM = 940, 22, 76, 44
_NAMES, _COST, _GAIN, _BARS = 16, 330, 640, 260
_LONGEST = 40  # characters of a name
_DECADES = 4  # of the divergence, below the greatest

_STYLE = """
text { font: 13px system-ui, sans-serif; fill: #1d2530; }
.small { font-size: 11px; fill: #5b6675; }
.title { font-size: 16px; font-weight: 600; }
.ground { fill: #ffffff; } .line { stroke: #c8cfd8; }
.cost { fill: #b8401f; } .gain { fill: #1f6f8b; } .loss { fill: #8a94a3; }
@media (prefers-color-scheme: dark) {
text { fill: #e6eaf0; } .small { fill: #9aa5b4; } .ground { fill: #12161c; }
.line { stroke: #3a4452; }
.cost { fill: #ef8a62; } .gain { fill: #67b7d1; } .loss { fill: #6d7786; }
}
"""


def draw_layers(network: str, layers: Sequence[LayerSensitivity], faces: int, device: str) -> bytes:
    """Each layer as a row: what INT8 costs (KL, logarithmic) and saves (microseconds)."""
    height = _TOP + _ROW * len(layers) + _BOTTOM
    body = "\n".join((*_heads(network, faces, device), *_rows(layers), *_foot(layers, height)))
    picture = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" '
        f'width="{_WIDTH}" height="{height}" role="img">\n<style>{_STYLE}</style>\n'
        f'<rect class="ground" width="{_WIDTH}" height="{height}"/>\n{body}\n</svg>\n'
    )
    return picture.encode()


def _heads(network: str, faces: int, device: str) -> Iterator[str]:
    yield _text(_NAMES, 26, f"{network}: what INT8 costs and saves, layer by layer", "title")
    about = f"cost: KL from FP32 with this layer alone in INT8, {faces} faces"
    yield _text(_NAMES, 46, f"{about}; saved: one face, one thread of {device}", "small")
    yield _text(_COST, 66, "cost (KL in nats, winners changed)", "small")
    yield _text(_GAIN, 66, "saved here (µs)", "small")


def _rows(layers: Sequence[LayerSensitivity]) -> Iterator[str]:
    most = max((layer.divergence for layer in layers), default=0) or 1.0
    gains = [layer.saved or 0.0 for layer in layers]
    lowest, highest = min(0.0, *gains), max(0.0, *gains)
    span = (highest - lowest) or 1.0
    zero = _GAIN + 0.7 * _BARS * -lowest / span
    for number, layer in enumerate(layers):
        middle = _TOP + _ROW * number
        yield _text(_NAMES, middle + 14, short_name(layer.layer))
        decades = math.log10(max(layer.divergence, 1e-30) / most) + _DECADES
        cost = _BARS * 0.7 * max(decades, 0) / _DECADES
        yield _bar("cost", _COST, middle, cost)
        flips = f"{layer.divergence:.1e}, {layer.flips}"
        yield _text(_COST + cost + 6, middle + 14, flips, "small")
        if layer.saved is None:
            yield _text(_GAIN, middle + 14, "no data", "small")
            continue
        width = 0.7 * _BARS * abs(layer.saved) / span
        left = zero if layer.saved >= 0 else zero - width
        yield _bar("gain" if layer.saved >= 0 else "loss", left, middle, width)
        yield _text(max(zero, left + width) + 6, middle + 14, str(round(layer.saved)), "small")


def short_name(layer: str) -> str:
    """The name of a layer without what all have in front, and with its end where it is long."""
    name = layer.removeprefix("network.")
    return name if len(name) <= _LONGEST else f"…{name[1 - _LONGEST :]}"


def _foot(layers: Sequence[LayerSensitivity], height: int) -> Iterator[str]:
    yield (
        f'<line class="line" x1="{_NAMES}" x2="{_WIDTH - _NAMES}" y1="{height - 32}" '
        f'y2="{height - 32}"/>'
    )
    total = sum(layer.divergence for layer in layers)
    yield _text(
        _NAMES,
        height - 14,
        f"{len(layers)} layers that can be INT8; their costs add up to {total:.2g}",
        "small",
    )


def _text(left: float, base: float, text: str, kind: str = "") -> str:
    return f'<text x="{left:.1f}" y="{base:.1f}" class="{kind}">{escape(text)}</text>'


def _bar(kind: str, left: float, top: float, width: float) -> str:
    return (
        f'<rect class="{kind}" x="{left:.1f}" y="{top + 3:.1f}" width="{max(width, 1):.1f}" '
        f'height="{_ROW - 7}" rx="2"/>'
    )
