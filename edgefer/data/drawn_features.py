"""What moves in a drawn face: brows, eyes, nose and mouth, each by its action units.

Every length is in half frames. Side -1 is the left half as the picture shows it, and each half is
drawn in mirrored coordinates, where x grows outwards.
"""

from __future__ import annotations

import numpy as np

from edgefer.data.drawn_actions import Actions
from edgefer.data.drawn_head import EYE_LEVEL
from edgefer.data.drawn_mouth import draw_mouth
from edgefer.data.drawn_people import Person
from edgefer.data.drawn_shapes import BLACK, WHITE, Canvas

_EYE_WHITE = (0.93, 0.92, 0.9)
_NOSTRIL = (0.2, 0.06, 0.07)


def draw_features(
    canvas: Canvas, person: Person, halves: tuple[Actions, Actions], gaze: tuple[float, float]
) -> None:
    """Brows, eyes, nose and mouth of a head that is drawn already."""
    for side, actions in zip((-1, 1), halves):
        _draw_socket(canvas, person, side)
        _draw_eye(canvas, person, actions, side, gaze)
        _draw_cheek(canvas, person, actions, side)
        _draw_fold(canvas, person, actions, side)
        _draw_forehead(canvas, person, actions, side)
        _draw_brow(canvas, person, actions, side)
    _draw_nose(canvas, person, halves)
    draw_mouth(canvas, person, halves)


def _draw_socket(canvas: Canvas, person: Person, side: int) -> None:
    eye = canvas.near(side * person.eye_gap, EYE_LEVEL, (0.3, 0.3), side)
    eye.shade(0.22, eye.glow(-0.03, -0.04, 0.28, 0.2))
    eye.shade(0.12 + 0.2 * person.age, eye.glow(-0.02, 0.1, 0.17, 0.09))


def _draw_eye(
    canvas: Canvas, person: Person, actions: Actions, side: int, gaze: tuple[float, float]
) -> None:
    eye = canvas.near(side * person.eye_gap, EYE_LEVEL, (0.26, 0.24), side)
    wide, high = person.eye_width, person.eye_height
    u = eye.x / wide
    arch = 1 - u * u
    squint = (
        0.5 * actions.cheek_raiser + 0.45 * actions.lid_tightener + 0.55 * actions.nose_wrinkler
    )
    sag = 0.3 * actions.inner_brow_raiser * actions.brow_lowerer * (1 - actions.upper_lid_raiser)
    upper = high * max(1 + 0.95 * actions.upper_lid_raiser - 0.5 * squint - sag, 0.2)
    lower = high * (0.65 - 0.85 * squint + 0.1 * actions.upper_lid_raiser)
    slant = -person.eye_tilt * u
    top, bottom = slant - upper * arch * (1 - 0.15 * u), slant + lower * arch
    opening = eye.band(top, bottom)
    eye.fill(_EYE_WHITE, opening)
    x, y = gaze[0] * side, gaze[1] - 0.008
    round_iris = eye.oval(x, y, 0.063, 0.063)
    eye.fill(person.iris, opening * round_iris)
    eye.shade(0.5, opening * (round_iris - eye.oval(x, y, 0.052, 0.052)))
    eye.fill(BLACK, opening * eye.oval(x, y, 0.028, 0.028))
    eye.fill(WHITE, opening * eye.oval(x - 0.02 * side, y - 0.022, 0.014, 0.014))
    eye.shade(0.4, eye.band(top, top + 0.025) * opening)
    lash = 0.022 * (1.05 - u * u)
    eye.fill(BLACK, eye.band(top - lash, top + 0.3 * lash) * 0.85)
    eye.shade(0.45, eye.band(bottom, bottom + 0.014 * arch))
    crease = top - 0.028 - 0.25 * max(high - 0.5 * upper, 0.0)
    eye.shade(0.4, eye.band(crease - 0.012 * arch, crease))


def _draw_cheek(canvas: Canvas, person: Person, actions: Actions, side: int) -> None:
    """The cheek that a smile lifts, the bag above it and the crow's feet."""
    cheek = canvas.near(side * 0.36, 0.08, (0.36, 0.34), side)
    lifted = actions.cheek_raiser
    cheek.shade(-0.08 - 0.1 * lifted, cheek.glow(0, 0.02 - 0.06 * lifted, 0.2, 0.17))
    bag = 0.15 * person.age + 0.5 * lifted + 0.3 * actions.nose_wrinkler
    cheek.shade(bag, cheek.soft(0.03).line(-0.22, 0.12, (-0.12, 0.0, -0.05), 0.02))
    for row in range(3):
        feet = cheek.line(0.12, 0.26, (-0.26 + 0.05 * row, -0.03 + 0.025 * row, 0), 0.008)
        cheek.shade(0.5 * lifted * (0.4 + 0.6 * person.age), feet)


def _draw_fold(canvas: Canvas, person: Person, actions: Actions, side: int) -> None:
    """The fold from the wing of the nose to beside the corner of the mouth."""
    pull = actions.lip_corner_puller
    depth = 0.1 + 0.2 * person.age + 0.4 * pull + 0.5 * actions.nose_wrinkler
    depth += 0.3 * (actions.upper_lip_raiser + actions.dimpler) + 0.15 * actions.lip_stretcher
    start, stop = person.nose_width + 0.02, person.mouth_width + 0.09 + 0.07 * pull
    length, bulge = person.mouth - person.nose + 0.1 - 0.07 * pull, 0.02 + 0.05 * pull
    fold = canvas.near(0.3 * side, person.nose - 0.06, (0.3, 0.6), side).soft(0.04).swapped()
    curve = ((start + stop) / 2 + bulge - 0.3, (stop - start) / 2, -bulge)
    fold.shade(min(depth, 0.55), fold.line(0, length, curve, 0.018))


def _draw_forehead(canvas: Canvas, person: Person, actions: Actions, side: int) -> None:
    """The lines over raised brows, and those between lowered ones."""
    level = EYE_LEVEL - person.brow_height
    brow = canvas.near(0, level, (0.55, 0.55), side)
    half = brow.x > 0
    raised = 0.12 * person.age
    raised += max(actions.inner_brow_raiser * 0.55, actions.outer_brow_raiser * 0.6)
    reach = 0.25 + 0.2 * actions.outer_brow_raiser
    for row in range(3):
        height = -0.19 - 0.075 * row
        lines = brow.line(-reach, reach, (height, 0, 0.03), 0.014)
        brow.shade(min(raised, 0.6) * 0.6, lines * half)
    frown = brow.near(0.055, 0.06, (0.1, 0.22)).soft(0.02).swapped()
    depth = 0.1 * person.age + 0.65 * actions.brow_lowerer + 0.5 * actions.nose_wrinkler
    frown.shade(min(depth, 0.7), frown.line(-0.15, 0.08, (0, -0.01, 0), 0.013))


def _draw_brow(canvas: Canvas, person: Person, actions: Actions, side: int) -> None:
    level = EYE_LEVEL - person.brow_height
    pinch = actions.brow_lowerer
    brow = canvas.near(side * (person.eye_gap - 0.035 * pinch), level, (0.34, 0.4), side)
    u = (brow.x - 0.01) / 0.21
    inner = 0.13 * actions.inner_brow_raiser - 0.08 * actions.nose_wrinkler
    inner -= 0.105 * pinch * (1 - 0.9 * actions.inner_brow_raiser)
    outer = 0.1 * actions.outer_brow_raiser - 0.035 * pinch - 0.03 * actions.nose_wrinkler
    arch = person.brow_arch + 0.035 * actions.outer_brow_raiser * (1 - pinch)
    curve = -arch * (1 - u * u) - inner * (1 - u) / 2 - outer * (1 + u) / 2
    square = u * u
    thick = person.brow_thick * (1.15 - 0.5 * u) * np.maximum(1 - square * square * square, 0)
    colour = person.hair_colour if not person.hair.cloth else _NOSTRIL
    dark = tuple(0.55 * part for part in colour)
    brow.fill((dark[0], dark[1], dark[2]), brow.soft(0.02).band(curve - thick, curve + thick) * 0.9)


def _draw_nose(canvas: Canvas, person: Person, halves: tuple[Actions, Actions]) -> None:
    wrinkle = (halves[0].nose_wrinkler + halves[1].nose_wrinkler) / 2
    wide = person.nose_width * (1 + 0.15 * wrinkle)
    tip = person.nose - 0.04 * wrinkle
    for side in (-1, 1):
        half = canvas.near(0, tip, (0.3, 0.5), side)
        bridge = half.soft(0.06).swapped()
        bridge.shade(0.2, bridge.line(-0.42, 0.0, (0.075, 0.02, 0.02), 0.03))
        half.shade(0.3, half.glow(wide, 0.0, 0.06, 0.09))
        wing = half.swapped()
        wing.shade(0.4, wing.line(-0.09, 0.035, (wide, 0.0, -0.03), 0.012))
        half.fill(_NOSTRIL, half.oval(wide * 0.5, 0.012, 0.036, 0.017) * 0.85)
    nose = canvas.near(0, tip, (0.3, 0.5))
    nose.shade(0.3, nose.glow(0, 0.045, wide, 0.05))
    nose.shade(-0.22, nose.glow(0, -0.05, 0.07, 0.08))
    nose.shade(-0.12, nose.glow(0, -0.25, 0.045, 0.2))
    for row in range(3):
        across = nose.line(-0.09, 0.09, (-0.34 + 0.06 * row, 0, 0.03), 0.016)
        nose.shade(0.5 * wrinkle, across)
