"""ma-net: global multi-scale and local attention features (MA-Net).

Zhao, Liu and Wang, IEEE Transactions on Image Processing 30, 2021, doi 10.1109/TIP.2021.3093397.
From the paper: a pre-extractor, a multi-scale branch over the whole map, an attention branch over
four regions, fusion of their decisions. From the authors' code (MIT licence, by key names, shapes
and forward order): every size, the weights of the fusion (0.6 local, 0.4 global, on logits), RGB
in [0, 1] without mean or deviation, 224 pixels. Checkpoints of it load without change.

The code changed its second multi-scale pass in April 2023 without a change of keys: until then it
ran in the direction of the first (FORWARD, what the published weights were trained with), since
then against it (BIDIRECTIONAL). Our choice: whole-map pooling as mean and maximum, which exports.

Without "multi-scale" its blocks are plain ones; without "attention" the regions' blocks are;
without "regions" the global branch is alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn

from edgefer.labels import ORDERS
from edgefer.zoo.attention import Cbam
from edgefer.zoo.network import FaceNetwork, cross_entropy, initialise
from edgefer.zoo.registry import Network, ScaleOrder
from edgefer.zoo.resnet import STEM, BasicBlock, Stem, shortcut, stage

LOCAL_SHARE = 0.6
_SCALES = 4
_REGIONS = 4


class AttentionBlock(BasicBlock):
    """A residual block that attends to its residual."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__(inputs, outputs, stride)
        self.cbam = Cbam(outputs)

    def refine(self, residual: Tensor) -> Tensor:
        """CBAM."""
        attended: Tensor = self.cbam(residual)
        return attended


class MulScaleBlock(nn.Module):
    """Two passes over four slices of the channels; each slice hears the one before it.

    A pass gives every slice another receptive field. `order` is the second pass's direction.
    """

    def __init__(self, inputs: int, outputs: int, stride: int, order: ScaleOrder) -> None:
        super().__init__()
        width = outputs // _SCALES
        self.order = order
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        for place in range(1, 2 * _SCALES + 1):
            name = f"{(place - 1) // _SCALES + 1}_2_{(place - 1) % _SCALES + 1}"
            self.add_module(f"conv{name}", nn.Conv2d(width, width, 3, padding=1, bias=False))
            self.add_module(f"bn{name}", nn.BatchNorm2d(width))
        self.downsample = shortcut(inputs, outputs, stride)

    def forward(self, x: Tensor) -> Tensor:
        """[n, inputs, h, w] to [n, outputs, h / stride, w / stride]."""
        slices = torch.relu(self.bn1(self.conv1(x))).chunk(_SCALES, dim=1)
        backward = self.order is ScaleOrder.BIDIRECTIONAL
        first = self._pass(slices, 1, range(_SCALES))
        second = self._pass(slices, 2, range(_SCALES)[::-1] if backward else range(_SCALES))
        out = torch.cat(first, dim=1) + torch.cat(second, dim=1)
        return torch.relu(out + (x if self.downsample is None else self.downsample(x)))

    def _pass(self, slices: Sequence[Tensor], number: int, places: range) -> list[Tensor]:
        """What the convolutions of one pass make of the slices, in the order of the channels."""
        made: dict[int, Tensor] = {}
        heard: Tensor | None = None
        for place in places:
            given = slices[place] if heard is None else torch.relu(heard) + slices[place]
            convolution = self.get_submodule(f"conv{number}_2_{place + 1}")
            made[place] = self.get_submodule(f"bn{number}_2_{place + 1}")(convolution(given))
            heard = made[place]
        return [made[place] for place in range(_SCALES)]


class MaNet(Stem, FaceNetwork):
    """RGB float32 [n, 3, size, size] in [0, 1] to logits: (local, global), each [n, classes]."""

    heads: ClassVar[tuple[str, ...]] = ("fc_1.", "fc_2.")
    published = (ORDERS["affectnet-7"], ORDERS["affectnet"])

    def __init__(self, classes: int, order: ScaleOrder, without: frozenset[str]) -> None:
        super().__init__()
        self.layer1 = stage(BasicBlock, STEM, 64, 2, 1)
        self.layer2 = stage(BasicBlock, 64, 128, 2, 2)
        self.regional = "regions" not in without
        block = BasicBlock if "attention" in without else AttentionBlock
        for region in range(1, _REGIONS + 1) if self.regional else ():
            self.add_module(f"layer3_1_p{region}", stage(block, 128, 256, 2, 2))
            self.add_module(f"layer4_1_p{region}", stage(block, 256, 512, 2, 1))
        if "multi-scale" in without:
            self.layer3_2 = stage(BasicBlock, 128, 256, 2, 2)
            self.layer4_2 = stage(BasicBlock, 256, 512, 2, 2)
        else:
            self.layer3_2 = _multi_scale(128, 256, order)
            self.layer4_2 = _multi_scale(256, 512, order)
        if self.regional:
            self.fc_1 = nn.Linear(512, classes)
        self.fc_2 = nn.Linear(512, classes)
        initialise(self)

    def forward(self, faces: Tensor) -> tuple[Tensor | None, Tensor]:
        """Local logits (None without "regions") and global logits of each face."""
        middle = self.layer2(self.layer1(self.stem(faces)))
        whole = self.layer4_2(self.layer3_2(middle)).mean(dim=(2, 3))
        return self._local(middle) if self.regional else None, self.fc_2(whole)

    def _local(self, middle: Tensor) -> Tensor:
        height, width = (side // 2 for side in middle.shape[2:])
        upper, lower = middle[:, :, :height], middle[:, :, height:]
        regions = [half[:, :, :, part] for half in (upper, lower) for part in _halves(width)]
        seen = [
            self.get_submodule(f"layer4_1_p{i}")(self.get_submodule(f"layer3_1_p{i}")(region))
            for i, region in enumerate(regions, 1)
        ]
        # The mean over the regions put together again is that of their means: all are alike large.
        means = torch.stack([region.mean(dim=(2, 3)) for region in seen])
        logits: Tensor = self.fc_1(means.mean(dim=0))
        return logits

    def loss(self, heads: tuple[Tensor | None, Tensor], targets: Tensor) -> Tensor:
        """Both branches' cross entropies, weighed as their decisions are."""
        local, whole = heads
        if local is None:
            return cross_entropy(whole, targets)
        losses = cross_entropy(local, targets), cross_entropy(whole, targets)
        return LOCAL_SHARE * losses[0] + (1 - LOCAL_SHARE) * losses[1]

    def answers(self, heads: tuple[Tensor | None, Tensor]) -> tuple[Tensor, ...]:
        """Decisions are fused before the softmax."""
        local, whole = heads
        fused = whole if local is None else LOCAL_SHARE * local + (1 - LOCAL_SHARE) * whole
        return (torch.softmax(fused, dim=1),)


def _halves(side: int) -> tuple[slice, slice]:
    return slice(None, side), slice(side, None)


def _multi_scale(inputs: int, outputs: int, order: ScaleOrder) -> nn.Sequential:
    first = MulScaleBlock(inputs, outputs, 2, order)
    return nn.Sequential(first, MulScaleBlock(outputs, outputs, 1, order))


def build(network: Network) -> FaceNetwork:
    """The network with fresh random weights."""
    order = network.scale_order or ScaleOrder.FORWARD
    return MaNet(len(network.labels), order, network.without)
