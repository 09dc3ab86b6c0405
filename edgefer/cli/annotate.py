"""Draws readings into a picture: a box round each face, the probabilities as bars beside it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from edgefer.imports import require
from edgefer.labels import Expression

if TYPE_CHECKING:
    from edgefer.runtime.recognizer import Reading

Pixels = NDArray[np.uint8]
Colour = tuple[int, int, int]

# A smaller picture is enlarged until its shorter side has this many pixels, unless its longer
# side would pass the other. Lengths below are in pixels of such a picture, and grow with it.
_SIDE = 480
_LONGEST = 4096
_TEXT = 10
_LINE = 2
_GAP = 10
_ROW = 17
_PADDING = 8
_LABEL = 81
_BAR = 60
_SHARE = 42
_PANEL_WIDTH = _LABEL + _BAR + _SHARE + 2 * _PADDING

# BGR; hues after Okabe and Ito, which the colour-blind tell apart.
_COLOURS: dict[Expression, Colour] = {
    Expression.NEUTRAL: (205, 205, 205),
    Expression.HAPPINESS: (66, 208, 240),
    Expression.SURPRISE: (40, 159, 240),
    Expression.SADNESS: (233, 180, 86),
    Expression.ANGER: (90, 100, 240),
    Expression.DISGUST: (125, 190, 60),
    Expression.FEAR: (200, 135, 212),
    Expression.CONTEMPT: (215, 160, 110),
}
_DARK: Colour = (30, 25, 22)
_TRACK: Colour = (74, 66, 62)
_DIM: Colour = (190, 184, 180)
_PANEL_OPACITY = 0.8


@dataclass(frozen=True)
class _Area:
    """A rectangle in pixels."""

    x: int
    y: int
    width: int
    height: int

    def overlaps(self, other: _Area) -> bool:
        across = self.x < other.x + other.width and other.x < self.x + self.width
        return across and self.y < other.y + other.height and other.y < self.y + self.height


def annotate(picture: Pixels, readings: Sequence[Reading], labels: Sequence[Expression]) -> Pixels:
    """A copy of `picture` (uint8 [h, w, 3], BGR) with the readings drawn in, over `labels`.

    A small picture comes back enlarged. Bars are drawn where they hide no face; where the first
    face leaves no room, the picture grows to the right by a panel.
    """
    drawing = _Drawing(picture, labels)
    boxes = [drawing.area(reading.box) for reading in readings]
    taken = list(boxes)
    for number, (box, reading) in enumerate(zip(boxes, readings), start=1):
        taken.append(drawing.frame(box, reading, f"{number} " if len(readings) > 1 else ""))
    for box, reading in zip(boxes, readings):
        panel = drawing.free_place(box, taken)
        if panel is None and reading is readings[0]:
            panel = drawing.grow(box)
        if panel is not None:
            taken.append(panel)
            drawing.bars(panel, reading)
    return drawing.picture


class _Drawing:
    """The picture being drawn on; `scale` turns lengths of the smallest picture into pixels."""

    def __init__(self, picture: Pixels, labels: Sequence[Expression]) -> None:
        self.labels = labels
        self.cv2 = require("cv2", "cpu")
        short, long = sorted(picture.shape[:2])
        self.enlarged = max(1.0, min(_SIDE / short, _LONGEST / long))
        if self.enlarged > 1:
            height, width = (round(side * self.enlarged) for side in picture.shape[:2])
            picture = self.cv2.resize(picture, (width, height), interpolation=self.cv2.INTER_CUBIC)
        self.picture: Pixels = picture.copy()
        self.scale: float = max(1.0, min(self.picture.shape[:2]) / _SIDE)
        self.font = self.cv2.FONT_HERSHEY_DUPLEX
        self.thickness = max(1, round(0.9 * self.scale))
        self.font_scale = self.cv2.getFontScaleFromHeight(
            self.font, self.pixels(_TEXT), self.thickness
        )

    def pixels(self, length: float) -> int:
        return round(length * self.scale)

    def area(self, box: Sequence[float]) -> _Area:
        """A reading's box (x, y, width, height) in the pixels of the drawing."""
        return _Area(*(round(float(value) * self.enlarged) for value in box))

    def frame(self, box: _Area, reading: Reading, prefix: str) -> _Area:
        """The box, with what it shows above it (or in it, at the picture's top): that place."""
        colour = _COLOURS[reading.expression]
        line = max(1, self.pixels(_LINE))
        for shade, width in ((_DARK, line + 2), (colour, line)):
            corner = (box.x + box.width, box.y + box.height)
            self.cv2.rectangle(self.picture, (box.x, box.y), corner, shade, width, self.cv2.LINE_AA)
        text = f"{prefix}{reading.expression} {reading.confidence:.0%}"
        padding = self.pixels(_TEXT / 2)
        height = self.pixels(_TEXT) + 2 * padding
        width = self._width(text) + 2 * padding
        x = max(0, min(box.x, self.picture.shape[1] - width))
        tag = _Area(x, max(0, box.y - height), width, height)
        self._fill(tag, colour)
        self._write(text, tag.x + padding, tag.y + padding, _DARK)
        return tag

    def free_place(self, box: _Area, taken: Sequence[_Area]) -> _Area | None:
        """A panel's place beside, below or above the box, in the picture and on nothing taken."""
        height, width = self.picture.shape[:2]
        for place in self._places(box):
            inside = 0 <= place.x <= width - place.width and 0 <= place.y <= height - place.height
            if inside and not any(place.overlaps(other) for other in taken):
                return place
        return None

    def _places(self, box: _Area) -> Iterator[_Area]:
        gap, tag = self.pixels(_GAP), self.pixels(2 * _TEXT)
        width, height = self._panel_size()
        x = max(0, min(box.x, self.picture.shape[1] - width))
        y = max(0, min(box.y, self.picture.shape[0] - height))
        yield _Area(box.x + box.width + gap, y, width, height)
        yield _Area(box.x - width - gap, y, width, height)
        yield _Area(x, box.y + box.height + gap, width, height)
        yield _Area(x, box.y - tag - gap - height, width, height)

    def grow(self, box: _Area) -> _Area:
        """Make the picture wider, and give the new place of a panel on its right."""
        width, height = self._panel_size()
        rows, columns = self.picture.shape[:2]
        self.picture = np.pad(self.picture, ((0, 0), (0, width), (0, 0)))
        self._fill(_Area(columns, 0, width, rows), _DARK)
        return _Area(columns, max(0, min(box.y, rows - height)), width, height)

    def bars(self, panel: _Area, reading: Reading) -> None:
        """The probability of every expression, as a bar and in per cent; the winner stands out."""
        inside = self.picture[panel.y : panel.y + panel.height, panel.x : panel.x + panel.width]
        inside[:] = np.rint(inside * (1 - _PANEL_OPACITY) + np.array(_DARK) * _PANEL_OPACITY)
        left = panel.x + self.pixels(_PADDING)
        for row, (expression, share) in enumerate(zip(self.labels, reading.probabilities)):
            colour = _COLOURS[expression]
            wins = expression is reading.expression
            top = panel.y + self.pixels(_PADDING + row * _ROW)
            baseline = top + self.pixels((_ROW - _TEXT) / 2)
            text = colour if wins else _DIM
            self._write(expression, left, baseline, text)
            bar = _Area(left + self.pixels(_LABEL), baseline, self.pixels(_BAR), self.pixels(_TEXT))
            self._fill(bar, _TRACK)
            self._fill(replace(bar, width=round(bar.width * share)), colour)
            percent = f"{share:.0%}"
            right = panel.x + panel.width - self.pixels(_PADDING)
            self._write(percent, right - self._width(percent), baseline, text)

    def _panel_size(self) -> tuple[int, int]:
        height = len(self.labels) * _ROW + 2 * _PADDING
        return self.pixels(_PANEL_WIDTH), self.pixels(height)

    def _fill(self, area: _Area, colour: Colour) -> None:
        if area.width > 0:
            corner = (area.x + area.width - 1, area.y + area.height - 1)
            self.cv2.rectangle(self.picture, (area.x, area.y), corner, colour, self.cv2.FILLED)

    def _width(self, text: str) -> int:
        (width, _), _ = self.cv2.getTextSize(text, self.font, self.font_scale, self.thickness)
        return int(width)

    def _write(self, text: str, left: int, top: int, colour: Colour) -> None:
        baseline = (left, top + self.pixels(_TEXT))
        self.cv2.putText(
            self.picture,
            text,
            baseline,
            self.font,
            self.font_scale,
            colour,
            self.thickness,
            self.cv2.LINE_AA,
        )
