"""Mild variation of a batch of faces, on the device they are on."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Generator, Tensor
from torch.nn import functional


@dataclass(frozen=True)
class Augmentation:
    """Limits of the variation. Our choice, for faces that are cropped but not aligned."""

    rotation: float = 15.0  # degrees
    scale: float = 0.15
    shift: float = 0.08  # of the width
    contrast: float = 0.3
    brightness: float = 0.3  # in deviations of the input
    erased: float = 0.5  # share of the faces
    erased_side: tuple[float, float] = (0.15, 0.4)  # of the width

    def __call__(self, faces: Tensor, random: Generator) -> Tensor:
        """float32 [n, channels, h, w], normalised, to the same shape."""
        faces = self._move(faces, random)
        light = 1 + self.contrast * _uniform(faces, random)
        faces = faces * light + self.brightness * _uniform(faces, random)
        return self._erase(faces, random)

    def _move(self, faces: Tensor, random: Generator) -> Tensor:
        count = len(faces)
        angle = math.radians(self.rotation) * _uniform(faces, random).flatten()
        scale = 1 + self.scale * _uniform(faces, random).flatten()
        shift = [2 * self.shift * _uniform(faces, random).flatten() for _ in range(2)]
        mirror = torch.where(_uniform(faces, random).flatten() > 0, 1.0, -1.0)
        cos, sin = scale * torch.cos(angle), scale * torch.sin(angle)
        rows = [cos * mirror, -sin, shift[0], sin * mirror, cos, shift[1]]
        theta = torch.stack(rows, dim=1).reshape(count, 2, 3)
        grid = functional.affine_grid(theta, list(faces.shape), align_corners=False)
        return functional.grid_sample(faces, grid, padding_mode="border", align_corners=False)

    def _erase(self, faces: Tensor, random: Generator) -> Tensor:
        """One rectangle of noise in some faces (random erasing, Zhong et al., AAAI 2020)."""
        height, width = faces.shape[2:]
        low, high = self.erased_side
        centre = [(_uniform(faces, random) + 1) / 2 for _ in range(2)]
        side = [low + (high - low) * (_uniform(faces, random) + 1) / 2 for _ in range(2)]
        y = torch.arange(height, device=faces.device).reshape(1, 1, -1, 1) / height
        x = torch.arange(width, device=faces.device).reshape(1, 1, 1, -1) / width
        inside = ((y - centre[0]).abs() < side[0] / 2) & ((x - centre[1]).abs() < side[1] / 2)
        chosen = (_uniform(faces, random) + 1) / 2 < self.erased
        noise = torch.randn(faces.shape, generator=random, device=faces.device)
        return torch.where(inside & chosen, noise, faces)


def _uniform(faces: Tensor, random: Generator) -> Tensor:
    """One number in [-1, 1) for each face: [n, 1, 1, 1]."""
    shape = (len(faces), 1, 1, 1)
    return 2 * torch.rand(shape, generator=random, device=faces.device) - 1
