"""Faces drawn from chance, with numpy alone: no person is in them, and no file is needed.

They train nothing that is of use on people. They stand in where faces must be the same everywhere
or where there are none: golden faces, smoke tests, calibration without data.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from edgefer.data.drawn_actions import act
from edgefer.data.drawn_features import draw_features
from edgefer.data.drawn_head import draw_beard, draw_glasses, draw_hair, draw_head
from edgefer.data.drawn_occlusion import Cover, CoverKind, draw_cover
from edgefer.data.drawn_people import between, person, pick
from edgefer.data.drawn_shapes import Canvas, Colour, Pose
from edgefer.data.faces import FaceSet, Pixels
from edgefer.errors import InputError
from edgefer.labels import ORDERS, Expression

SIZES = range(24, 513)

_OCCLUDED = 0.12


@dataclass(frozen=True)
class _Scene:
    """What does not belong to the face: where it is, its light, and what the camera adds."""

    pose: Pose
    gaze: tuple[float, float]
    backdrop: tuple[Colour, Colour]
    cover: Cover | None
    gain: float
    light: tuple[float, float]
    softness: float
    grain: float


def draw_face(expression: Expression, size: int, seed: int, index: int = 0) -> Pixels:
    """Face `index` of `seed` with that expression: uint8 [size, size, 3], RGB.

    `seed` and `index` alone choose the person, pose and light, so another size or another
    expression shows the same person. Raises InputError where the size is not 24 to 512.
    """
    _check(size, seed, index)
    who = person(np.random.default_rng((seed, index, 0)))
    halves = act(expression, np.random.default_rng((seed, index, 1)))
    scene = _scene(np.random.default_rng((seed, index, 2)))

    canvas = Canvas.blank(size, scene.pose, scene.softness)
    _draw_backdrop(canvas, scene)
    jaw_drop = max(half.jaw_drop for half in halves)
    outline = draw_head(canvas, who, jaw_drop, scene.pose.yaw)
    draw_beard(canvas, who, outline)
    draw_features(canvas, who, halves, scene.gaze)
    draw_hair(canvas, who, outline)
    if who.glasses:
        draw_glasses(canvas, who)
    if scene.cover:
        draw_cover(canvas, scene.cover, who, outline)
    return _photograph(canvas, scene, who.skin, np.random.default_rng((seed, index, 3)))


def drawn_faces(count: int, seed: int = 0, size: int = 112) -> FaceSet:
    """`count` faces of `seed`, the eight expressions in turn, each drawn when it is loaded.

    Raises InputError as `draw_face` does.
    """
    _check(size, seed, index=0)
    labels = ORDERS["ferplus"]
    classes = np.arange(count) % len(labels)
    targets = np.eye(len(labels), dtype=np.float32)[classes]
    return FaceSet(
        "synthetic",
        labels,
        targets,
        lambda index: draw_face(labels[index % len(labels)], size, seed, index),
        drawn=True,
    )


def _check(size: int, seed: int, index: int) -> None:
    if size not in SIZES:
        msg = f"drawn face: expected a size of {SIZES[0]} to {SIZES[-1]} pixels, found {size}"
        raise InputError(msg)
    if seed < 0 or index < 0:
        msg = f"drawn face: expected a seed and an index from 0 up, found {seed} and {index}"
        raise InputError(msg)


def _scene(rng: np.random.Generator) -> _Scene:
    covered = rng.random() < _OCCLUDED
    cover = Cover(pick(rng, tuple(CoverKind)), between(rng, -1, 1), between(rng, -1, 1))
    grey, tint = between(rng, 0.05, 0.95), between(rng, -0.1, 0.1)
    return _Scene(
        pose=Pose(
            right=between(rng, -0.06, 0.06),
            down=between(rng, -0.05, 0.05),
            scale=between(rng, 0.9, 1.08),
            turn=between(rng, -0.16, 0.16),
            yaw=between(rng, -0.16, 0.16),
        ),
        gaze=(between(rng, -0.025, 0.025), between(rng, -0.008, 0.012)),
        backdrop=((grey + tint, grey, grey - tint), (0.6 * grey, 0.6 * grey, 0.6 * grey)),
        cover=cover if covered else None,
        gain=between(rng, 0.85, 1.12),
        light=(between(rng, -0.28, 0.28), between(rng, -0.12, 0.04)),
        softness=between(rng, 0.0, 0.05),
        grain=between(rng, 0.0, 0.035),
    )


def _draw_backdrop(canvas: Canvas, scene: _Scene) -> None:
    upper, lower = (np.array(colour, np.float32)[:, None, None] for colour in scene.backdrop)
    canvas.rgb[...] = upper + (lower - upper) * np.clip((canvas.y + 1) / 2, 0, 1)


def _photograph(canvas: Canvas, scene: _Scene, skin: Colour, rng: np.random.Generator) -> Pixels:
    """Light from one side, an exposure that suits the skin half-way, grain, and bytes."""
    bright = sum(skin) / 3
    gain = scene.gain * (0.6 * bright + 0.4 * 0.55) / bright
    sideways, down = scene.light
    light = gain * (1 + sideways * canvas.x + down * canvas.y)
    grain = (rng.random(light.shape, np.float32) - 0.5) * np.float32(2 * scene.grain)
    lit = np.clip(canvas.rgb * light + grain, 0, 1) * 255 + 0.5
    return np.ascontiguousarray(lit.transpose(1, 2, 0)).astype(np.uint8)
