"""Torch networks of several outputs, of which one has the answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn


def outputs(found: Any) -> dict[str, Tensor]:
    """The tensors among what a network gave, by their keys or their places in a tuple."""
    pairs = found.items() if isinstance(found, Mapping) else enumerate(found)
    return {str(key): value for key, value in pairs if isinstance(value, Tensor)}


class OneOutput(nn.Module):
    """A network that gives one of its outputs and no other."""

    def __init__(self, network: nn.Module, name: str) -> None:
        super().__init__()
        self.network = network
        self.name = name

    def forward(self, faces: Tensor) -> Tensor:
        """That output, for float32 faces as the network takes them."""
        return outputs(self.network(faces))[self.name]
