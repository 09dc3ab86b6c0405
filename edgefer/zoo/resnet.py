"""Residual networks (He et al., CVPR 2016) with torchvision's names, so that its weights load."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

STEM = 64


class BasicBlock(nn.Module):
    """relu(refine(bn(conv(relu(bn(conv(x)))))) + shortcut(x))."""

    expansion: ClassVar[int] = 1

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.downsample = shortcut(inputs, outputs, stride)

    def forward(self, x: Tensor) -> Tensor:
        """[n, inputs, h, w] to [n, outputs, h / stride, w / stride]."""
        out = torch.relu(self.bn1(self.conv1(x)))
        out = self.refine(self.bn2(self.conv2(out)))
        return torch.relu(out + (x if self.downsample is None else self.downsample(x)))

    def refine(self, residual: Tensor) -> Tensor:
        """For blocks that attend to the residual before it is added."""
        return residual


class Bottleneck(nn.Module):
    """1x1, 3x3 (with the stride, as torchvision has it) and 1x1 convolutions."""

    expansion: ClassVar[int] = 4

    def __init__(self, inputs: int, planes: int, stride: int = 1) -> None:
        super().__init__()
        outputs = planes * self.expansion
        self.conv1 = nn.Conv2d(inputs, planes, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.conv3 = nn.Conv2d(planes, outputs, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outputs)
        self.downsample = shortcut(inputs, outputs, stride)

    def forward(self, x: Tensor) -> Tensor:
        """[n, inputs, h, w] to [n, 4 * planes, h / stride, w / stride]."""
        out = torch.relu(self.bn1(self.conv1(x)))
        out = torch.relu(self.bn2(self.conv2(out)))
        out = self.bn3(self.conv3(out))
        return torch.relu(out + (x if self.downsample is None else self.downsample(x)))


def shortcut(inputs: int, outputs: int, stride: int) -> nn.Sequential | None:
    """A 1x1 convolution where the shape changes; None where the input itself is added."""
    if stride == 1 and inputs == outputs:
        return None
    convolution = nn.Conv2d(inputs, outputs, 1, stride, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(outputs))


def stage(
    block: type[BasicBlock | Bottleneck], inputs: int, planes: int, count: int, stride: int
) -> nn.Sequential:
    """`count` blocks, the first of them with the stride."""
    width = planes * block.expansion
    rest = (block(width, planes) for _ in range(count - 1))
    return nn.Sequential(block(inputs, planes, stride), *rest)


class Stem(nn.Module):
    """The 7x7 convolution and the pooling that every ResNet begins with; a base class."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, STEM, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(STEM)

    def stem(self, faces: Tensor) -> Tensor:
        """[n, 3, h, w] to [n, 64, h / 4, w / 4]."""
        out = torch.relu(self.bn1(self.conv1(faces)))
        return functional.max_pool2d(out, 3, 2, 1)
