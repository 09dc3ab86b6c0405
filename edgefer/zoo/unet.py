"""U-Net (Ronneberger et al., MICCAI 2015): what a place looks like, and what it is part of."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class UNet(nn.Module):
    """Three halvings and back. Our choice: BatchNorm, padded convolutions, `base` channels first.

    The way up is a 1x1 convolution and a pixel shuffle: the same function as U-Net's 2x2
    transposed convolution, made of what INT8 kernels exist for.
    """

    def __init__(self, inputs: int, base: int) -> None:
        super().__init__()
        widths = [base, 2 * base, 4 * base, 8 * base]
        self.down = nn.ModuleList(
            double(a, b) for a, b in zip([inputs, *widths], widths, strict=False)
        )
        pairs = list(zip(widths[1:], widths, strict=False))[::-1]
        self.up = nn.ModuleList(
            nn.Sequential(nn.Conv2d(low, 4 * high, 1), nn.PixelShuffle(2)) for low, high in pairs
        )
        self.join = nn.ModuleList(double(2 * high, high) for _, high in pairs)
        self.pool = nn.MaxPool2d(2)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """[n, inputs, h, w] to [n, base, h, w], and the deepest [n, 8 * base, h / 8, w / 8]."""
        kept: list[Tensor] = []
        for level, part in enumerate(self.down):
            x = part(x if level == 0 else self.pool(x))
            kept.append(x)
        deepest = kept.pop()
        for up, join in zip(self.up, self.join):
            x = join(torch.cat((kept.pop(), up(x)), dim=1))
        return x, deepest


def double(inputs: int, outputs: int) -> nn.Sequential:
    """Two 3x3 convolutions, each with BatchNorm and ReLU."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
        nn.Conv2d(outputs, outputs, 3, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
    )
