"""The contract of every exported graph: pixels in, probabilities out."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from edgefer.zoo.network import FaceNetwork
from edgefer.zoo.registry import Network, PixelScale


class PixelInput(nn.Module):
    """uint8 [n, h, w, 3] RGB to float32 [n, channels, h, w], as a fixed 1x1 convolution.

    A 1x1 convolution has no border, so scale and offset are exact everywhere; folded into a
    padded first layer they would not be.
    """

    weights: Tensor
    bias: Tensor

    def __init__(self, scale: PixelScale) -> None:
        super().__init__()
        weights = torch.tensor(scale.weights)[:, :, None, None]
        self.register_buffer("weights", weights, persistent=False)
        self.register_buffer("bias", torch.tensor(scale.bias), persistent=False)

    def forward(self, pixels: Tensor) -> Tensor:
        """The network's input."""
        planes = pixels.float().permute(0, 3, 1, 2)
        return functional.conv2d(planes, self.weights, self.bias)


class PixelsToAnswers(nn.Module):
    """A network with its pixel input in front and its fusion behind: what is exported."""

    def __init__(self, network: Network, module: FaceNetwork) -> None:
        super().__init__()
        self.pixel_input = PixelInput(network.scale)
        self.network = module

    def forward(self, pixels: Tensor) -> tuple[Tensor, ...]:
        """uint8 [n, size, size, 3] RGB to the network's outputs, probabilities first."""
        return self.network.answers(self.network(self.pixel_input(pixels)))


@torch.inference_mode()
def answers(
    network: Network, module: FaceNetwork, faces: NDArray[np.uint8]
) -> dict[str, NDArray[np.float32]]:
    """What torch itself answers to faces uint8 [n, size, size, 3]: each output by its name."""
    found = PixelsToAnswers(network, module).eval()(torch.from_numpy(faces))
    pairs = zip(module.outputs, found)
    return {name: np.asarray(value.numpy(), dtype=np.float32) for name, value in pairs}
