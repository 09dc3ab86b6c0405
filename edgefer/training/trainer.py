"""The training loop: soft labels, a network's own loss, averaged weights.

Averaged weights: an exponential moving average of weights and BatchNorm statistics, which is what
is evaluated and saved. One-cycle learning rate: Smith and Topin, 2018.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from edgefer.data.faces import FaceSet
from edgefer.errors import CheckFailed, InputError, reason
from edgefer.progress import Progress, silent
from edgefer.training.batches import Batches
from edgefer.training.checkpoint import load_checkpoint, save_checkpoint
from edgefer.training.feed import Feed, in_batches
from edgefer.training.optimization import Optimization
from edgefer.training.options import TrainingOptions
from edgefer.zoo.checkpoints import Start, start_from
from edgefer.zoo.network import FaceNetwork
from edgefer.zoo.registry import Network

_EVALUATION_BATCH = 256


@dataclass(frozen=True)
class Epoch:
    """One epoch's figures.

    `train_accuracy` is the share of the faces, varied as they are, that were found on the way;
    `accuracy` is of the averaged weights, None without validation faces.
    """

    number: int
    loss: float
    train_accuracy: float
    accuracy: float | None


class Trainer:
    """Trains `network` on `faces`; iterate over it for one `Epoch` at a time.

    `weights` is a file to start from; what is not in it starts from chance. `module` is trained as
    it is, in place of one that the network builds. `threads` read faces.
    """

    def __init__(
        self,
        network: Network,
        faces: FaceSet,
        options: TrainingOptions,
        validation: FaceSet | None = None,
        progress: Progress = silent,
        *,
        weights: Path | None = None,
        module: FaceNetwork | None = None,
        threads: int | None = None,
    ) -> None:
        check_faces(faces, network, options.batch)
        if validation is not None:
            check_faces(validation, network, 1)
        self.network, self.options, self.progress = network, options, progress
        self.device = find_device()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(options.seed)
            module = network.build() if module is None else module
        start = None if weights is None else start_from(network, module, weights)
        self.run = _run(network, faces, options, start)
        # the stubs of torch leave out this argument
        self.module = module.to(self.device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.averaged = copy.deepcopy(self.module).eval()
        self.batches = Batches(network, faces, options, self.device, threads, progress)
        self.optimization = Optimization(self.module, options, len(self.batches), start)
        self.validation = None
        if validation is not None:
            self.validation = Feed(validation, network.size, threads, progress=progress)
        self.epochs_done = 0

    def __iter__(self) -> Iterator[Epoch]:
        while self.epochs_done < self.options.epochs:
            loss, found = self._train_epoch(self.epochs_done)
            if not math.isfinite(loss):
                msg = (
                    f"epoch {self.epochs_done + 1}: expected a finite loss, found {loss}; train "
                    f"with a learning rate below {self.options.learning_rate:g}"
                )
                raise CheckFailed(msg)
            self.epochs_done += 1
            yield Epoch(self.epochs_done, loss, found, self.accuracy())

    def _train_epoch(self, epoch: int) -> tuple[float, float]:
        """One pass: the mean loss, and the share of the faces that were found."""
        torch.manual_seed(self.batches.seed(epoch))  # dropout
        steps = len(self.batches)
        total = torch.zeros((), device=self.device)
        hits = torch.zeros((), dtype=torch.int64, device=self.device)
        self.module.train()
        with closing(self.batches.epoch(epoch)) as batches:
            for step, (faces, targets) in enumerate(batches, start=epoch * steps + 1):
                loss, found = self._step(faces, targets)
                total += loss
                hits += found
                self.progress("training", step, self.options.epochs * steps)
        return float(total) / steps, int(hits) / (steps * self.options.batch)

    def _step(self, faces: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        with self._half_precision():
            heads = self.module(faces.contiguous(memory_format=torch.channels_last))
        loss = self.module.loss(heads, targets)
        self.optimization.step(loss)
        self._average()
        with torch.no_grad():
            found, *_ = self.module.answers(heads)
            hits = (found.argmax(dim=1) == targets.argmax(dim=1)).sum()
        return loss.detach(), hits

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
        steps = self.optimization.steps_taken
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
        faces = self.validation.faces
        # a large network that trains on small batches has no room for large ones here either
        rows = in_batches(np.arange(len(faces)), min(_EVALUATION_BATCH, 2 * self.options.batch))
        hits = 0
        with closing(self.validation.batches(rows)) as batches:
            for pixels, targets in batches:
                part = self.batches.pixel_input(torch.from_numpy(pixels).to(self.device))
                found, *_ = self.averaged.answers(self.averaged(part))
                hits += int((found.argmax(dim=1).cpu().numpy() == targets.argmax(axis=1)).sum())
        return hits / len(faces)

    def save(self, path: Path) -> None:
        """Write a checkpoint from which `resume` goes on as if nothing had happened."""
        groups = {
            "weights": self.module.state_dict(),
            "averaged": self.averaged.state_dict(),
            **self.optimization.state(),
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
            self.optimization.load(groups, epochs_done)
        except (KeyError, RuntimeError) as error:
            detail = reason(error, 300)
            msg = f"{path}: expected the tensors of {self.run['network']} ({detail})"
            raise InputError(msg) from error
        self.epochs_done = epochs_done


def find_device() -> torch.device:
    """The GPU where there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def check_faces(faces: FaceSet, network: Network, least: int) -> None:
    """InputError unless there are so many, labelled as the network's answers are."""
    if faces.labels != network.labels:
        wanted, found = ", ".join(network.labels), ", ".join(faces.labels)
        msg = f"{faces.name}: expected faces labelled {wanted}, found {found}"
        raise InputError(msg)
    if len(faces) < least:
        msg = (
            f"{faces.name}: expected at least {least} faces, a batch of them, found {len(faces)}; "
            "give a smaller --batch, or more faces"
        )
        raise InputError(msg)


def _run(
    network: Network, faces: FaceSet, options: TrainingOptions, start: Start | None
) -> dict[str, Any]:
    """As JSON: what decides the result, which is what a checkpoint is compared with."""
    return {
        "network": network.name,
        "labels": [str(label) for label in network.labels],
        "variant": network.variant,
        "data": {"name": faces.name, "faces": len(faces), "sha256": faces.digest()},
        "start": start and {**start.origin, "fresh": list(start.fresh)},
        "options": _as_json(asdict(options)),
    }


def _as_json(options: Any) -> Any:
    """Tuples as lists and names for enums, as they come back from JSON."""
    if isinstance(options, dict):
        return {key: _as_json(value) for key, value in options.items()}
    if isinstance(options, Enum):
        return options.value
    return list(options) if isinstance(options, tuple) else options
