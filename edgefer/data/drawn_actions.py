"""How a drawn face moves for each expression: the action units of FACS.

The units are those of Ekman, Friesen and Hager, *Facial Action Coding System* (2002); which of
them make an expression is from its *Investigator's Guide* and EMFACS (Friesen and Ekman, 1983).
"""

from __future__ import annotations

from dataclasses import astuple, dataclass, fields

import numpy as np

from edgefer.labels import Expression


@dataclass(frozen=True)
class Actions:
    """How far the muscles of one half of a face have moved it: 0 at rest, 1 as far as they can."""

    inner_brow_raiser: float = 0.0  # AU1
    outer_brow_raiser: float = 0.0  # AU2
    brow_lowerer: float = 0.0  # AU4
    upper_lid_raiser: float = 0.0  # AU5
    cheek_raiser: float = 0.0  # AU6
    lid_tightener: float = 0.0  # AU7
    nose_wrinkler: float = 0.0  # AU9
    upper_lip_raiser: float = 0.0  # AU10
    lip_corner_puller: float = 0.0  # AU12
    dimpler: float = 0.0  # AU14
    lip_corner_depressor: float = 0.0  # AU15
    lower_lip_depressor: float = 0.0  # AU16
    chin_raiser: float = 0.0  # AU17
    lip_stretcher: float = 0.0  # AU20
    lip_tightener: float = 0.0  # AU23
    lips_part: float = 0.0  # AU25
    jaw_drop: float = 0.0  # AU26


# The ways in which each expression is seen at its height; a face has one of them.
PROTOTYPES: dict[Expression, tuple[Actions, ...]] = {
    Expression.NEUTRAL: (Actions(),),
    Expression.HAPPINESS: (
        Actions(cheek_raiser=0.8, lip_corner_puller=1.0),
        Actions(cheek_raiser=1.0, lip_corner_puller=1.0, lips_part=1.0),
        Actions(cheek_raiser=0.9, lip_corner_puller=1.0, lips_part=1.0, jaw_drop=0.35),
    ),
    Expression.SURPRISE: (
        Actions(inner_brow_raiser=1.0, outer_brow_raiser=1.0, upper_lid_raiser=0.8, jaw_drop=1.0),
        Actions(inner_brow_raiser=1.0, outer_brow_raiser=1.0, upper_lid_raiser=0.9, jaw_drop=0.75),
    ),
    Expression.SADNESS: (
        Actions(inner_brow_raiser=1.0, brow_lowerer=0.7, lip_corner_depressor=1.0),
        Actions(inner_brow_raiser=1.0, brow_lowerer=0.8, lip_corner_depressor=1.0, chin_raiser=0.9),
    ),
    Expression.ANGER: (
        Actions(brow_lowerer=1.0, upper_lid_raiser=0.5, lid_tightener=0.8, lip_tightener=1.0),
        Actions(
            brow_lowerer=1.0,
            upper_lid_raiser=0.6,
            lid_tightener=0.7,
            upper_lip_raiser=0.6,
            lower_lip_depressor=0.5,
            lip_tightener=0.3,
            lips_part=1.0,
            jaw_drop=0.3,
        ),
    ),
    Expression.DISGUST: (
        Actions(nose_wrinkler=1.0, lip_corner_depressor=0.7, lower_lip_depressor=0.7),
        Actions(
            nose_wrinkler=1.0,
            upper_lip_raiser=0.8,
            lip_corner_depressor=0.6,
            lower_lip_depressor=0.9,
            lips_part=0.7,
        ),
    ),
    Expression.FEAR: (
        Actions(
            inner_brow_raiser=1.0,
            outer_brow_raiser=0.5,
            brow_lowerer=0.7,
            upper_lid_raiser=1.0,
            lip_stretcher=1.0,
            jaw_drop=0.5,
        ),
        Actions(
            inner_brow_raiser=1.0,
            outer_brow_raiser=0.5,
            brow_lowerer=0.8,
            upper_lid_raiser=1.0,
            lid_tightener=0.3,
            lip_stretcher=1.0,
            lips_part=1.0,
        ),
    ),
    Expression.CONTEMPT: (
        Actions(lip_corner_puller=0.65, dimpler=1.0),
        Actions(lip_corner_puller=0.5, dimpler=1.0, upper_lip_raiser=0.3),
    ),
}

# EMFACS codes contempt on one side of the face only.
_ONE_SIDED = frozenset({Expression.CONTEMPT})


def act(expression: Expression, rng: np.random.Generator) -> tuple[Actions, Actions]:
    """The left and the right half (as the picture shows them) of a face with this expression.

    The prototype, the intensity and small differences between units and halves are random.
    """
    ways = PROTOTYPES[expression]
    units = len(fields(Actions))
    chance = rng.random(4 + 2 * units).tolist()
    way = ways[int(chance[0] * len(ways))]
    intensity = 0.7 + 0.35 * chance[1]
    halves = [intensity, intensity]
    if expression in _ONE_SIDED:
        halves[int(chance[2] * 2)] *= 0.1 * chance[3]
    left, right = chance[4 : 4 + units], chance[4 + units :]
    return _scaled(way, halves[0], left), _scaled(way, halves[1], right)


def _scaled(way: Actions, intensity: float, chance: list[float]) -> Actions:
    moved = (
        min(unit * intensity * (0.9 + 0.2 * share), 1.0)
        for unit, share in zip(astuple(way), chance)
    )
    return Actions(*moved)
