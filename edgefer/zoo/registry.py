"""The networks by name. Light: torch is imported only when one is built."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgefer.errors import InputError
from edgefer.imports import require
from edgefer.labels import ORDERS, Expression

if TYPE_CHECKING:
    from torch import nn

DEFAULT_NETWORK = "fer-lite"

# ITU-R BT.601 luma, what OpenCV's COLOR_RGB2GRAY uses.
_LUMA = (0.299, 0.587, 0.114)


@dataclass(frozen=True)
class PixelScale:
    """How RGB becomes the network's input: `weights` [channels, 3] times pixel, plus `bias`."""

    weights: tuple[tuple[float, float, float], ...]
    bias: tuple[float, ...]

    @classmethod
    def grey(cls, mean: float, std: float) -> PixelScale:
        """One channel of luma in [0, 1], less `mean`, over `std`."""
        red, green, blue = (part / 255 / std for part in _LUMA)
        return cls(((red, green, blue),), (-mean / std,))


@dataclass(frozen=True)
class Network:
    """One network: faces of `size` x `size` pixels in, logits over `labels` out."""

    name: str
    summary: str
    size: int
    labels: tuple[Expression, ...]
    scale: PixelScale
    module: str

    def build(self) -> nn.Module:
        """A new torch module: float32 [n, channels, size, size] to logits [n, labels]."""
        require("torch", "torch")
        made: nn.Module = require(self.module, "torch").build(len(self.labels))
        return made


NETWORKS: dict[str, Network] = {
    network.name: network
    for network in (
        Network(
            name="fer-lite",
            summary="small plain residual network for the edge (ours)",
            size=48,
            labels=ORDERS["ferplus"],
            # mean and deviation of FER+ train, grey
            scale=PixelScale.grey(mean=0.507, std=0.254),
            module="edgefer.zoo.fer_lite",
        ),
    )
}


def find_network(name: str) -> Network:
    """The network called `name`; InputError names those there are."""
    if name not in NETWORKS:
        msg = f"network '{name}': expected one of {', '.join(NETWORKS)}"
        raise InputError(msg)
    return NETWORKS[name]
