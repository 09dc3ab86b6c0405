"""The training loop: soft labels, one-cycle SGD, averaged weights.

One-cycle learning rate: Smith and Topin, 2018. Averaged weights: an exponential moving average of
weights and BatchNorm statistics, which is what is evaluated and saved. Our choice of sizes.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor
from torch.optim.lr_scheduler import OneCycleLR

from edgefer.data.faces import FaceSet
from edgefer.errors import CheckFailed, InputError, reason
from edgefer.progress import Progress, silent
from edgefer.training.augment import augment
from edgefer.training.checkpoint import load_checkpoint, save_checkpoint
from edgefer.training.options import TrainingOptions
from edgefer.zoo.contract import PixelInput
from edgefer.zoo.registry import Network

_EVALUATION_BATCH = 256


@dataclass(frozen=True)
class Epoch:
    """One epoch's figures; `accuracy` is of the averaged weights, None without validation faces."""

    number: int
    loss: float
    accuracy: float | None


class Trainer:
    """Trains `network` on `faces`; iterate over it for one `Epoch` at a time."""

    def __init__(
        self,
        network: Network,
        faces: FaceSet,
        options: TrainingOptions,
        validation: FaceSet | None = None,
        progress: Progress = silent,
    ) -> None:
        _check(faces, network, options.batch)
        if validation is not None:
            _check(validation, network, 1)
        self.options, self.progress = options, progress
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.pixels = faces.pixels(network.size)
        self.targets = torch.from_numpy(faces.targets)
        self.run: dict[str, Any] = {
            "network": network.name,
            "data": {"name": faces.name, "faces": len(faces), "sha256": faces.digest()},
            "options": _as_json(asdict(options)),
        }
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(options.seed)
            module = network.build().to(self.device)
        # the stubs of torch leave out this argument
        self.module = module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.averaged = copy.deepcopy(self.module).eval()
        self.pixel_input = PixelInput(network.scale).to(self.device)
        self.optimizer, self.schedule = self._optimization()
        self.validation = None
        if validation is not None:
            self.validation = (validation.pixels(network.size), validation.classes)
        self.epochs_done = 0

    def _optimization(self) -> tuple[torch.optim.SGD, OneCycleLR]:
        options = self.options
        optimizer = torch.optim.SGD(
            self.module.parameters(),
            lr=options.learning_rate,
            momentum=options.momentum,
            weight_decay=options.weight_decay,
            nesterov=True,
        )
        steps = options.epochs * (len(self.pixels) // options.batch)
        return optimizer, OneCycleLR(
            optimizer, options.learning_rate, total_steps=steps + 1, cycle_momentum=False
        )

    def __iter__(self) -> Iterator[Epoch]:
        while self.epochs_done < self.options.epochs:
            loss = self._train_epoch(self.epochs_done)
            if not math.isfinite(loss):
                msg = (
                    f"epoch {self.epochs_done + 1}: expected a finite loss, found {loss}; train "
                    f"with a learning rate below {self.options.learning_rate:g}"
                )
                raise CheckFailed(msg)
            self.epochs_done += 1
            yield Epoch(self.epochs_done, loss, self.accuracy())

    def _train_epoch(self, epoch: int) -> float:
        """One pass; chance depends on seed and epoch only, so that a resumed run repeats it."""
        seed = np.random.SeedSequence([self.options.seed, epoch]).generate_state(1)[0]
        order = np.random.default_rng(seed).permutation(len(self.pixels))
        random = Generator(self.device).manual_seed(int(seed))
        torch.manual_seed(int(seed))  # dropout
        steps = len(order) // self.options.batch
        total = torch.zeros((), device=self.device)
        self.module.train()
        for step in range(steps):
            rows = order[step * self.options.batch : (step + 1) * self.options.batch]
            total += self._step(rows, random)
            self.progress("training", epoch * steps + step + 1, self.options.epochs * steps)
        return float(total) / steps

    def _step(self, rows: NDArray[np.int64], random: Generator) -> Tensor:
        with torch.no_grad():
            pixels = torch.from_numpy(self.pixels[rows]).to(self.device)
            faces = augment(self.pixel_input(pixels), self.options.augmentation, random)
        targets = self.targets[rows].to(self.device)
        with self._half_precision():
            heads = self.module(faces.contiguous(memory_format=torch.channels_last))
        loss = self.module.loss(heads, targets)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        self.schedule.step()
        self._average()
        return loss.detach()

    def _half_precision(self) -> torch.autocast:
        """bfloat16 where the device computes it natively; weights and sums stay float32."""
        native = self.device.type == "cuda" or (
            torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
            and torch.ops.mkldnn._is_mkldnn_bf16_supported()
        )
        return torch.autocast(self.device.type, torch.bfloat16, enabled=native)

    @torch.no_grad()
    def _average(self) -> None:
        # early on a long average would still be the random start
        steps = self.schedule.last_epoch
        decay = min(self.options.averaging, (1 + steps) / (10 + steps))
        pairs = zip(self.averaged.state_dict().values(), self.module.state_dict().values())
        for mean, value in pairs:
            if mean.is_floating_point():
                mean.lerp_(value, 1 - decay)
            else:
                mean.copy_(value)

    @torch.no_grad()
    def accuracy(self) -> float | None:
        """Share of the validation faces whose winner the averaged weights find."""
        if self.validation is None:
            return None
        pixels, classes = self.validation
        hits = 0
        for start in range(0, len(pixels), _EVALUATION_BATCH):
            part = torch.from_numpy(pixels[start : start + _EVALUATION_BATCH]).to(self.device)
            found, *_ = self.averaged.answers(self.averaged(self.pixel_input(part)))
            answers = found.argmax(dim=1).cpu().numpy()
            hits += int((answers == classes[start : start + _EVALUATION_BATCH]).sum())
        return hits / len(pixels)

    def save(self, path: Path) -> None:
        """Write a checkpoint from which `resume` goes on as if nothing had happened."""
        names = [name for name, _ in self.module.named_parameters()]
        states = self.optimizer.state_dict()["state"]
        groups = {
            "weights": self.module.state_dict(),
            "averaged": self.averaged.state_dict(),
            "momentum": {names[i]: state["momentum_buffer"] for i, state in states.items()},
        }
        save_checkpoint(path, groups, {**self.run, "epochs_done": self.epochs_done})

    def resume(self, path: Path) -> None:
        """Go on from a checkpoint of the same network, data and options; InputError otherwise."""
        groups, epochs_done = load_checkpoint(path, self.run)
        if not 0 <= epochs_done <= self.options.epochs:
            msg = (
                f"{path}: expected 0 to {self.options.epochs} epochs done, found {epochs_done}; "
                "it is damaged: remove it"
            )
            raise InputError(msg)
        try:
            self.module.load_state_dict(groups["weights"])
            self.averaged.load_state_dict(groups["averaged"])
            for name, parameter in self.module.named_parameters():
                stored = groups["momentum"][name]
                if stored.shape != parameter.shape:  # copy_ would spread a smaller one
                    msg = f"momentum of {name}: {list(stored.shape)}"
                    raise RuntimeError(msg)
                # laid out as the parameter is: another order of the same sums rounds otherwise
                momentum = torch.empty_like(parameter).copy_(stored)
                self.optimizer.state[parameter]["momentum_buffer"] = momentum.detach()
        except (KeyError, RuntimeError) as error:
            detail = reason(error, 300)
            msg = f"{path}: expected the tensors of {self.run['network']} ({detail})"
            raise InputError(msg) from error
        self.epochs_done = epochs_done
        for _ in range(self.epochs_done * (len(self.pixels) // self.options.batch)):
            self.optimizer._opt_called = True  # type: ignore[attr-defined]
            self.schedule.step()


def _as_json(options: Any) -> Any:
    """Tuples as lists, as they come back from JSON."""
    if isinstance(options, dict):
        return {key: _as_json(value) for key, value in options.items()}
    return list(options) if isinstance(options, tuple) else options


def _check(faces: FaceSet, network: Network, least: int) -> None:
    if faces.labels != network.labels or len(faces) < least:
        wanted, found = ", ".join(network.labels), ", ".join(faces.labels)
        msg = (
            f"{faces.name}: expected at least {least} faces labelled {wanted}, "
            f"found {len(faces)} labelled {found}"
        )
        raise InputError(msg)
