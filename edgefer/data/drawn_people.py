"""Who is drawn: proportions, tones, hair, beard and glasses, all from chance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from edgefer.data.drawn_shapes import Colour

STUBBLE = 0.25

_Option = TypeVar("_Option")
_Bytes = tuple[int, int, int]


@dataclass(frozen=True)
class Hair:
    """Hair is what of the grown head lies outside an oval window on the face.

    `volume` is how far it stands off the skull, `top` and `width` are of the window, `length` is
    where it ends at the sides, `behind` says that it falls behind the neck.
    """

    volume: float
    top: float
    width: float
    length: float
    behind: bool = False
    cloth: bool = False


@dataclass(frozen=True)
class Person:
    """One identity; lengths are in half frames for a head that fills the frame."""

    skin: Colour
    hair_colour: Colour
    lips: Colour
    iris: Colour
    clothes: Colour
    hair: Hair
    parting: float
    head_width: float
    jaw_width: float
    chin: float
    eye_gap: float
    eye_width: float
    eye_height: float
    eye_tilt: float
    brow_height: float
    brow_thick: float
    brow_arch: float
    nose: float
    nose_width: float
    mouth: float
    mouth_width: float
    lip: float
    age: float
    beard: float
    moustache: float
    glasses: bool


# From the palest to the darkest.
_SKINS = (
    (248, 224, 208),
    (240, 203, 176),
    (224, 176, 140),
    (196, 142, 104),
    (158, 106, 74),
    (118, 76, 54),
    (86, 56, 43),
    (64, 43, 35),
)
_DARK_HAIR = ((24, 20, 19), (40, 28, 22), (58, 38, 27))
_LIGHT_HAIR = ((96, 64, 40), (128, 66, 38), (168, 124, 72), (214, 180, 120))
_GREY_HAIR = ((128, 126, 124), (176, 174, 172), (222, 220, 216))
_IRISES = ((46, 29, 20), (70, 44, 26), (98, 74, 40), (84, 104, 78), (88, 118, 142), (112, 124, 130))
_CLOTH = ((38, 48, 72), (120, 34, 40), (40, 84, 74), (206, 198, 184), (52, 50, 54), (150, 120, 160))

_STYLES = (
    Hair(0.00, -2.00, 2.00, -2.0),  # none
    Hair(0.02, -0.72, 0.70, 0.00),  # cropped
    Hair(0.07, -0.66, 0.68, 0.05),  # short
    Hair(0.10, -0.56, 0.68, 0.05),  # short with a fringe
    Hair(0.20, -0.64, 0.68, 0.15),  # round and curly
    Hair(0.10, -0.62, 0.65, 0.70, behind=True),  # to the chin
    Hair(0.10, -0.70, 0.63, 2.00, behind=True),  # long
    Hair(0.10, -0.52, 0.64, 2.00, behind=True),  # long with a fringe
    Hair(0.06, -0.66, 0.64, 2.00, behind=True, cloth=True),  # a headscarf
)


def between(rng: np.random.Generator, low: float, high: float) -> float:
    """A number from that range, all of them alike likely."""
    return low + (high - low) * rng.random()


def pick(rng: np.random.Generator, options: Sequence[_Option]) -> _Option:
    """One of the options, all of them alike likely."""
    return options[int(rng.random() * len(options))]


def person(rng: np.random.Generator) -> Person:
    """Somebody, drawn from `rng`."""
    tone, age = rng.random(), rng.random()
    skin, hair = _blended(_SKINS, tone), pick(rng, _STYLES)
    beard, moustache = _beard(rng, hair)
    return Person(
        skin=skin,
        hair_colour=_hair_colour(rng, tone, age, hair),
        lips=_lips(skin, painted=rng.random() > 0.75),
        iris=_unit(pick(rng, _IRISES[: 2 if tone > 0.5 else 6])),
        clothes=_unit(pick(rng, _CLOTH)),
        hair=hair,
        parting=between(rng, -0.08, 0.08),
        head_width=between(rng, 0.67, 0.76),
        jaw_width=between(rng, 0.50, 0.63),
        chin=between(rng, 0.82, 0.94),
        eye_gap=between(rng, 0.29, 0.335),
        eye_width=between(rng, 0.145, 0.175),
        eye_height=between(rng, 0.05, 0.07),
        eye_tilt=between(rng, -0.015, 0.02),
        brow_height=between(rng, 0.155, 0.195),
        brow_thick=between(rng, 0.016, 0.034),
        brow_arch=between(rng, 0.01, 0.04),
        nose=between(rng, 0.15, 0.21),
        nose_width=between(rng, 0.115, 0.165),
        mouth=between(rng, 0.44, 0.49),
        mouth_width=between(rng, 0.235, 0.29),
        lip=between(rng, 0.04, 0.065),
        age=age,
        beard=beard,
        moustache=moustache,
        glasses=rng.random() < 0.15,
    )


def _beard(rng: np.random.Generator, hair: Hair) -> tuple[float, float]:
    """How dense the beard and the moustache are; nobody with long hair has any here."""
    grown = rng.random()
    if hair.behind or grown > 0.4:
        return 0.0, 0.0
    return pick(rng, (STUBBLE, 0.95, 0.95, 0.0)), pick(rng, (0.0, 0.9))


def _hair_colour(rng: np.random.Generator, tone: float, age: float, hair: Hair) -> Colour:
    fair = tone < 0.45 and rng.random() < 0.65
    if hair.cloth:
        return _unit(pick(rng, _CLOTH))
    if age > 0.8:
        return _unit(pick(rng, _GREY_HAIR))
    return _unit(pick(rng, _LIGHT_HAIR if fair else _DARK_HAIR))


def _lips(skin: Colour, painted: bool) -> Colour:
    """Skin with more red than it has, and lipstick for some."""
    natural = (skin[0] * 0.86, skin[1] * 0.72, skin[2] * 0.74)
    return _mixed(natural, _unit((168, 58, 66)), 0.6 if painted else 0.3)


def _blended(colours: Sequence[_Bytes], place: float) -> Colour:
    """The colour at `place` (0 to 1) along the row."""
    along = place * (len(colours) - 1)
    low = min(int(along), len(colours) - 2)
    return _mixed(_unit(colours[low]), _unit(colours[low + 1]), along - low)


def _mixed(first: Colour, second: Colour, share: float) -> Colour:
    red, green, blue = (a + (b - a) * share for a, b in zip(first, second))
    return red, green, blue


def _unit(colour: _Bytes) -> Colour:
    red, green, blue = colour
    return red / 255, green / 255, blue / 255
