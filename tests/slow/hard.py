"""A network that is hard to quantise: depthwise layers, hard-swish, and one loud channel."""

from __future__ import annotations

from typing import Any

import onnx
from torch import Tensor, nn

from edgefer.labels import ORDERS
from edgefer.zoo.network import FaceNetwork
from edgefer.zoo.registry import GREY_DEVIATION, GREY_MEAN, Network, PixelScale
from tests.export.hard import with_a_great_channel

LOUDER = 100.0
_WIDTHS = (16, 24, 40, 64, 96)

HARD = Network(
    name="hard",
    summary="test",
    size=48,
    labels=ORDERS["ferplus"],
    scale=PixelScale.grey(GREY_MEAN, GREY_DEVIATION),
    module=__name__,
)


def _layer(inputs: int, outputs: int, side: int, stride: int = 1, groups: int = 1) -> nn.Sequential:
    conv = nn.Conv2d(inputs, outputs, side, stride, side // 2, groups=groups, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(outputs))


class _Block(nn.Module):
    """Widens, filters each channel, and narrows without an activation: MobileNetV2 and V3."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        wide = 3 * inputs
        self.widen = _layer(inputs, wide, 1)
        self.depthwise = _layer(wide, wide, 3, stride, groups=wide)
        self.narrow = _layer(wide, outputs, 1)

    def forward(self, x: Tensor) -> Any:
        inner = nn.functional.hardswish(self.widen(x))
        return self.narrow(nn.functional.hardswish(self.depthwise(inner)))


class _Hard(FaceNetwork):
    def __init__(self, classes: int) -> None:
        super().__init__()
        self.stem = _layer(1, _WIDTHS[0], 3, 2)
        pairs = zip(_WIDTHS, _WIDTHS[1:])
        strides = (1, 2, 1, 2)
        self.blocks = nn.Sequential(
            *(_Block(*pair, stride) for pair, stride in zip(pairs, strides))
        )
        self.head = _layer(_WIDTHS[-1], 192, 1)
        self.fc = nn.Linear(192, classes)

    def forward(self, x: Tensor) -> Tensor:
        out = self.blocks(nn.functional.hardswish(self.stem(x)))
        logits: Tensor = self.fc(nn.functional.hardswish(self.head(out)).mean(dim=(2, 3)))
        return logits


def build(network: Network) -> FaceNetwork:
    """As a zoo module does."""
    return _Hard(len(network.labels))


def made_loud(graph: bytes) -> bytes:
    """The same function: one channel of a linear layer times 100, its reader divided by 100."""
    model = onnx.load_model_from_string(graph)
    names = ("network.blocks.1.narrow.0", "network.blocks.2.widen.0")
    data: bytes = with_a_great_channel(model, *names, LOUDER).SerializeToString()
    return data
