"""Two networks whose latencies are published: what the estimator is fitted to and checked on.

They are built from their published architectures, in one precision throughout.
"""

from __future__ import annotations

from edgefer.benchmarks.workload import Layer, Workload, width
from edgefer.manifest import Precision

_ANCHORS, _BINS, _CLASSES = 80**2 + 40**2 + 20**2, 16, 80


class _Stack:
    """Layers so far; each method adds one and its activation, if any, is fused into it."""

    def __init__(self, precision: Precision) -> None:
        self._precision = precision
        self.layers: list[Layer] = []

    def conv(
        self, inputs: int, outputs: int, kernel: int, side: int, stride: int = 1, add: bool = False
    ) -> int:
        """A square convolution on a square picture; `add`: it adds one of its results' size."""
        made, each = side // stride, width(self._precision)
        written = outputs * made**2
        weights = inputs * outputs * kernel**2
        self.layers.append(
            Layer(
                name=f"conv{len(self.layers)}",
                precision=self._precision,
                operations=2 * weights * made**2,
                read=each * (inputs * side**2 + add * written),
                written=each * written,
                weights=each * weights,
                rows=made**2,
                columns=outputs,
            )
        )
        return made

    def move(self, name: str, read: int, written: int) -> None:
        """A layer without multiply-adds."""
        each = width(self._precision)
        self.layers.append(Layer(name, self._precision, 0, each * read, each * written))


def resnet50(precision: Precision = Precision.INT8) -> Workload:
    """ResNet-50 v1.5 at 224 pixels: the stride is in the 3x3 convolution."""
    stack = _Stack(precision)
    side = stack.conv(3, 64, 7, 224, 2)
    stack.move("max pool", 64 * side**2, 64 * (side // 2) ** 2)
    side, inputs = side // 2, 64
    for channels, blocks, first in ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2)):
        for block in range(blocks):
            stride = 1 if block else first
            if not block:
                stack.conv(inputs, 4 * channels, 1, side, stride)
            stack.conv(inputs, channels, 1, side)
            side = stack.conv(channels, channels, 3, side, stride)
            stack.conv(channels, 4 * channels, 1, side, add=True)
            inputs = 4 * channels
    stack.move("average pool", inputs * side**2, inputs)
    stack.conv(inputs, 1000, 1, 1)
    return Workload("ResNet-50", tuple(stack.layers))


def yolov8n(precision: Precision = Precision.INT8) -> Workload:
    """YOLOv8n at 640 pixels with its boxes decoded, without non-maximum suppression."""
    stack = _Stack(precision)
    _backbone(stack)
    _neck(stack)
    for channels, side in ((64, 80), (128, 40), (256, 20)):
        for made in (4 * _BINS, _CLASSES):
            stack.conv(channels, made, 3, side)
            stack.conv(made, made, 3, side)
            stack.conv(made, made, 1, side)
    sides = 4 * _ANCHORS
    stack.move("softmax of bins", _BINS * sides, _BINS * sides)
    stack.move("expected distances", _BINS * sides, sides)
    stack.move("boxes", sides, sides)
    stack.move("sigmoid of classes", _CLASSES * _ANCHORS, _CLASSES * _ANCHORS)
    return Workload("YOLOv8n", tuple(stack.layers))


def _backbone(stack: _Stack) -> None:
    side = stack.conv(3, 16, 3, 640, 2)
    for inputs, channels, repeats in ((16, 32, 1), (32, 64, 2), (64, 128, 2), (128, 256, 1)):
        side = stack.conv(inputs, channels, 3, side, 2)
        _c2f(stack, channels, channels, repeats, side, add=True)
    stack.conv(256, 128, 1, side)
    for number in range(3):
        stack.move(f"max pool {number}", 128 * side**2, 128 * side**2)
    stack.conv(512, 256, 1, side)


def _neck(stack: _Stack) -> None:
    stack.move("upsample", 256 * 20**2, 256 * 40**2)
    _c2f(stack, 384, 128, 1, 40)
    stack.move("upsample", 128 * 40**2, 128 * 80**2)
    _c2f(stack, 192, 64, 1, 80)
    stack.conv(64, 64, 3, 80, 2)
    _c2f(stack, 192, 128, 1, 40)
    stack.conv(128, 128, 3, 40, 2)
    _c2f(stack, 384, 256, 1, 20)


def _c2f(
    stack: _Stack, inputs: int, outputs: int, repeats: int, side: int, add: bool = False
) -> None:
    half = outputs // 2
    stack.conv(inputs, outputs, 1, side)
    for _ in range(repeats):
        stack.conv(half, half, 3, side)
        stack.conv(half, half, 3, side, add=add)
    stack.conv((2 + repeats) * half, outputs, 1, side)
