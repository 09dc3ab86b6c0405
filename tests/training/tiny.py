"""A network that trains in milliseconds, with everything that a resumed run has to repeat."""

from __future__ import annotations

import numpy as np
from torch import nn

from edgefer.data.faces import FaceSet
from edgefer.labels import ORDERS
from edgefer.zoo.network import FaceNetwork
from edgefer.zoo.registry import Network, PixelScale

LABELS = ORDERS["ferplus"]
TINY = Network("tiny", "for tests", 16, LABELS, PixelScale.grey(0.5, 0.25), "tests.training.tiny")


class Tiny(nn.Sequential, FaceNetwork):
    """Convolutions with BatchNorm, then dropout."""

    heads = ("8.",)
    published = (LABELS,)


def build(network: Network) -> FaceNetwork:
    """The layers by number."""
    return Tiny(
        nn.Conv2d(1, 16, 3, 2, 1, bias=False),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        nn.Conv2d(16, 32, 3, 2, 1, bias=False),
        nn.BatchNorm2d(32),
        nn.ReLU(),
        nn.Flatten(),
        nn.Dropout(0.2),
        nn.Linear(512, len(network.labels)),
    )


def noise_faces(count: int, seed: int = 0) -> FaceSet:
    """Smooth noise, the eight expressions in turn: nothing to understand, all to be learnt."""
    coarse = np.random.default_rng(seed).integers(0, 256, (count, 4, 4, 3), np.uint8)
    pixels = coarse.repeat(6, axis=1).repeat(6, axis=2)
    targets = np.eye(len(LABELS), dtype=np.float32)[np.arange(count) % len(LABELS)]
    return FaceSet(f"noise{seed}", LABELS, targets, lambda index: pixels[index], drawn=True)
