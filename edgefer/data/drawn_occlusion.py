"""What may hide a part of a drawn face: a hand, a mask, a bar, dark glasses."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto

import numpy as np

from edgefer.data.drawn_head import draw_glasses
from edgefer.data.drawn_people import Person
from edgefer.data.drawn_shapes import Canvas, Colour, Plane

_MASKS: tuple[Colour, ...] = ((0.62, 0.78, 0.86), (0.93, 0.93, 0.92), (0.13, 0.13, 0.15))


class CoverKind(Enum):
    HAND = auto()
    MASK = auto()
    BAR = auto()
    DARK_GLASSES = auto()


@dataclass(frozen=True)
class Cover:
    """One thing before the face; `across` and `along` (-1 to 1) say where it is."""

    kind: CoverKind
    across: float
    along: float


def draw_cover(canvas: Canvas, cover: Cover, person: Person, outline: Plane) -> None:
    """Draw it over a finished head, whose outline is given as a distance."""
    if cover.kind is CoverKind.HAND:
        _draw_hand(canvas, cover, person)
    elif cover.kind is CoverKind.MASK:
        _draw_mask(canvas, cover, person, outline)
    elif cover.kind is CoverKind.BAR:
        _draw_bar(canvas, cover)
    else:
        draw_glasses(canvas, person, dark=True)


def _draw_hand(canvas: Canvas, cover: Cover, person: Person) -> None:
    """Four fingers that come in from one side, over the cheek and a part of the mouth."""
    side = 1 if cover.across > 0 else -1
    hand = canvas.near(side * 0.2, 0.35 + 0.25 * cover.along, (2.2, 0.6), side)
    for finger in range(4):
        level = -0.22 + 0.145 * finger
        tip = 0.05 + 0.03 * (finger - 1.5) * (finger - 1.5)
        along = hand.x - tip
        across = hand.y - level + 0.15 * along
        # Round where the finger ends, straight from there on outwards.
        short = np.minimum(along, 0)
        outline: Plane = np.sqrt(short * short + across * across) - 0.07
        hand.shade(0.4, hand.soft(0.08).inside(outline - 0.02))
        hand.fill(person.skin, hand.inside(outline))
        hand.shade(0.35, hand.inside(outline) * np.clip((outline + 0.07) * 8, 0, 1))


def _draw_mask(canvas: Canvas, cover: Cover, person: Person, outline: Plane) -> None:
    colour = _MASKS[int((cover.across + 1) / 2 * len(_MASKS)) % len(_MASKS)]
    edge = person.nose - 0.09 + 0.35 * canvas.x * canvas.x
    sheet = canvas.inside(np.maximum(outline - 0.015, edge - canvas.y))
    canvas.fill(colour, sheet)
    canvas.shade(0.28, sheet * np.clip(1 + outline / 0.35, 0, 1))
    for row in range(3):
        fold = canvas.line(-0.6, 0.6, (0.4 + 0.12 * row, 0, -0.04), 0.012)
        canvas.shade(0.3, sheet * fold)
    strap = canvas.line(-0.9, 0.9, (0.02, 0, 0), 0.014) * (1 - canvas.inside(outline + 0.1))
    canvas.fill(colour, strap * canvas.inside(outline))


def _draw_bar(canvas: Canvas, cover: Cover) -> None:
    """A dark bar across the whole frame, slanted."""
    slanted = canvas.y - 0.45 * cover.along - 0.35 * cover.across * canvas.x
    canvas.fill((0.06, 0.06, 0.07), canvas.inside(abs(slanted) - 0.12))
