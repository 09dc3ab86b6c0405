"""Checkpoints: what goes in comes out, and anything else is refused."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save

from edgefer.errors import InputError
from edgefer.training.checkpoint import load_checkpoint, save_checkpoint
from edgefer.training.options import TrainingOptions
from edgefer.training.trainer import Trainer
from edgefer.zoo.weights import save_weights
from tests.training.tiny import TINY, noise_faces

RUN: dict[str, Any] = {"network": "x", "options": {"epochs": 3, "sides": [0.1, 0.2]}}
GROUPS = {"weights": {"a.b": torch.arange(3.0)}, "momentum": {"a.b": torch.zeros(2, 2)}}


def write(path: Path, run: Any) -> Path:
    path.write_bytes(save({"weights/a": torch.zeros(1)}, {"run": json.dumps(run)}))
    return path


def test_round_trip(tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "c", GROUPS, {**RUN, "epochs_done": 2})
    groups, epochs = load_checkpoint(tmp_path / "c", RUN)
    assert epochs == 2
    assert groups.keys() == GROUPS.keys()
    for name, members in GROUPS.items():
        assert torch.equal(groups[name]["a.b"], members["a.b"])


def test_the_same_content_is_the_same_file(tmp_path: Path) -> None:
    for name in "ab":
        save_checkpoint(tmp_path / name, GROUPS, {**RUN, "epochs_done": 2})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.mark.parametrize(
    "run",
    [[], "x", 1, {"network": "x"}]
    + [{"epochs_done": count} for count in ("two", None, math.inf, math.nan)],
    ids=str,
)
def test_another_run_description_is_refused(run: Any, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"c: expected a training checkpoint"):
        load_checkpoint(write(tmp_path / "c", run), RUN)


@pytest.mark.parametrize("data", [b"", b"x", b"\x80\x02pickle", bytes(100)], ids=len)
def test_other_files_are_refused(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "c").write_bytes(data)
    with pytest.raises(InputError, match=r"c: expected a training checkpoint"):
        load_checkpoint(tmp_path / "c", RUN)


def test_a_run_nested_beyond_what_python_reads_is_refused(tmp_path: Path) -> None:
    nested = "[" * 100_000 + "]" * 100_000
    (tmp_path / "c").write_bytes(save({"weights/a": torch.zeros(1)}, {"run": nested}))
    with pytest.raises(InputError, match=r"c: expected a training checkpoint"):
        load_checkpoint(tmp_path / "c", RUN)


def test_weights_are_no_checkpoint(tmp_path: Path) -> None:
    save_weights(tmp_path / "w", TINY, TINY.build().state_dict(), None)
    with pytest.raises(InputError, match=r"w: expected a training checkpoint"):
        load_checkpoint(tmp_path / "w", RUN)


@pytest.fixture
def trainer(tmp_path: Path) -> Trainer:
    """One that has written the checkpoint `c` after one epoch of two."""
    made = Trainer(TINY, noise_faces(8), TrainingOptions(epochs=2, batch=8))
    next(iter(made))
    made.save(tmp_path / "c")
    return made


Groups = dict[str, dict[str, torch.Tensor]]


def change(trainer: Trainer, path: Path, how: Callable[[Groups], object], epochs: int = 1) -> None:
    """Write the checkpoint again with other tensors or epochs."""
    groups, _ = load_checkpoint(path, trainer.run)
    how(groups)
    save_checkpoint(path, groups, {**trainer.run, "epochs_done": epochs})


@pytest.mark.parametrize("group", ["weights", "averaged", "momentum_buffer"])
@pytest.mark.parametrize("damage", ["missing", "one number", "transposed"])
def test_other_tensors_are_refused(
    trainer: Trainer, group: str, damage: str, tmp_path: Path
) -> None:
    name = "8.weight"

    def how(groups: Groups) -> None:
        tensor = groups[group].pop(name)
        if damage != "missing":
            groups[group][name] = torch.zeros(1) if damage == "one number" else tensor.T

    change(trainer, tmp_path / "c", how)
    with pytest.raises(InputError, match=rf"c: expected the tensors of tiny \(.*{name}"):
        trainer.resume(tmp_path / "c")


@pytest.mark.parametrize("epochs", [-2, 3, 99, 10**12])
def test_epochs_that_cannot_be_done_are_refused(
    trainer: Trainer, epochs: int, tmp_path: Path
) -> None:
    change(trainer, tmp_path / "c", lambda groups: None, epochs)
    with pytest.raises(InputError, match=rf"c: expected 0 to 2 epochs done, found {epochs}; .*rem"):
        trainer.resume(tmp_path / "c")
    assert trainer.epochs_done == 1
