"""The head of a drawn face: skull, ears, neck, hair, beard and glasses."""

from __future__ import annotations

import numpy as np

from edgefer.data.drawn_people import STUBBLE, Person
from edgefer.data.drawn_shapes import BLACK, WHITE, Canvas, Plane, merged, oval_distance

EYE_LEVEL = -0.17
_CROWN = -0.97
_SMOKED = (0.05, 0.05, 0.06)


def draw_head(canvas: Canvas, person: Person, jaw_drop: float, yaw: float) -> Plane:
    """Skull, ears and neck. Gives the distance to the outline of the face, negative inside."""
    chin = person.chin + 0.1 * jaw_drop
    outline = head_outline(canvas, person, chin)
    if person.hair.behind:
        back = canvas.oval(0, 0.1, person.head_width + 0.2, 1.15)
        canvas.fill(person.hair_colour, back)
        canvas.shade(0.35, back)
    _draw_neck(canvas, person, chin)
    if not person.hair.behind:
        _draw_ears(canvas, person, yaw)
    face = canvas.inside(outline)
    canvas.fill(person.skin, face)
    rim = np.clip(1 + outline / 0.3, 0, 1)
    canvas.shade(0.3, rim * rim * face)
    canvas.shade(-0.1, canvas.glow(0, -0.52, 0.5, 0.3))
    return outline


def head_outline(canvas: Canvas, person: Person, chin: float) -> Plane:
    """The distance to the outline of a face whose chin is there, negative inside."""
    skull = oval_distance(canvas, 0, -0.26, person.head_width, -0.26 - _CROWN)
    jaw = oval_distance(canvas, 0, chin - 0.62, person.jaw_width, 0.62)
    return merged(skull, jaw, 0.3)


def _draw_neck(canvas: Canvas, person: Person, chin: float) -> None:
    neck = canvas.inside(np.maximum(abs(canvas.x) - 0.37, 0.3 - canvas.y))
    canvas.fill(person.skin, neck)
    canvas.shade(0.6, neck * canvas.glow(0, chin - 0.15, 0.9, 0.55))
    canvas.fill(
        person.clothes, canvas.oval(0, 1.75, 1.5, 0.66) * (1 - canvas.oval(0, 1, 0.33, 0.2))
    )


def _draw_ears(canvas: Canvas, person: Person, yaw: float) -> None:
    for side in (-1, 1):
        # A turned head hides the ear that it turns to.
        x = person.head_width + 0.02 - 0.35 * max(side * yaw, 0.0)
        ear = canvas.near(side * x, -0.08, (0.16, 0.24), side)
        ear.fill(person.skin, ear.oval(0, 0, 0.085, 0.165))
        ear.shade(0.35, ear.glow(0.005, 0, 0.07, 0.14))


def draw_hair(canvas: Canvas, person: Person, outline: Plane) -> None:
    """The hair on and around the face, or the headscarf."""
    hair = person.hair
    window = oval_distance(canvas, person.parting, 0.3, hair.width, 0.3 - hair.top)
    ends = canvas.y - hair.length
    # Short hair gets thin towards its ends.
    volume = hair.volume * np.clip(-3 * ends, -0.5, 1)
    grown = np.maximum(outline - volume, np.maximum(-window, ends))
    cover = canvas.inside(grown)
    if not cover.any():
        return
    canvas.soft(0.1).shade(0.22, canvas.soft(0.12).inside(grown - 0.02))
    canvas.fill(person.hair_colour, cover)
    # Strands: a triangle wave across the hair, bent with it.
    phase = canvas.x * (7 - 2 * canvas.y) + 0.8 * canvas.y
    wave = abs(phase - np.floor(phase) - 0.5)
    canvas.shade(0.3, cover * wave)
    shine = canvas.glow(-0.2, -0.85, 0.5, 0.3)
    canvas.fill(WHITE, cover * shine * 0.14)


def draw_beard(canvas: Canvas, person: Person, outline: Plane) -> None:
    """Stubble or a full beard on the jaw; the moustache goes with the mouth."""
    if not person.beard:
        return
    cheeks = oval_distance(canvas.soft(0.06), 0, -0.1, person.head_width - 0.1, 0.5)
    lower = canvas.soft(0.06).inside(np.maximum(outline - 0.02, -cheeks))
    colour = person.hair_colour if person.beard > STUBBLE else BLACK
    canvas.fill(colour, lower * np.clip((canvas.y - 0.02) * 5, 0, 1) * person.beard)


def draw_glasses(canvas: Canvas, person: Person, dark: bool = False) -> None:
    """Two rims with a bridge and temples, and the shine on the glass."""
    level, thick = EYE_LEVEL + 0.02, 0.016
    tint, density = (_SMOKED, 1.0) if dark else (WHITE, 0.06)
    temple = person.head_width - person.eye_gap + 0.03
    for side in (-1, 1):
        glass = canvas.near(side * person.eye_gap, level, (0.45, 0.3), side)
        rim = oval_distance(glass, 0, 0, 0.23, 0.175)
        lens = glass.inside(rim)
        glass.fill(tint, lens * density)
        glass.fill(WHITE, lens * glass.glow(-0.05 * side, -0.06, 0.16, 0.08) * 0.15)
        glass.fill(BLACK, glass.inside(abs(rim) - thick))
        glass.fill(BLACK, glass.line(0.2, temple, (-0.04, 0, 0), 0.02))
    bridge = person.eye_gap - 0.21
    canvas.fill(BLACK, canvas.line(-bridge, bridge, (level - 0.04, 0, 0.03), 0.02))
