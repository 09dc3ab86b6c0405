"""A canvas in the coordinates of a face, and the anti-aliased shapes that faces are drawn with.

Only + - * / and square roots touch the pixels, which IEEE 754 rounds alike everywhere: the same
face has the same bits on every machine.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

# float32 always; the type is wider since the stubs of numpy take float32 times float for float64.
Plane = NDArray[np.floating[Any]]
Colour = tuple[float, float, float]

BLACK: Colour = (0.0, 0.0, 0.0)
WHITE: Colour = (1.0, 1.0, 1.0)

# Shadows on skin are warm: they take more blue than red.
_SHADOW = np.array([0.88, 1.0, 1.08], np.float32)[:, None, None]


@dataclass(frozen=True)
class Pose:
    """Where the head is in the frame; lengths are in half frames, `turn` is a tangent."""

    right: float = 0.0
    down: float = 0.0
    scale: float = 1.0
    turn: float = 0.0
    yaw: float = 0.0


@dataclass(frozen=True)
class Canvas:
    """Pixels under a grid of coordinates: the frame is about -1 to 1, x rightwards, y downwards.

    `rgb` is float32 [3, height, width] in 0 to 1; `x` and `y` are float32 [height, width], the
    centres of the pixels; `edge` is the width over which an outline fades.
    """

    rgb: Plane
    x: Plane
    y: Plane
    edge: float

    @classmethod
    def blank(cls, size: int, pose: Pose, softness: float) -> Canvas:
        """A black square whose coordinates follow the head; no outline is sharper than softness."""
        step = 2.0 / size
        line = (np.arange(size, dtype=np.float32) + 0.5) * np.float32(step) - 1.0
        x, y = line[None, :] - pose.right, line[:, None] - pose.down
        # The angle by its tangent of a half: no sine whose last bit is the library's choice.
        half = pose.turn / 2
        cosine, sine = (1 - half * half) / (1 + half * half), 2 * half / (1 + half * half)
        cosine, sine = cosine / pose.scale, sine / pose.scale
        x, y = x * cosine + y * sine, y * cosine - x * sine
        # The middle of the face moves sideways and its rim stays: the far half gets narrow.
        x = x - pose.yaw * np.maximum(1 - x * x / 0.64, 0)
        edge = max(step / pose.scale, softness)
        return cls(np.zeros((3, size, size), np.float32), x, y, edge)

    def near(self, x: float, y: float, reach: tuple[float, float], side: int = 1) -> Canvas:
        """The part within `reach` of (x, y), which becomes its origin; mirrored for side -1.

        It shares the pixels: what is drawn on it shows here.
        """
        close = (abs(self.x - x) < reach[0]) & (abs(self.y - y) < reach[1])
        rows, columns = np.flatnonzero(close.any(axis=1)), np.flatnonzero(close.any(axis=0))
        if not len(rows):
            rows = columns = np.zeros(1, np.int64)
        window = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
        return Canvas(
            self.rgb[:, window[0], window[1]],
            (self.x[window] - x) * side,
            self.y[window] - y,
            self.edge,
        )

    def swapped(self) -> Canvas:
        """The same pixels with x and y exchanged, for bands that run downwards."""
        return replace(self, x=self.y, y=self.x)

    def soft(self, width: float) -> Canvas:
        """The same pixels; outlines fade over at least `width`."""
        return replace(self, edge=max(self.edge, width))

    def fill(self, colour: Colour, coverage: Plane) -> None:
        """Paint `colour` over the pixels, as far as `coverage` (0 to 1) has them."""
        paint = np.array(colour, np.float32)[:, None, None]
        self.rgb[...] += (paint - self.rgb) * coverage

    def shade(self, amount: float, coverage: Plane) -> None:
        """Darken by the share `amount` (negative: lighten), as far as `coverage` has the pixels."""
        self.rgb[...] *= 1 - (_SHADOW * np.float32(amount)) * coverage

    def inside(self, distance: Plane) -> Plane:
        """The coverage of a shape from the signed distance to its outline (negative inside)."""
        coverage: Plane = np.clip(0.5 - distance / self.edge, 0, 1)
        return coverage

    def oval(self, x: float, y: float, width: float, height: float) -> Plane:
        """The coverage of an ellipse with these half axes."""
        return self.inside(oval_distance(self, x, y, width, height))

    def glow(self, x: float, y: float, width: float, height: float) -> Plane:
        """A soft spot: 1 in the middle, smoothly to 0 at the ellipse with these half axes."""
        across, along = (self.x - x) / width, (self.y - y) / height
        spot: Plane = np.maximum(1 - across * across - along * along, 0)
        spot *= spot
        return spot

    def band(self, top: Plane | float, bottom: Plane | float) -> Plane:
        """The coverage of what lies below `top` and above `bottom`: right for hair lines too."""
        half = self.edge / 2
        overlap = np.minimum(bottom, self.y + half) - np.maximum(top, self.y - half)
        coverage: Plane = np.clip(overlap / self.edge, 0, 1)
        return coverage

    def line(self, start: float, stop: float, level: Sequence[float], thick: float) -> Plane:
        """The coverage of a curve y = level[0] + level[1] u + level[2] u^2, pointed at both ends.

        u runs from -1 at x = start to 1 at x = stop.
        """
        u = (self.x - (start + stop) / 2) / ((stop - start) / 2)
        curve = level[0] + u * (level[1] + u * level[2])
        thickness = thick * (1 - u * u)
        return self.band(curve - thickness, curve + thickness)


def oval_distance(canvas: Canvas, x: float, y: float, width: float, height: float) -> Plane:
    """The distance to an ellipse, negative inside; exact in the limit near its outline."""
    across, along = (canvas.x - x) / width, (canvas.y - y) / height
    slope_x, slope_y = across / width, along / height
    radius = np.sqrt(across * across + along * along)
    slope = np.sqrt(slope_x * slope_x + slope_y * slope_y)
    distance: Plane = radius * (radius - 1) / np.maximum(slope, 1e-6)
    return distance


def merged(first: Plane, second: Plane, blend: float) -> Plane:
    """The distance to two shapes that flow into one over the length `blend`."""
    joint = np.maximum(blend - abs(first - second), 0)
    return np.minimum(first, second) - joint * joint / (4 * blend)
