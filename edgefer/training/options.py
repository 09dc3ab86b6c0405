"""What decides the result of a training run. Needs no torch, so that the command's help is fast."""

from __future__ import annotations

import math
from dataclasses import dataclass

from edgefer.errors import InputError


@dataclass(frozen=True)
class Augmentation:
    """Limits of the variation. Our choice, for faces that are cropped but not aligned."""

    rotation: float = 15.0  # degrees
    scale: float = 0.15
    shift: float = 0.08  # of the width
    contrast: float = 0.3
    brightness: float = 0.3  # in deviations of the input
    erased: float = 0.5  # share of the faces
    erased_side: tuple[float, float] = (0.15, 0.4)  # of the width


@dataclass(frozen=True)
class TrainingOptions:
    """What decides the result, beside the data."""

    epochs: int = 40
    batch: int = 128
    learning_rate: float = 0.1
    momentum: float = 0.9
    weight_decay: float = 5e-4
    averaging: float = 0.999
    seed: int = 0
    augmentation: Augmentation = Augmentation()

    def __post_init__(self) -> None:
        if self.epochs < 1 or self.batch < 2:
            msg = (
                f"expected epochs of 1 or more and a batch of 2 or more, found {self.epochs} and "
                f"{self.batch}"
            )
            raise InputError(msg)
        if not 0 < self.learning_rate < math.inf:
            msg = f"expected a learning rate above 0, found {self.learning_rate}"
            raise InputError(msg)
        if not 0 <= self.seed < 2**63:
            msg = f"expected a seed of 0 to 2**63 - 1, found {self.seed}"
            raise InputError(msg)
