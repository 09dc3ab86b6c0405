"""What every network gives beside `forward`: its own loss, its own fusion, and what it answers."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from edgefer.labels import Expression

PROBABILITIES = "probabilities"


class FaceNetwork(nn.Module):
    """Faces float32 [n, channels, size, size] to whatever its heads say.

    As it stands here, for a network with one head: `forward` gives logits [n, labels]. Another
    one overrides `loss` and `answers`, which take what its `forward` gives.
    """

    # What `answers` gives, by the names that it has in an exported graph.
    outputs: tuple[str, ...] = (PROBABILITIES,)
    # Beginnings of the names of those tensors whose shape depends on the labels.
    heads: ClassVar[tuple[str, ...]] = ("fc.",)
    # The orders of labels that its authors' checkpoints have, one for a number of classes.
    published: ClassVar[tuple[tuple[Expression, ...], ...]] = ()
    # What the names of a torchvision ResNet's tensors begin with here; None: none fits.
    trunk: ClassVar[str | None] = None

    def loss(self, heads: Any, targets: Tensor) -> Tensor:
        """What training makes small; `targets` [n, labels] are shares that add up to 1."""
        return cross_entropy(heads, targets)

    def answers(self, heads: Any) -> tuple[Tensor, ...]:
        """The tensors called `outputs`, probabilities first: [n, labels], rows add up to 1."""
        return (torch.softmax(heads, dim=1),)


def cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """The mean over the faces, in float32 whatever the logits are in."""
    return functional.cross_entropy(logits.float(), targets)


def initialise(module: nn.Module) -> None:
    """Fresh convolutions before a BatchNorm as He et al. (ICCV 2015) and torchvision have them.

    Those with a bias have no BatchNorm to scale what they make, and keep torch's smaller start.
    """
    for part in module.modules():
        if isinstance(part, nn.Conv2d) and part.bias is None:
            nn.init.kaiming_normal_(part.weight, mode="fan_out", nonlinearity="relu")
