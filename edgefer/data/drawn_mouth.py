"""The mouth of a drawn face: lips, teeth and tongue between four curves, by its action units."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from edgefer.data.drawn_actions import Actions
from edgefer.data.drawn_people import Person
from edgefer.data.drawn_shapes import Canvas, Plane

_TOOTH = (0.95, 0.93, 0.88)
_THROAT = (0.17, 0.05, 0.06)
_TONGUE = (0.66, 0.3, 0.31)


@dataclass(frozen=True)
class _Lips:
    """Where the lips begin and end: y of each curve at every pixel, from above to below."""

    arch: Plane
    top: Plane
    gap_top: Plane
    gap_bottom: Plane
    bottom: Plane


def draw_mouth(canvas: Canvas, person: Person, halves: tuple[Actions, Actions]) -> None:
    """Lips, what shows between them, the moustache above and the shadow below."""
    mouth = canvas.near(0, person.mouth, (0.6, 0.5))
    lips = _lips(mouth, person, halves)
    mouth.shade(0.3, mouth.soft(0.06).band(lips.bottom, lips.bottom + 0.05 * lips.arch))
    if person.moustache:
        hair = mouth.soft(0.03).band(lips.top - 0.075 * (lips.arch + 0.1), lips.top)
        mouth.fill(person.hair_colour, hair * person.moustache)
    mouth.fill(person.lips, mouth.band(lips.top, lips.bottom))
    mouth.shade(0.22, mouth.band(lips.top, lips.gap_top))
    mouth.shade(-0.14, mouth.band(lips.gap_bottom + 0.012, lips.bottom - 0.018 * lips.arch))
    _draw_inside(mouth, lips, halves)
    seam = (0.011 * np.maximum(lips.arch, 0) + 0.003) * (lips.arch > -0.05)
    mouth.fill(_THROAT, mouth.band(lips.gap_top - seam, lips.gap_top + 0.6 * seam) * 0.9)
    _draw_corners(canvas, person, halves)


def _lips(mouth: Canvas, person: Person, halves: tuple[Actions, Actions]) -> _Lips:
    left, right = halves

    def each(measure: Callable[[Actions], float]) -> Plane:
        sides = np.where(mouth.x < 0, measure(left), measure(right))
        return sides.astype(np.float32)

    u = mouth.x / each(lambda half: corner(person, half)[0])
    lift = -each(lambda half: corner(person, half)[1])
    square = u * u
    arch = 1 - square
    # The corners move; the middle follows a little, so that a smile does not bend at one point.
    middle = lift * (square - 0.15) - 0.02 * _mean(halves, "chin_raiser")
    middle -= 0.035 * _mean(halves, "nose_wrinkler")
    boxes = {"lip_stretcher": 0.8, "lower_lip_depressor": 0.7, "jaw_drop": 0.6}
    box = max(_mean(halves, unit) * share for unit, share in boxes.items())
    profile = arch * (1 + box * square)
    above, below = _gap(halves)
    gap_top, gap_bottom = middle - above * profile, middle + below * profile
    thin = 1 - 0.55 * _mean(halves, "lip_tightener") - 0.3 * _mean(halves, "lip_corner_puller")
    thin -= 0.3 * _mean(halves, "lip_stretcher")
    full = person.lip * max(thin, 0.3) * arch
    bow = 1 - 0.3 * np.maximum(1 - 18 * square, 0)
    return _Lips(arch, gap_top - 0.8 * full * bow, gap_top, gap_bottom, gap_bottom + 1.1 * full)


def corner(person: Person, half: Actions) -> tuple[float, float]:
    """Where the corner of the mouth is: outwards from the middle, and upwards from rest."""
    pulled = 0.34 * half.lip_corner_puller + 0.32 * half.lip_stretcher + 0.1 * half.dimpler
    pursed = 0.14 * half.lip_tightener + 0.45 * half.jaw_drop * max(1 - 2 * pulled, 0)
    out = person.mouth_width * (1 + pulled - pursed)
    up = 0.13 * half.lip_corner_puller + 0.05 * half.dimpler - 0.11 * half.lip_corner_depressor
    return out, up - 0.025 * half.lip_stretcher - 0.07 * half.jaw_drop


def _gap(halves: tuple[Actions, Actions]) -> tuple[float, float]:
    """How far the lips are open, above and below the line where they meet."""
    parted, dropped = _mean(halves, "lips_part"), _mean(halves, "jaw_drop")
    smile, wide = _mean(halves, "lip_corner_puller"), _mean(halves, "lip_stretcher")
    shown = _mean(halves, "upper_lip_raiser") + 0.5 * _mean(halves, "nose_wrinkler")
    above = 0.02 * parted + 0.09 * dropped + 0.04 * shown * (parted + 0.4)
    below = (0.035 + 0.075 * smile + 0.04 * wide) * parted + 0.23 * dropped
    return above, below + 0.075 * _mean(halves, "lower_lip_depressor")


def _draw_inside(mouth: Canvas, lips: _Lips, halves: tuple[Actions, Actions]) -> None:
    above, below = _gap(halves)
    if above + below < 0.02:
        return
    inside = mouth.band(lips.gap_top, lips.gap_bottom)
    mouth.fill(_THROAT, inside)
    mouth.fill(_TONGUE, inside * mouth.soft(0.04).oval(0, below + 0.02, 0.14, 0.09))
    smile = max(_mean(halves, "lip_corner_puller"), _mean(halves, "upper_lip_raiser"))
    upper = 0.075 * smile + 0.04 * _mean(halves, "lip_stretcher")
    teeth = mouth.band(lips.gap_top, np.minimum(lips.gap_top + upper, lips.gap_bottom - 0.006))
    lower = 0.05 * max(_mean(halves, "lower_lip_depressor"), _mean(halves, "lip_stretcher"))
    below_teeth = mouth.band(np.maximum(lips.gap_bottom - lower, lips.gap_top), lips.gap_bottom)
    mouth.fill(_TOOTH, np.maximum(teeth, below_teeth) * inside)
    mouth.shade(0.45, inside * mouth.soft(0.03).band(lips.gap_top, lips.gap_top + 0.012))
    mouth.shade(0.4, inside * np.clip(1 - 2.2 * lips.arch, 0, 1))


def _draw_corners(canvas: Canvas, person: Person, halves: tuple[Actions, Actions]) -> None:
    """The dimples, the lines below drawn-down corners, and the chin that pushes up."""
    for side, half in zip((-1, 1), halves):
        out, up = corner(person, half)
        end = canvas.near(side * out, person.mouth - up, (0.2, 0.25), side)
        end.shade(0.25, end.glow(0.02, 0, 0.07, 0.06))
        fold = end.soft(0.035).swapped()
        depth = 0.25 * half.lip_corner_depressor + 0.15 * person.age
        fold.shade(depth, fold.line(0.0, 0.17, (0.045, 0.025, 0), 0.014))
        dimple = 0.4 * half.dimpler + 0.25 * half.lip_corner_puller
        fold.shade(dimple, fold.line(-0.09, 0.07, (0.055, 0.0, -0.03), 0.015))
    chin = canvas.near(0, person.chin - 0.13, (0.3, 0.2))
    pushed = _mean(halves, "chin_raiser")
    chin.shade(0.3 * pushed, chin.glow(-0.05, 0.0, 0.07, 0.05) + chin.glow(0.06, 0.02, 0.06, 0.05))
    chin.shade(-0.1, chin.glow(0, 0.0, 0.16, 0.1))


def _mean(halves: tuple[Actions, Actions], unit: str) -> float:
    left, right = (float(getattr(half, unit)) for half in halves)
    return (left + right) / 2
