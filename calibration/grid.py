"""From ranges to integers: one step for each activation and each channel of a weight.

Every graph that is made from a table has these steps: `gpu.onnx`, `cpu.onnx`, and the network with
fake quantisers that training for INT8 runs. A step is a number that FP16 has, since the GPU stores
it as such.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from edgefer.calibration.table import Range
from edgefer.calibration.view import GraphView
from edgefer.manifest import Flavour

if TYPE_CHECKING:
    from onnx import NodeProto

Floats = NDArray[np.float32]

# the integers of signed INT8 go from -MOST to MOST, of unsigned INT8 from 0 to _MOST_UNSIGNED
MOST = 127
_MOST_UNSIGNED = 255
# the least step that FP16 holds with some precision left
_LEAST_STEP = 2.0**-20
_GREATEST_STEP = float(np.finfo(np.float16).max)
_GREATEST_BIAS = 2.0**30


@dataclass(frozen=True)
class Grid:
    """The integers of one activation: value = scale * (integer - zero)."""

    scale: Floats
    zero: NDArray[np.generic]

    @property
    def limit(self) -> float:
        """The greatest value on it."""
        unsigned = self.zero.dtype == np.uint8 and not self.zero
        return float(self.scale) * (_MOST_UNSIGNED if unsigned else MOST)


def activation_grid(limits: Range, flavour: Flavour) -> Grid:
    """GPU: signed around 0. CPU: unsigned, from 0 where nothing is negative, else around 128."""
    step = _usable(np.asarray(limits.limit / MOST))
    if flavour is Flavour.GPU:
        return Grid(step, np.zeros((), np.int8))
    if limits.low < 0:
        return Grid(step, np.full((), 128, np.uint8))
    finer = np.asarray(step.astype(np.float64) * MOST / _MOST_UNSIGNED, dtype=np.float32)
    return Grid(finer, np.zeros((), np.uint8))


def weight_scales(
    view: GraphView, layers: Iterable[NodeProto], ranges: Mapping[str, Range]
) -> dict[str, Floats]:
    """The step of each channel of the weights of `layers`, by the weight's name.

    The greatest weight of a channel is its last integer, but where the bias would not fit into
    INT32: there the step is as large as it takes.
    """
    exact: dict[str, NDArray[np.float64]] = {}
    for node in layers:
        weight = str(node.input[1])
        if weight not in exact:
            exact[weight] = largest(view.values(weight), channel_axis(node)) / MOST
        bias = layer_bias(view, node)
        if bias is not None:
            grid = activation_grid(ranges[str(node.input[0])], Flavour.CPU)
            least = np.abs(bias) / (float(grid.scale) * _GREATEST_BIAS)
            exact[weight] = np.maximum(exact[weight], least)
    return {weight: _usable(steps) for weight, steps in exact.items()}


def round_weights(values: Floats, scales: Floats, axis: int) -> NDArray[np.int8]:
    """The nearest integers on the grid of each channel along `axis`."""
    integers = np.rint(values / along(scales, axis, values.ndim))
    return np.asarray(np.clip(integers, -MOST, MOST), dtype=np.int8)


def along(scales: Floats, axis: int, dimensions: int) -> Floats:
    """`scales` shaped so that they multiply a tensor of so many dimensions along `axis`."""
    return scales.reshape([-1 if i == axis else 1 for i in range(dimensions)])


def largest(values: Floats, axis: int) -> NDArray[np.float64]:
    """The greatest absolute value of each channel along `axis`."""
    others = tuple(i for i in range(values.ndim) if i != axis)
    return np.asarray(np.abs(values).max(axis=others), dtype=np.float64)


def channel_axis(node: NodeProto) -> int:
    """The axis of a layer's weight that its output channels lie along."""
    flipped = any(a.name == "transB" and a.i for a in node.attribute)
    return 0 if node.op_type == "Conv" or flipped else 1


def layer_bias(view: GraphView, node: NodeProto) -> Floats | None:
    """The bias of a layer, float32 [channels]; None without one, or where it is of another form."""
    name = str(node.input[2]) if len(node.input) > 2 else ""
    if name not in view.constants:
        return None
    bias = view.values(name)
    channels = view.constants[str(node.input[1])][channel_axis(node)]
    if bias.size not in (1, channels):
        return None
    return np.asarray(np.broadcast_to(bias.ravel(), channels), dtype=np.float32)


def _usable(exact: NDArray[np.floating]) -> Floats:
    """None of them 0, and all numbers that FP16 has but those that it cannot hold.

    What has a step beyond FP16 is in FP32 on the GPU, and in INT8 on the CPU alone.
    """
    held = np.clip(exact, _LEAST_STEP, _GREATEST_STEP).astype(np.float16)
    return np.where(exact > _GREATEST_STEP, exact, held).astype(np.float32)
