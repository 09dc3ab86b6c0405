"""Numbers from chance for a batch of faces, one for each: [n, 1, 1, 1], from a given generator."""

from __future__ import annotations

import math

import torch
from torch import Generator, Tensor

from edgefer.training.variation import Range

_TRIES = 10  # as torchvision has it


def uniform(faces: Tensor, random: Generator) -> Tensor:
    """In [-1, 1)."""
    shape = (len(faces), 1, 1, 1)
    return 2 * torch.rand(shape, generator=random, device=faces.device) - 1


def unit(faces: Tensor, random: Generator) -> Tensor:
    """In [0, 1)."""
    return (uniform(faces, random) + 1) / 2


def rectangles(
    faces: Tensor, area: Range, ratio: Range, random: Generator
) -> tuple[Tensor, Tensor]:
    """Widths and heights, as shares, of rectangles of that area and width over height.

    As torchvision draws them: again where one does not fit, and the whole where none does.
    """
    shape = (len(faces), _TRIES)
    areas, ratios = (torch.rand(shape, generator=random, device=faces.device) for _ in range(2))
    areas = area[0] + (area[1] - area[0]) * areas
    low, high = (math.log(limit) for limit in ratio)
    roots = torch.exp((low + (high - low) * ratios) / 2)
    width, height = areas.sqrt() * roots, areas.sqrt() / roots
    fits = (width <= 1) & (height <= 1)
    first = fits.to(torch.uint8).argmax(dim=1, keepdim=True)
    found = fits.gather(1, first)
    sides = (torch.where(found, side.gather(1, first), 1.0) for side in (width, height))
    width, height = (side[:, :, None, None] for side in sides)
    return width, height
