"""fer-vt: grid-wise attention and a visual transformer (FER-VT).

Huang, Huang, Wang and Jiang, Information Sciences 580, 2021, doi 10.1016/j.ins.2021.08.043.
From the abstract: grid-wise attention on low-level features relates the regions of the face; a
transformer attends to a sequence of tokens from the pyramid of high-level features. From an
unofficial implementation (ZBigFish/FER-VT, said by its author to be 10 to 15 % below the paper):
ResNet-34, a 4 by 4 grid, one token for each of its last three stages and one for the class,
tokens of 192, 8 heads, feed-forward of 768, pre-norm.

Our choice: how the grid's gates are computed (attention.py), a residual fusion behind them, tokens
by a 1x1 convolution and pooling instead of kernels of 21x21, 4 transformer layers where the
unofficial code has 12. No accuracy of the paper is claimed.

Without "grid" the face goes straight into the ResNet; without "transformer" the mean of the tokens
is classified; without "pyramid" the last stage alone gives a token.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from edgefer.zoo.attention import GridAttention
from edgefer.zoo.network import FaceNetwork, initialise
from edgefer.zoo.registry import Network
from edgefer.zoo.resnet import STEM, BasicBlock, Stem, stage

GRID = 4
_DEPTH, _HEADS, _TOKEN, _FORWARD = 4, 8, 192, 768
_DROPOUT, _TOKEN_DROPOUT = 0.1, 0.2
_FUSION = 0.01
_PLANES = 4  # of a token's map before it is flattened
_STAGES = ((128, 4), (256, 2), (512, 1))  # channels, and how much larger than the last
_SMALLEST = 32  # the face's side over the last map's


class GridRefinement(nn.Module):
    """Gates the cells of the face, and smooths what the gates did to their borders."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = GridAttention(GRID)
        last = nn.Conv2d(16, 3, 3, padding=1)
        # a ResNet that was trained sees faces at first, not noise
        nn.init.normal_(last.weight, std=_FUSION)
        self.fusion = nn.Sequential(
            nn.Conv2d(3, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.ReLU(), last
        )

    def forward(self, faces: Tensor) -> Tensor:
        """[n, 3, size, size] to the same shape."""
        gated = self.attention(faces)
        refined: Tensor = gated + self.fusion(gated)
        return refined


class ResNet34(Stem):
    """The three deepest maps of a ResNet-34, from the largest."""

    def __init__(self) -> None:
        super().__init__()
        self.layer1 = stage(BasicBlock, STEM, 64, 3, 1)
        self.layer2 = stage(BasicBlock, 64, 128, 4, 2)
        self.layer3 = stage(BasicBlock, 128, 256, 6, 2)
        self.layer4 = stage(BasicBlock, 256, 512, 3, 2)

    def forward(self, faces: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """[n, 128, s / 8, s / 8], [n, 256, s / 16, s / 16] and [n, 512, s / 32, s / 32]."""
        second = self.layer2(self.layer1(self.stem(faces)))
        third = self.layer3(second)
        return second, third, self.layer4(third)


class Tokenizer(nn.Module):
    """One map to one token."""

    def __init__(self, channels: int, pooled: int, side: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(channels, _PLANES, 1)
        self.pooled = pooled
        self.norm = nn.LayerNorm(_PLANES * side * side)
        self.dropout = nn.Dropout(_TOKEN_DROPOUT)
        self.project = nn.Linear(_PLANES * side * side, _TOKEN)

    def forward(self, features: Tensor) -> Tensor:
        """[n, channels, h, w] to [n, 192]."""
        small = functional.avg_pool2d(self.squeeze(features), self.pooled).flatten(1)
        token: Tensor = self.project(self.dropout(torch.relu(self.norm(small))))
        return token


class Layer(nn.Module):
    """A pre-norm transformer layer (Vaswani et al., 2017; Xiong et al., ICML 2020)."""

    def __init__(self) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(_TOKEN), nn.LayerNorm(_TOKEN)
        self.mixed = nn.Linear(_TOKEN, 3 * _TOKEN)
        self.out = nn.Linear(_TOKEN, _TOKEN)
        self.forward1 = nn.Linear(_TOKEN, _FORWARD)
        self.forward2 = nn.Linear(_FORWARD, _TOKEN)
        self.dropout = nn.Dropout(_DROPOUT)

    def forward(self, tokens: Tensor) -> Tensor:
        """[n, tokens, 192] to the same shape."""
        tokens = tokens + self.dropout(self._attend(self.norm1(tokens)))
        wide = self.dropout(functional.gelu(self.forward1(self.norm2(tokens))))
        made: Tensor = tokens + self.dropout(self.forward2(wide))
        return made

    def _attend(self, tokens: Tensor) -> Tensor:
        split = self.mixed(tokens).unflatten(2, (3, _HEADS, _TOKEN // _HEADS))
        query, key, value = split.permute(2, 0, 3, 1, 4).unbind(0)
        # scaled before the sums, which FP16 has to hold
        related = query * (_TOKEN // _HEADS) ** -0.5 @ key.transpose(2, 3)
        seen = torch.softmax(related, dim=3) @ value
        mixed: Tensor = self.out(seen.transpose(1, 2).flatten(2))
        return mixed


class FerVt(FaceNetwork):
    """RGB float32 [n, 3, size, size] to logits [n, classes]."""

    heads: ClassVar[tuple[str, ...]] = ("fc.",)
    trunk: ClassVar[str | None] = "backbone."

    def __init__(self, classes: int, size: int, without: frozenset[str]) -> None:
        super().__init__()
        self.grid = nn.Identity() if "grid" in without else GridRefinement()
        self.backbone = ResNet34()
        stages = _STAGES[-1:] if "pyramid" in without else _STAGES
        side = size // _SMALLEST
        self.tokenizers = nn.ModuleList(Tokenizer(*each, side) for each in stages)
        self.attends = "transformer" not in without
        if self.attends:
            self.token = nn.Parameter(torch.randn(1, 1, _TOKEN) * 0.02)
            self.places = nn.Parameter(torch.randn(1, len(stages) + 1, _TOKEN) * 0.02)
            self.layers = nn.Sequential(*(Layer() for _ in range(_DEPTH)))
        self.norm = nn.LayerNorm(_TOKEN)
        self.fc = nn.Linear(_TOKEN, classes)
        initialise(self)

    def forward(self, faces: Tensor) -> Tensor:
        """Logits of each face."""
        maps = self.backbone(self.grid(faces))[-len(self.tokenizers) :]
        pairs = zip(self.tokenizers, maps)
        tokens = torch.stack([tokenize(features) for tokenize, features in pairs], dim=1)
        logits: Tensor = self.fc(self.norm(self._read(tokens)))
        return logits

    def _read(self, tokens: Tensor) -> Tensor:
        """[n, tokens, 192] to [n, 192]."""
        if not self.attends:
            return tokens.mean(dim=1)
        first = self.token.expand(tokens.shape[0], -1, -1)
        read: Tensor = self.layers(torch.cat((first, tokens), dim=1) + self.places)
        return read[:, 0]


def build(network: Network) -> FaceNetwork:
    """The network with fresh random weights."""
    return FerVt(len(network.labels), network.size, network.without)
