"""Every network has a recipe, and what the command's help says of it is true."""

from __future__ import annotations

import pytest

from edgefer.training.options import Optimizer, Schedule, TrainingOptions
from edgefer.training.recipes import RECIPES, augmentation, by_network, recipe
from edgefer.training.variation import PRESETS, Preset
from edgefer.zoo.registry import NETWORKS


def test_every_network_has_one() -> None:
    assert set(RECIPES) == set(NETWORKS)


def test_fer_lite_is_trained_as_ever() -> None:
    own = recipe("fer-lite")
    assert (own.epochs, own.batch, own.learning_rate, own.weight_decay) == (40, 128, 0.1, 5e-4)
    assert (own.optimizer, own.schedule) == (Optimizer.SGD, Schedule.ONE_CYCLE)
    assert own.augmentation == PRESETS[Preset.STANDARD]


def test_another_network_is_trained_as_fer_lite() -> None:
    assert recipe("tiny") == TrainingOptions()


def test_ma_net_is_trained_as_its_authors_do() -> None:
    own = recipe("ma-net")
    assert (own.epochs, own.batch, own.learning_rate, own.weight_decay) == (100, 128, 0.01, 1e-4)
    assert (own.schedule, own.step_epochs) == (Schedule.STEPS, 15)
    assert own.augmentation.crop is not None
    assert own.augmentation.erasing is None
    assert augmentation(Preset.PAPER, "ma-net") == own.augmentation


@pytest.mark.parametrize("preset", Preset)
def test_presets_are_those_of_the_table(preset: Preset) -> None:
    assert augmentation(preset, "aglf") == PRESETS[preset]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("epochs", "100; fer-lite 40, aglf 60"),
        ("trunk_rate", "1; aglf 0.1"),
        ("augmentation", "paper; fer-lite standard"),
        ("momentum", "0.9"),
    ],
)
def test_defaults_in_words(name: str, words: str) -> None:
    assert by_network(name) == words
