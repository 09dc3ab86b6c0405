"""Trainings that start from weights, and what their record says of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from edgefer.errors import InputError
from edgefer.labels import ORDERS
from edgefer.training.options import TrainingOptions
from edgefer.training.trainer import Trainer
from edgefer.zoo.registry import Choices
from edgefer.zoo.weights import save_weights
from tests.training.tiny import TINY, noise_faces

SHORT = TrainingOptions(epochs=2, batch=8, learning_rate=1e-3)
FACES = noise_faces(24)
FEWER = ORDERS["affectnet-7"]


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """Some of TINY, for the labels of FER+."""
    torch.manual_seed(7)
    save_weights(tmp_path / "w", TINY, TINY.build().state_dict(), None)
    return tmp_path / "w"


def test_the_module_and_its_averages_begin_with_the_weights(weights: Path) -> None:
    torch.manual_seed(7)
    expected = TINY.build().state_dict()
    trainer = Trainer(TINY, FACES, SHORT, weights=weights)
    for module in (trainer.module, trainer.averaged):
        assert all(
            torch.equal(expected[name], value) for name, value in module.state_dict().items()
        )
    assert trainer.run["start"]["source"] == "w"
    assert trainer.run["start"]["fresh"] == []
    assert len(trainer.run["start"]["sha256"]) == 64


def test_other_labels_get_a_fresh_classifier(weights: Path) -> None:
    network, faces = TINY.varied(Choices(labels=FEWER)), FACES.relabelled(FEWER)
    trainer = Trainer(network, faces, replace(SHORT, trunk_rate=0.1), weights=weights)
    assert trainer.run["start"]["fresh"] == ["8"]
    assert trainer.run["labels"] == list(FEWER)
    before = {name: value.clone() for name, value in trainer.module.state_dict().items()}
    list(trainer)
    moved = {
        name: (value - before[name]).abs().max().item()
        for name, value in trainer.module.named_parameters()
    }
    assert moved["0.weight"] > 0
    assert moved["8.weight"] > moved["0.weight"]


def resumed(path: Path, **other: Any) -> None:
    wanted: dict[str, Any] = {"network": TINY, "faces": FACES, "options": SHORT, **other}
    Trainer(**wanted).resume(path)


def test_a_checkpoint_knows_what_it_started_from(weights: Path, tmp_path: Path) -> None:
    trainer = Trainer(TINY, FACES, SHORT, weights=weights)
    next(iter(trainer))
    trainer.save(tmp_path / "c")
    resumed(tmp_path / "c", weights=weights)
    with pytest.raises(InputError, match=r"c: of another run: start was .*, is now None"):
        resumed(tmp_path / "c")
    save_weights(tmp_path / "w", TINY, TINY.build().state_dict(), None)
    with pytest.raises(InputError, match=r"c: of another run: sha256 was \w{64}, is now \w{64};"):
        resumed(tmp_path / "c", weights=weights)


def test_a_checkpoint_knows_labels_and_variant(tmp_path: Path) -> None:
    trainer = Trainer(TINY, FACES, SHORT)
    next(iter(trainer))
    trainer.save(tmp_path / "c")
    network, faces = TINY.varied(Choices(labels=FEWER)), FACES.relabelled(FEWER)
    with pytest.raises(InputError, match=r"c: of another run: labels was \['neutral', .*, is now"):
        resumed(tmp_path / "c", network=network, faces=faces)
    parted = replace(TINY, parts=("dropout",))
    with pytest.raises(InputError, match=r"c: of another run: without was None, is now \[\]"):
        resumed(tmp_path / "c", network=parted)
