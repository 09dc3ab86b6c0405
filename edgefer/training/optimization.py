"""Who takes the steps of a training, and at which rate; what a checkpoint has to keep of it."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR, LRScheduler, OneCycleLR

from edgefer.training.options import Optimizer, Schedule, TrainingOptions
from edgefer.zoo.checkpoints import Start

_STEP_FACTOR = 0.1
# What each keeps of a parameter; all but the count of the steps are shaped like it.
_STEPS_TAKEN = "step"
_STATE = {
    Optimizer.SGD: ("momentum_buffer",),
    Optimizer.ADAM: ("exp_avg", "exp_avg_sq", _STEPS_TAKEN),
    Optimizer.ADAMW: ("exp_avg", "exp_avg_sq", _STEPS_TAKEN),
}


class Optimization:
    """An optimizer and its schedule, one step of both for each batch."""

    def __init__(
        self, module: nn.Module, options: TrainingOptions, steps: int, start: Start | None
    ) -> None:
        """`steps` are those of an epoch; what of the module is not `start.fresh` was loaded."""
        self.module, self.options, self.steps = module, options, steps
        self.optimizer = self._optimizer(start)
        self.schedule = self._schedule()

    def _optimizer(self, start: Start | None) -> torch.optim.Optimizer:
        options = self.options
        new: list[nn.Parameter] = []
        loaded: list[nn.Parameter] = []
        for name, parameter in self.module.named_parameters():
            chance = start is None or name.partition(".")[0] in start.fresh
            (new if chance else loaded).append(parameter)
        groups = [
            {"params": new, "lr": options.learning_rate},
            {"params": loaded, "lr": options.learning_rate * options.trunk_rate},
        ]
        groups = [group for group in groups if group["params"]]
        decay = options.weight_decay
        if options.optimizer is Optimizer.SGD:
            return torch.optim.SGD(
                groups, momentum=options.momentum, weight_decay=decay, nesterov=options.momentum > 0
            )
        adam = torch.optim.Adam if options.optimizer is Optimizer.ADAM else torch.optim.AdamW
        return adam(groups, weight_decay=decay)

    def _schedule(self) -> LRScheduler:
        options, total = self.options, self.options.epochs * self.steps
        if options.schedule is Schedule.ONE_CYCLE:
            highest = [group["lr"] for group in self.optimizer.param_groups]
            return OneCycleLR(self.optimizer, highest, total_steps=total + 1, cycle_momentum=False)
        return LambdaLR(self.optimizer, share_of_rate(options, self.steps))

    def step(self, loss: Tensor) -> None:
        """Go down the gradient of the loss, once."""
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        self.schedule.step()

    @property
    def steps_taken(self) -> int:
        return self.schedule.last_epoch

    def state(self) -> dict[str, dict[str, Tensor]]:
        """What has to be kept to go on: for each kind, a tensor for each parameter by name."""
        kept: dict[str, dict[str, Tensor]] = {}
        for kind in _STATE[self.options.optimizer]:
            kept[kind] = {
                name: self.optimizer.state[parameter][kind]
                for name, parameter in self.module.named_parameters()
                if kind in self.optimizer.state[parameter]
            }
        return kept

    def load(self, kept: dict[str, dict[str, Tensor]], epochs: int) -> None:
        """Go on from a `state` after so many epochs; KeyError or RuntimeError where it is none."""
        for kind in _STATE[self.options.optimizer]:
            for name, parameter in self.module.named_parameters():
                stored = kept[kind][name]
                like = stored.new_empty(()) if kind == _STEPS_TAKEN else parameter.detach()
                if stored.shape != like.shape:  # copy_ would spread a smaller one
                    msg = f"{kind} of {name}: {list(stored.shape)}"
                    raise RuntimeError(msg)
                # laid out as the parameter is: another order of the same sums rounds otherwise
                self.optimizer.state[parameter][kind] = torch.empty_like(like).copy_(stored)
        for _ in range(epochs * self.steps):
            self.optimizer._opt_called = True  # type: ignore[attr-defined]
            self.schedule.step()


def share_of_rate(options: TrainingOptions, steps: int) -> Callable[[int], float]:
    """The share of the highest rate after so many steps, for an epoch of `steps`."""
    if options.schedule is Schedule.STEPS:
        return lambda step: _STEP_FACTOR ** (step // (steps * options.step_epochs))
    total, lowest = options.epochs * steps, options.lowest
    return lambda step: lowest + (1 - lowest) * (1 + math.cos(math.pi * step / total)) / 2
