"""What a camera in a car does to faces: grey pictures, other light, soft and streaked outlines."""

from __future__ import annotations

import math

import torch
from torch import Generator, Tensor
from torch.nn import functional

from edgefer.training.chance import uniform, unit
from edgefer.training.variation import Camera, Range
from edgefer.zoo.registry import PixelScale

_LUMA = PixelScale.grey(mean=0, std=1 / 255).weights
_DEVIATIONS = 3  # of a Gaussian that its kernel reaches


def photograph(faces: Tensor, limits: Camera, random: Generator) -> Tensor:
    """RGB float32 [n, 3, h, w] in [0, 1] to the same."""
    luma = torch.einsum("lc,nchw->nlhw", torch.tensor(_LUMA, device=faces.device), faces)
    faces = torch.where(unit(faces, random) < limits.grey, luma, faces)
    low, high = (math.log(gamma) for gamma in limits.gamma)
    # the mean of the logarithms' range is a gamma of 1
    faces = faces ** torch.exp((low + high) / 2 + (high - low) / 2 * uniform(faces, random))
    return _blur(faces, limits, random).clamp(0, 1)


def _blur(faces: Tensor, limits: Camera, random: Generator) -> Tensor:
    """Along the rows and then along the columns; a streak is along the rows alone."""
    width = faces.shape[3]
    soft = _some(faces, limits.blurred, limits.softness, random) * width
    streak = _some(faces, limits.shaken, limits.streak, random) * width
    gaussian = _gaussian(soft, math.ceil(_DEVIATIONS * limits.softness[1] * width))
    box = _box(streak, math.ceil(limits.streak[1] * width / 2 + 0.5))
    faces = _along_rows(_along_rows(faces, gaussian), box)
    return _along_rows(faces.transpose(2, 3), gaussian).transpose(2, 3)


def _some(faces: Tensor, share: float, limits: Range, random: Generator) -> Tensor:
    """[n, 1]: a number within the limits for a share of the faces, 0 for the others."""
    chosen = unit(faces, random) < share
    value = limits[0] + (limits[1] - limits[0]) * unit(faces, random)
    return torch.where(chosen, value, 0.0).reshape(-1, 1)


def _gaussian(deviation: Tensor, reach: int) -> Tensor:
    """[n, 2 reach + 1]; a deviation of 0 leaves the pixels as they are."""
    place = torch.arange(-reach, reach + 1, device=deviation.device)
    kernel = torch.exp(-0.5 * (place / deviation.clamp(min=1e-3)) ** 2)
    return kernel / kernel.sum(dim=1, keepdim=True)


def _box(length: Tensor, reach: int) -> Tensor:
    """[n, 2 reach + 1]: what of each pixel lies within the length; below 1 only the middle one."""
    place = torch.arange(-reach, reach + 1, device=length.device)
    kernel = (length.clamp(min=1) / 2 + 0.5 - place.abs()).clamp(0, 1)
    return kernel / kernel.sum(dim=1, keepdim=True)


def _along_rows(faces: Tensor, kernels: Tensor) -> Tensor:
    """[n, channels, h, w], each face by its own kernel [n, k]; edges go on outwards."""
    reach = kernels.shape[1] // 2
    padded = functional.pad(faces, (reach, reach, 0, 0), mode="replicate")
    groups = faces.shape[0] * faces.shape[1]
    weights = kernels.repeat_interleave(faces.shape[1], dim=0)[:, None, None]
    planes = padded.reshape(1, groups, *padded.shape[2:])
    return functional.conv2d(planes, weights, groups=groups).reshape(faces.shape)
