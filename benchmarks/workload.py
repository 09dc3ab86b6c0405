"""A network as what a GPU has to do for it: layer by layer, one launch each."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass

from edgefer.manifest import Precision

# Our choice: the results of a layer are computed in tiles of so many places by so many channels,
# one tile on one SM at a time. Kernels have tiles of several sizes; this is among the smaller.
TILE = 64

_WIDTHS = {Precision.INT8: 1, Precision.FP16: 2, Precision.FP32: 4}


@dataclass(frozen=True)
class Layer:
    """What becomes one launch.

    `operations` are those of one item, a multiply-add as two; `read` and `written` are bytes of
    activations for one item, `weights` bytes that are read once a call. Results are `groups`
    matrices of `rows` places by `columns` channels, none for a layer without multiply-adds.
    """

    name: str
    precision: Precision
    operations: int
    read: int
    written: int
    weights: int = 0
    rows: int = 0
    columns: int = 0
    groups: int = 1
    depthwise: bool = False

    def moved(self, batch: int) -> int:
        """Bytes read and written by one call."""
        return batch * (self.read + self.written) + self.weights

    def share_in_use(self, batch: int, sms: int) -> float:
        """What share of the SMs' work becomes results: tiles overhang, and the last SMs idle."""
        rows = batch * self.rows
        if not rows * self.columns:
            return 1.0
        tiles = self.groups * math.ceil(rows / TILE) * math.ceil(self.columns / TILE)
        turns = math.ceil(tiles / sms)
        return self.groups * rows * self.columns / (turns * sms * TILE**2)


@dataclass(frozen=True)
class Workload:
    """A network's layers in their order, as one item needs them."""

    name: str
    layers: tuple[Layer, ...]

    @property
    def operations(self) -> int:
        """Of one item, a multiply-add as two."""
        return sum(layer.operations for layer in self.layers)

    @property
    def precision(self) -> Precision:
        """The one that most operations are in."""
        share: Counter[Precision] = Counter()
        for layer in self.layers:
            share[layer.precision] += layer.operations
        return share.most_common(1)[0][0] if share else Precision.FP32


def width(precision: Precision) -> int:
    """Bytes of one number."""
    return _WIDTHS[precision]
