"""Checkpoints: what goes in comes out, and anything else is refused."""

from __future__ import annotations

import json
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
    [[], "x", 1, {"network": "x"}, {"epochs_done": "two"}, {"epochs_done": None}],
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


def test_weights_are_no_checkpoint(tmp_path: Path) -> None:
    save_weights(tmp_path / "w", TINY, TINY.build().state_dict(), None)
    with pytest.raises(InputError, match=r"w: expected a training checkpoint"):
        load_checkpoint(tmp_path / "w", RUN)


@pytest.mark.parametrize("drop", ["weights/0.weight", "averaged/0.weight", "momentum/0.weight"])
def test_missing_tensors_are_refused(drop: str, tmp_path: Path) -> None:
    trainer = Trainer(TINY, noise_faces(8), TrainingOptions(epochs=1, batch=8))
    list(trainer)
    trainer.save(tmp_path / "c")
    groups, epochs = load_checkpoint(tmp_path / "c", trainer.run)
    group, _, member = drop.partition("/")
    del groups[group][member]
    save_checkpoint(tmp_path / "c", groups, {**trainer.run, "epochs_done": epochs})
    with pytest.raises(InputError, match=r"c: expected the tensors of tiny"):
        trainer.resume(tmp_path / "c")
