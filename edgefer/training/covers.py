"""What hides a part of a face, drawn over the pixels of a real one."""

from __future__ import annotations

import numpy as np

from edgefer.data.drawn_head import head_outline
from edgefer.data.drawn_occlusion import Cover, CoverKind, draw_cover
from edgefer.data.drawn_people import between, person, pick
from edgefer.data.drawn_shapes import Canvas, Pose
from edgefer.data.faces import Pixels
from edgefer.training.variation import Covers

# Where the eyes and the mouth of a drawn head have to come to lie on those of a face that a
# detector cropped: it is larger in the frame than a drawn one.
_SCALE = (1.12, 1.3)
_DOWN = (-0.1, 0.02)
_RIGHT = (-0.04, 0.04)
_TURN = (-0.08, 0.08)
_SOFTNESS = (0.0, 0.05)


def cover(faces: Pixels, limits: Covers, seed: tuple[int, ...]) -> None:
    """Draw over a share of the faces, uint8 [n, size, size, 3]; face i by `seed` and i alone."""
    for index, face in enumerate(faces):
        rng = np.random.default_rng((*seed, index))
        if rng.random() < limits.share:
            face[...] = _covered(face, rng)


def _covered(face: Pixels, rng: np.random.Generator) -> Pixels:
    pose = Pose(
        right=between(rng, *_RIGHT),
        down=between(rng, *_DOWN),
        scale=between(rng, *_SCALE),
        turn=between(rng, *_TURN),
    )
    canvas = Canvas.blank(len(face), pose, between(rng, *_SOFTNESS))
    canvas.rgb[...] = face.transpose(2, 0, 1) / np.float32(255)
    who = person(rng)
    chosen = Cover(pick(rng, tuple(CoverKind)), between(rng, -1, 1), between(rng, -1, 1))
    draw_cover(canvas, chosen, who, head_outline(canvas, who, who.chin))
    covered = np.clip(canvas.rgb, 0, 1) * 255 + 0.5
    return np.asarray(covered.transpose(1, 2, 0), dtype=np.uint8)
