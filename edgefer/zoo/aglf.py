"""aglf: attention-guided local feature joint learning.

Lu, Xia, Tan and Song, Journal of Image and Graphics (2023); its abstract is what could be read.
From it: ResNet-50 up to its third stage, with face-recognition weights; ECA on the features; four
regions that do not overlap; mixed attention and a classifier for each; a joint loss; decisions
fused by summing the four probabilities. k = 5 follows from ECA's rule for 1024 channels, and the
nearest public code (SCAN-CCI-FER, of other authors) has it too.

Our choice, since the abstract leaves it open: the mixed attention is CBAM with weights of its own
for each region; the joint loss is the sum of the four cross entropies; the sum of probabilities is
divided by four, so that rows add up to 1; faces are scaled to [-1, 1], as that code does: retrain
if your face-recognition weights want another scale.

Without "eca" or "attention" that part is left out; without "regions" the map stays whole, with
one attention and one classifier.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn

from edgefer.zoo.attention import Cbam, Eca
from edgefer.zoo.network import FaceNetwork, cross_entropy, initialise
from edgefer.zoo.registry import Network
from edgefer.zoo.resnet import STEM, Bottleneck, Stem, stage

FEATURES = 1024
_ECA_WIDTH = 5
_HALVES = 2


class Aglf(Stem, FaceNetwork):
    """RGB float32 [n, 3, size, size] to the regions' logits, [n, classes] each."""

    heads: ClassVar[tuple[str, ...]] = ("classifiers.",)
    trunk: ClassVar[str | None] = ""

    def __init__(self, classes: int, without: frozenset[str]) -> None:
        super().__init__()
        self.layer1 = stage(Bottleneck, STEM, 64, 3, 1)
        self.layer2 = stage(Bottleneck, 256, 128, 4, 2)
        self.layer3 = stage(Bottleneck, 512, 256, 6, 2)
        self.eca = nn.Identity() if "eca" in without else Eca(_ECA_WIDTH)
        self.regional = "regions" not in without
        count = _HALVES**2 if self.regional else 1
        attends = "attention" not in without
        self.attention = nn.ModuleList(
            Cbam(FEATURES) if attends else nn.Identity() for _ in range(count)
        )
        self.classifiers = nn.ModuleList(nn.Linear(FEATURES, classes) for _ in range(count))
        initialise(self)

    def forward(self, faces: Tensor) -> list[Tensor]:
        """The logits of each region: upper left, upper right, lower left, lower right."""
        features = self.layer3(self.layer2(self.layer1(self.stem(faces))))
        features = self.eca(features)
        regions = [features]
        if self.regional:
            rows = features.chunk(_HALVES, dim=2)
            regions = [region for row in rows for region in row.chunk(_HALVES, dim=3)]
        heads = zip(regions, self.attention, self.classifiers)
        return [classify(attend(region).mean(dim=(2, 3))) for region, attend, classify in heads]

    def loss(self, heads: list[Tensor], targets: Tensor) -> Tensor:
        """The joint loss: the sum over the regions."""
        return torch.stack([cross_entropy(logits, targets) for logits in heads]).sum()

    def answers(self, heads: list[Tensor]) -> tuple[Tensor, ...]:
        """The mean of the regions' probabilities, which has the winner of their sum."""
        return (torch.stack([torch.softmax(logits, dim=1) for logits in heads]).mean(dim=0),)


def build(network: Network) -> FaceNetwork:
    """The network with fresh random weights."""
    return Aglf(len(network.labels), network.without)
