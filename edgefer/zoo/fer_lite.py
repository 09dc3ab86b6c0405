"""fer-lite: a plain residual network, small enough for any edge device. Our own design.

Grey faces of 48x48; a 3x3 stem, then three residual blocks (He et al., CVPR 2016, figure 2) that
halve the size each: 48 -> 24 -> 12 -> 6 pixels. Plain ReLU and 3x3 convolutions only, channels in
multiples of 32, so that INT8 pays on TensorRT as on CPUs. Sizes are our choice.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

STEM = 32
WIDTHS = (64, 128, 192)
DROPOUT = 0.2


class ResidualBlock(nn.Module):
    """relu(bn(conv(relu(bn(conv(x))))) + shortcut(x)); key names are torchvision's BasicBlock's."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.downsample = nn.Sequential(
            nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
        )

    def forward(self, x: Tensor) -> Tensor:
        """[n, inputs, h, w] to [n, outputs, h / stride, w / stride]."""
        out = torch.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        return torch.relu(out + self.downsample(x))


class FerLite(nn.Module):
    """Grey float32 [n, 1, 48, 48] to logits float32 [n, classes]."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, STEM, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(STEM)
        widths = (STEM, *WIDTHS)
        self.layers = nn.Sequential(
            *(ResidualBlock(a, b, 2) for a, b in zip(widths, widths[1:], strict=False))
        )
        self.dropout = nn.Dropout(DROPOUT)
        self.fc = nn.Linear(widths[-1], classes)

    def forward(self, x: Tensor) -> Tensor:
        """Logits of each face."""
        out = torch.relu(self.bn1(self.conv1(x)))
        out = self.layers(out).mean(dim=(2, 3))
        logits: Tensor = self.fc(self.dropout(out))
        return logits


def build(classes: int) -> nn.Module:
    """The network for `classes` expressions, with fresh random weights."""
    return FerLite(classes)
