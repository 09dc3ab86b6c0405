"""fer-lite: a plain residual network, small enough for any edge device. Our own design.

Grey faces of 48x48; a 3x3 stem, then three residual blocks (He et al., CVPR 2016, figure 2) that
halve the size each: 48 -> 24 -> 12 -> 6 pixels. Plain ReLU and 3x3 convolutions only, channels in
multiples of 32, so that INT8 pays on TensorRT as on CPUs. Sizes are our choice.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from edgefer.zoo.network import FaceNetwork
from edgefer.zoo.registry import Network
from edgefer.zoo.resnet import BasicBlock

STEM = 32
WIDTHS = (64, 128, 192)
DROPOUT = 0.2


class FerLite(FaceNetwork):
    """Grey float32 [n, 1, 48, 48] to logits float32 [n, classes]."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, STEM, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(STEM)
        widths = (STEM, *WIDTHS)
        self.layers = nn.Sequential(
            *(BasicBlock(a, b, 2) for a, b in zip(widths, widths[1:], strict=False))
        )
        self.dropout = nn.Dropout(DROPOUT)
        self.fc = nn.Linear(widths[-1], classes)

    def forward(self, x: Tensor) -> Tensor:
        """Logits of each face."""
        out = torch.relu(self.bn1(self.conv1(x)))
        out = self.layers(out).mean(dim=(2, 3))
        logits: Tensor = self.fc(self.dropout(out))
        return logits


def build(network: Network) -> FaceNetwork:
    """The network with fresh random weights."""
    return FerLite(len(network.labels))
