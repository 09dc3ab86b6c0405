"""Checkpoints as other programs write them."""

from __future__ import annotations

import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from edgefer.zoo.registry import Network

Writer = Callable[[Any, Path], None]


def save_zip(content: Any, path: Path) -> None:
    """As torch.save does since 1.6."""
    torch.save(content, path)


def save_legacy(content: Any, path: Path) -> None:
    """As torch.save did before."""
    torch.save(content, path, _use_new_zipfile_serialization=False)


class RecorderMeter:
    """As in the training script of MA-Net."""

    def __init__(self) -> None:
        self.epoch_losses = np.full((3, 2), -1, np.float32)
        self.best = np.float64(88.4)


def state_of(network: Network, seed: int = 0) -> dict[str, Tensor]:
    """Random tensors, small enough to go through every layer."""
    generator = torch.Generator().manual_seed(seed)

    def numbers(tensor: Tensor) -> Tensor:
        if not tensor.is_floating_point():
            return torch.tensor(7)
        return torch.rand(tensor.shape, generator=generator) * 0.1 + 0.01

    with torch.device("meta"):
        state = network.build().state_dict()
    return {name: numbers(tensor) for name, tensor in state.items()}


def official(state: dict[str, Tensor]) -> dict[str, Any]:
    """What MA-Net's training script saves of a network in DataParallel."""
    learned = torch.nn.Parameter(torch.zeros(2))
    optimizer = torch.optim.SGD([learned], 0.1, momentum=0.9)
    learned.sum().backward()
    optimizer.step()
    return {
        "epoch": 12,
        "state_dict": {f"module.{name}": tensor for name, tensor in state.items()},
        "best_acc": torch.tensor(88.5),
        "optimizer": optimizer.state_dict(),
        "recorder": RecorderMeter(),
    }


def save_official(
    state: dict[str, Tensor], path: Path, write: Writer, patch: pytest.MonkeyPatch
) -> None:
    """The script's own class lies in `__main__`, and is not there where the file is read."""
    with patch.context() as context:
        context.setattr(RecorderMeter, "__module__", "__main__")
        context.setattr(sys.modules["__main__"], "RecorderMeter", RecorderMeter, raising=False)
        write(official(state), path)


def archive(pickle: bytes, path: Path, **members: bytes) -> None:
    """A zip as torch.save would write it around that pickle."""
    with zipfile.ZipFile(path, "w") as made:
        made.writestr("archive/data.pkl", pickle)
        made.writestr("archive/version", b"3\n")
        for name, data in members.items():
            made.writestr(f"archive/{name}", data)
