"""A network that is hard to quantise: depthwise layers, hard-swish, and one loud channel."""

from __future__ import annotations

from typing import Any

import onnx
from torch import Tensor, nn

from edgefer.labels import ORDERS
from edgefer.zoo.network import FaceNetwork
from edgefer.zoo.registry import GREY_DEVIATION, GREY_MEAN, Network, PixelScale

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


def made_loud(graph: bytes, block: int = 1, channel: int = 0) -> bytes:
    """The same function: one channel of a linear layer times 100, its reader divided by 100."""
    model = onnx.load_model_from_string(graph)
    tensors = {tensor.name: tensor for tensor in model.graph.initializer}
    maker, reader = f"network.blocks.{block}.narrow.0", f"network.blocks.{block + 1}.widen.0"
    nodes = {node.name: node for node in model.graph.node}
    assert list(nodes[reader].input)[0] == nodes[maker].output[0]
    for name, axis in ((nodes[maker].input[1], 0), (nodes[maker].input[2], 0)):
        _scale(tensors[name], axis, channel, LOUDER)
    _scale(tensors[nodes[reader].input[1]], 1, channel, 1 / LOUDER)
    data: bytes = model.SerializeToString()
    return data


def _scale(tensor: onnx.TensorProto, axis: int, channel: int, factor: float) -> None:
    values = onnx.numpy_helper.to_array(tensor).copy()
    values[(slice(None),) * axis + (channel,)] *= factor
    tensor.CopyFrom(onnx.numpy_helper.from_array(values, tensor.name))
