"""The variation of a batch of faces, on the device they are on."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Generator, Tensor
from torch.nn import functional

from edgefer.training.chance import rectangles, uniform, unit
from edgefer.training.variation import (
    AreaErasing,
    Augmentation,
    Crop,
    Erasing,
    Light,
    Moves,
)
from edgefer.zoo.registry import GREY_DEVIATION, GREY_MEAN, PixelScale


@dataclass(frozen=True)
class Tone:
    """What a deviation and a mean of faces (those of FER+, grey) are in a network's input.

    Brightness and noise are measured by them, so that a preset is alike strong for each network.
    """

    deviation: float
    mean: float

    @classmethod
    def of(cls, scale: PixelScale) -> Tone:
        """For the input that `scale` makes, its channels together."""
        gain = sum(map(sum, scale.weights)) / len(scale.weights)
        offset = sum(scale.bias) / len(scale.bias)
        return cls(round(GREY_DEVIATION * 255 * gain, 6), round(GREY_MEAN * 255 * gain + offset, 6))


def augment(faces: Tensor, wanted: Augmentation, tone: Tone, random: Generator) -> Tensor:
    """float32 [n, channels, h, w], normalised, to the same shape.

    What has to see light or people comes before: `camera` and `covers` are not done here.
    """
    if wanted.moves is not None:
        faces = _move(faces, wanted.moves, random)
    if wanted.crop is not None:
        faces = _crop(faces, wanted.crop, random)
    if wanted.light is not None:
        faces = _light(faces, wanted.light, tone, random)
    return faces if wanted.erasing is None else _erase(faces, wanted.erasing, tone, random)


def _move(faces: Tensor, limits: Moves, random: Generator) -> Tensor:
    angle = math.radians(limits.rotation) * uniform(faces, random).flatten()
    scale = 1 + limits.scale * uniform(faces, random).flatten()
    shift = [2 * limits.shift * uniform(faces, random).flatten() for _ in range(2)]
    mirror = _mirror(faces, random)
    cos, sin = scale * torch.cos(angle), scale * torch.sin(angle)
    return _sample(faces, [cos * mirror, -sin, shift[0], sin * mirror, cos, shift[1]])


def _crop(faces: Tensor, limits: Crop, random: Generator) -> Tensor:
    width, height = (
        side.flatten() for side in rectangles(faces, limits.area, limits.ratio, random)
    )
    x, y = ((1 - side) * uniform(faces, random).flatten() for side in (width, height))
    none = torch.zeros_like(width)
    return _sample(faces, [width * _mirror(faces, random), none, x, none, height, y])


def _mirror(faces: Tensor, random: Generator) -> Tensor:
    return torch.where(uniform(faces, random).flatten() > 0, 1.0, -1.0)


def _sample(faces: Tensor, rows: list[Tensor]) -> Tensor:
    """The faces behind an affine map of each, whose six numbers are given row by row."""
    theta = torch.stack(rows, dim=1).reshape(len(faces), 2, 3)
    grid = functional.affine_grid(theta, list(faces.shape), align_corners=False)
    return functional.grid_sample(faces, grid, padding_mode="border", align_corners=False)


def _light(faces: Tensor, limits: Light, tone: Tone, random: Generator) -> Tensor:
    light = 1 + limits.contrast * uniform(faces, random)
    added = limits.brightness * uniform(faces, random) * tone.deviation
    return (faces - tone.mean) * light + tone.mean + added


def _erase(faces: Tensor, limits: Erasing | AreaErasing, tone: Tone, random: Generator) -> Tensor:
    """One rectangle of noise in some faces (random erasing, Zhong et al., AAAI 2020)."""
    height, width = faces.shape[2:]
    if isinstance(limits, Erasing):
        low, high = limits.side
        centre = [unit(faces, random) for _ in range(2)]
        side = [low + (high - low) * unit(faces, random) for _ in range(2)]
    else:
        side = list(rectangles(faces, limits.area, limits.ratio, random))[::-1]
        centre = [each / 2 + (1 - each) * unit(faces, random) for each in side]
    y = torch.arange(height, device=faces.device).reshape(1, 1, -1, 1) / height
    x = torch.arange(width, device=faces.device).reshape(1, 1, 1, -1) / width
    inside = ((y - centre[0]).abs() < side[0] / 2) & ((x - centre[1]).abs() < side[1] / 2)
    chosen = unit(faces, random) < limits.share
    noise = torch.randn(faces.shape, generator=random, device=faces.device)
    return torch.where(inside & chosen, noise * tone.deviation + tone.mean, faces)
