"""Mild variation of a batch of faces, on the device they are on."""

from __future__ import annotations

import math

import torch
from torch import Generator, Tensor
from torch.nn import functional

from edgefer.training.options import Augmentation


def augment(faces: Tensor, limits: Augmentation, random: Generator) -> Tensor:
    """float32 [n, channels, h, w], normalised, to the same shape."""
    faces = _move(faces, limits, random)
    light = 1 + limits.contrast * _uniform(faces, random)
    faces = faces * light + limits.brightness * _uniform(faces, random)
    return _erase(faces, limits, random)


def _move(faces: Tensor, limits: Augmentation, random: Generator) -> Tensor:
    count = len(faces)
    angle = math.radians(limits.rotation) * _uniform(faces, random).flatten()
    scale = 1 + limits.scale * _uniform(faces, random).flatten()
    shift = [2 * limits.shift * _uniform(faces, random).flatten() for _ in range(2)]
    mirror = torch.where(_uniform(faces, random).flatten() > 0, 1.0, -1.0)
    cos, sin = scale * torch.cos(angle), scale * torch.sin(angle)
    rows = [cos * mirror, -sin, shift[0], sin * mirror, cos, shift[1]]
    theta = torch.stack(rows, dim=1).reshape(count, 2, 3)
    grid = functional.affine_grid(theta, list(faces.shape), align_corners=False)
    return functional.grid_sample(faces, grid, padding_mode="border", align_corners=False)


def _erase(faces: Tensor, limits: Augmentation, random: Generator) -> Tensor:
    """One rectangle of noise in some faces (random erasing, Zhong et al., AAAI 2020)."""
    height, width = faces.shape[2:]
    low, high = limits.erased_side
    centre = [(_uniform(faces, random) + 1) / 2 for _ in range(2)]
    side = [low + (high - low) * (_uniform(faces, random) + 1) / 2 for _ in range(2)]
    y = torch.arange(height, device=faces.device).reshape(1, 1, -1, 1) / height
    x = torch.arange(width, device=faces.device).reshape(1, 1, 1, -1) / width
    inside = ((y - centre[0]).abs() < side[0] / 2) & ((x - centre[1]).abs() < side[1] / 2)
    chosen = (_uniform(faces, random) + 1) / 2 < limits.erased
    noise = torch.randn(faces.shape, generator=random, device=faces.device)
    return torch.where(inside & chosen, noise, faces)


def _uniform(faces: Tensor, random: Generator) -> Tensor:
    """One number in [-1, 1) for each face: [n, 1, 1, 1]."""
    shape = (len(faces), 1, 1, 1)
    return 2 * torch.rand(shape, generator=random, device=faces.device) - 1
