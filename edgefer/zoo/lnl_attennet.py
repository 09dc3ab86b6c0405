"""lnl-attennet: local non-local joint network. A reimplementation from the abstract.

Shi, Mao, Gou, Yan, Jiao and Xiong, arXiv 2203.14045; Machine Intelligence Research 21(2), 2024.
From the abstract: U-Net features; an ensemble of local networks, one for each region of the face;
a non-local network that gives each region a weight; the weights are fed back into the local part;
no landmarks. From a summary of the paper: each local network attends within its region, and four
weights (0.0887 to 0.1298, all called higher), from which a 4 by 4 grid of regions is inferred.

Our choice: every size, the loss and its weights, that the regions' features are scaled by 16 times
their weight (which is 1 for equal weights), and that the weights learn from the joint decision
only, or they would all go to the region that is easiest. No accuracy of the paper is claimed.

Without "attention" the places of a region are alike; without "non-local" the regions are, and
there are no `region_weights`.
"""

from __future__ import annotations

from typing import ClassVar, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from edgefer.zoo.attention import NonLocal, in_cells
from edgefer.zoo.network import PROBABILITIES, FaceNetwork, cross_entropy, initialise
from edgefer.zoo.registry import Network
from edgefer.zoo.unet import UNet

GRID = 4
REGIONS = GRID**2
_BASE = 32
_WIDTH = 128
_HIDDEN = 256
_DROPOUT = 0.5
_ALIKE = 1e-3
_LOCAL_SHARE, _GLOBAL_SHARE = 0.5, 0.5


class Heads(NamedTuple):
    """Logits of the joint decision, of each region and of the whole, and the regions' weights.

    `joint` and `whole` [n, classes], `regions` [n, 16, classes], `weights` [n, 16].
    """

    joint: Tensor
    regions: Tensor
    whole: Tensor
    weights: Tensor


class LocalNetworks(nn.Module):
    """Sixteen networks with weights of their own, as grouped convolutions: one kernel runs all."""

    def __init__(self, inputs: int, attends: bool) -> None:
        super().__init__()
        middle = _WIDTH // 2
        self.layers = nn.Sequential(
            _grouped(inputs, middle, 3, 2),
            nn.BatchNorm2d(REGIONS * middle),
            nn.ReLU(),
            _grouped(middle, _WIDTH, 3, 2),
            nn.BatchNorm2d(REGIONS * _WIDTH),
            nn.ReLU(),
        )
        self.attention = _grouped(_WIDTH, 1, 1, 1) if attends else None

    def forward(self, features: Tensor) -> Tensor:
        """[n, inputs, h, w] to [n, 16, 128]: the regions row by row."""
        cells = in_cells(features, GRID).permute(0, 2, 4, 1, 3, 5)
        out = self.layers(cells.flatten(1, 3))
        regions = out.unflatten(1, (REGIONS, _WIDTH))
        if self.attention is not None:
            regions = regions * torch.sigmoid(self.attention(out))[:, :, None]
        means: Tensor = regions.mean(dim=(3, 4))
        return means


def _grouped(inputs: int, outputs: int, size: int, stride: int) -> nn.Conv2d:
    """A convolution of each region's own `inputs` channels to `outputs`."""
    whole = REGIONS * inputs, REGIONS * outputs
    return nn.Conv2d(*whole, size, stride, size // 2, groups=REGIONS, bias=size == 1)


class LnlAttenNet(FaceNetwork):
    """RGB float32 [n, 3, size, size] to `Heads`."""

    heads: ClassVar[tuple[str, ...]] = ("joint.", "local_head", "whole.")

    def __init__(self, classes: int, without: frozenset[str]) -> None:
        super().__init__()
        self.unet = UNet(3, _BASE)
        self.local = LocalNetworks(_BASE, "attention" not in without)
        self.squeeze = nn.Conv2d(8 * _BASE, _WIDTH, 1)
        self.non_local = None if "non-local" in without else NonLocal(_WIDTH)
        if self.non_local is not None:
            self.weigh = nn.Linear(REGIONS * _WIDTH, REGIONS)
            # all regions are nearly alike at first
            nn.init.normal_(self.weigh.weight, std=_ALIKE)
            nn.init.zeros_(self.weigh.bias)
            self.outputs = (PROBABILITIES, "region_weights")
        self.local_heads = nn.Parameter(torch.empty(REGIONS, _WIDTH, classes))
        nn.init.normal_(self.local_heads, std=_WIDTH**-0.5)
        self.fuse = nn.Linear(REGIONS * _WIDTH + _WIDTH, _HIDDEN)
        self.dropout = nn.Dropout(_DROPOUT)
        self.joint = nn.Linear(_HIDDEN, classes)
        self.whole = nn.Linear(_WIDTH, classes)
        initialise(self)

    def forward(self, faces: Tensor) -> Heads:
        """What every head says of each face."""
        features, deepest = self.unet(faces)
        local = self.local(features)
        weights, seen = self._weights(self.squeeze(deepest))
        scaled = local * (REGIONS * weights[:, :, None])
        fused = torch.cat((scaled.flatten(1), seen), dim=1)
        joint = self.joint(self.dropout(torch.relu(self.fuse(fused))))
        regions = torch.einsum("nrw,rwc->nrc", local, self.local_heads)
        return Heads(joint, regions, self.whole(seen), weights)

    def _weights(self, deepest: Tensor) -> tuple[Tensor, Tensor]:
        """The regions' weights [n, 16], and the features of the whole face [n, 128].

        Where all regions are alike their weights are one row for all faces.
        """
        cells = in_cells(deepest, GRID).mean(dim=(3, 5))
        if self.non_local is None:
            return cells.new_full((1, REGIONS), 1 / REGIONS), cells.mean(dim=(2, 3))
        related = self.non_local(cells)
        weights = torch.softmax(self.weigh(related.flatten(1)).float(), dim=1)
        return weights, related.mean(dim=(2, 3))

    def loss(self, heads: Heads, targets: Tensor) -> Tensor:
        """The joint decision's, and half of the regions' (weighed) and of the whole's."""
        logs = functional.log_softmax(heads.regions.float(), dim=2)
        each = -(logs * targets[:, None]).sum(dim=2)
        local = (heads.weights.detach() * each).sum(dim=1).mean()
        joint, whole = (cross_entropy(logits, targets) for logits in (heads.joint, heads.whole))
        return joint + _LOCAL_SHARE * local + _GLOBAL_SHARE * whole

    def answers(self, heads: Heads) -> tuple[Tensor, ...]:
        """The joint decision's probabilities, and the regions' weights where there are any."""
        probabilities = torch.softmax(heads.joint, dim=1)
        return (probabilities, heads.weights)[: len(self.outputs)]


def build(network: Network) -> FaceNetwork:
    """The network with fresh random weights."""
    return LnlAttenNet(len(network.labels), network.without)
