"""What decides the result of a training run. Needs no torch, so that the command's help is fast."""

from __future__ import annotations

import math
from dataclasses import dataclass

from edgefer.choice import Choice
from edgefer.errors import InputError
from edgefer.training.variation import PRESETS, Augmentation, Preset


class Optimizer(Choice):
    """Who takes the steps: SGD with Nesterov's momentum, or Adam with its usual constants."""

    SGD = "sgd"
    ADAM = "adam"
    ADAMW = "adamw"


class Schedule(Choice):
    """How the learning rate runs: up and down, down by steps, or down along a cosine."""

    ONE_CYCLE = "one-cycle"
    STEPS = "steps"
    COSINE = "cosine"


@dataclass(frozen=True)
class TrainingOptions:
    """What decides the result, beside the network, the data and the weights started from.

    `learning_rate` is the highest. The schedule of steps takes a tenth of it every `step_epochs`;
    the cosine ends at the share `lowest` of it. Weights that were loaded learn at `trunk_rate`
    times the rate of fresh ones. `balanced` draws faces of each class alike often.
    """

    epochs: int = 40
    batch: int = 128
    learning_rate: float = 0.1
    momentum: float = 0.9
    weight_decay: float = 5e-4
    averaging: float = 0.999
    seed: int = 0
    augmentation: Augmentation = PRESETS[Preset.STANDARD]
    optimizer: Optimizer = Optimizer.SGD
    schedule: Schedule = Schedule.ONE_CYCLE
    step_epochs: int = 15
    lowest: float = 0.0
    trunk_rate: float = 1.0
    balanced: bool = False

    def __post_init__(self) -> None:
        whole = {"epochs": (self.epochs, 1), "batch": (self.batch, 2)}
        for name, (count, least) in {**whole, "step epochs": (self.step_epochs, 1)}.items():
            if count < least:
                msg = f"expected {name} of {least} or more, found {count}"
                raise InputError(msg)
        above = {"learning rate": self.learning_rate, "trunk rate": self.trunk_rate}
        for name, value in above.items():
            if not 0 < value < math.inf:
                msg = f"expected a {name} above 0, found {value}"
                raise InputError(msg)
        shares = {"momentum": self.momentum, "averaging": self.averaging, "lowest": self.lowest}
        for name, value in {**shares, "weight decay": self.weight_decay}.items():
            if not 0 <= value < 1:
                msg = f"expected {name} of 0 to below 1, found {value}"
                raise InputError(msg)
        if not 0 <= self.seed < 2**63:
            msg = f"expected a seed of 0 to 2**63 - 1, found {self.seed}"
            raise InputError(msg)
