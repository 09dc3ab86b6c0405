"""resnet18: the baseline that everyone compares with (He et al., CVPR 2016, table 1).

As torchvision has it, so that its weights load: 11.7 M parameters with ImageNet's classifier,
ImageNet's mean and deviation. Face-recognition weights alone bring it to 88 to 89 % on RAF-DB in
the reports of others (DAN issue 13, SCN issue 58): any new network has to beat that.
"""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor, nn

from edgefer.zoo.network import FaceNetwork, initialise
from edgefer.zoo.registry import Network
from edgefer.zoo.resnet import STEM, BasicBlock, Stem, stage


class ResNet18(Stem, FaceNetwork):
    """RGB float32 [n, 3, size, size] to logits float32 [n, classes]."""

    trunk: ClassVar[str | None] = ""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.layer1 = stage(BasicBlock, STEM, 64, 2, 1)
        self.layer2 = stage(BasicBlock, 64, 128, 2, 2)
        self.layer3 = stage(BasicBlock, 128, 256, 2, 2)
        self.layer4 = stage(BasicBlock, 256, 512, 2, 2)
        self.fc = nn.Linear(512, classes)
        initialise(self)

    def forward(self, faces: Tensor) -> Tensor:
        """Logits of each face."""
        out = self.layer2(self.layer1(self.stem(faces)))
        out = self.layer4(self.layer3(out))
        logits: Tensor = self.fc(out.mean(dim=(2, 3)))
        return logits


def build(network: Network) -> FaceNetwork:
    """The network with fresh random weights."""
    return ResNet18(len(network.labels))
