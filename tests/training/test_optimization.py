"""Optimizers and schedules: what a rate is after so many steps, and for which weights."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from edgefer.errors import InputError
from edgefer.training.optimization import Optimization
from edgefer.training.options import Optimizer, Schedule, TrainingOptions
from edgefer.training.trainer import Trainer
from edgefer.zoo.checkpoints import Start
from tests.training.test_trainer import same_weights
from tests.training.tiny import TINY, noise_faces

SHORT = TrainingOptions(epochs=4, batch=8, learning_rate=0.01, averaging=0.5)
STEPS = 3


def rates(options: TrainingOptions, start: Start | None = None) -> list[list[float]]:
    """The rate of each group before every step, and after the last."""
    made = Optimization(TINY.build(), options, STEPS, start)
    found = []
    for _ in range(options.epochs * STEPS + 1):
        found.append([group["lr"] for group in made.optimizer.param_groups])
        made.optimizer.step()
        made.schedule.step()
    return found


def test_steps_take_a_tenth() -> None:
    options = replace(SHORT, schedule=Schedule.STEPS, step_epochs=2)
    found = [rate for (rate,) in rates(options)]
    assert found[:12] == pytest.approx([0.01] * 6 + [0.001] * 6)


@pytest.mark.parametrize("lowest", [0.0, 0.2])
def test_a_cosine_ends_at_its_lowest(lowest: float) -> None:
    found = [rate for (rate,) in rates(replace(SHORT, schedule=Schedule.COSINE, lowest=lowest))]
    assert found[0] == pytest.approx(0.01)
    assert found[6] == pytest.approx(0.01 * (1 + lowest) / 2)
    assert found[12] == pytest.approx(0.01 * lowest)
    assert found == sorted(found, reverse=True)


def test_one_cycle_goes_up_and_down() -> None:
    found = [rate for (rate,) in rates(SHORT)]
    assert max(found) == pytest.approx(0.01, rel=0.1)
    assert found[0] < found[2] < max(found) > found[8] > found[11]


@pytest.mark.parametrize("schedule", Schedule)
def test_loaded_weights_learn_at_the_trunk_rate(schedule: Schedule) -> None:
    options = replace(SHORT, schedule=schedule, trunk_rate=0.1)
    fresh_and_loaded = rates(options, Start({}, ("8",)))
    assert all(loaded == pytest.approx(fresh / 10) for fresh, loaded in fresh_and_loaded)
    assert rates(options) == [[fresh] for fresh, _ in fresh_and_loaded]
    assert rates(options, Start({}, ())) == [[loaded] for _, loaded in fresh_and_loaded]


def test_only_the_classifier_is_fresh() -> None:
    made = Optimization(TINY.build(), replace(SHORT, trunk_rate=0.1), STEPS, Start({}, ("8",)))
    fresh, loaded = (group["params"] for group in made.optimizer.param_groups)
    assert [list(parameter.shape) for parameter in fresh] == [[8, 512], [8]]
    assert len(loaded) == 6


@pytest.mark.parametrize("optimizer", Optimizer)
@pytest.mark.parametrize("schedule", Schedule)
def test_a_resumed_run_ends_as_if_never_stopped(
    optimizer: Optimizer, schedule: Schedule, tmp_path: Path
) -> None:
    options = replace(SHORT, optimizer=optimizer, schedule=schedule, balanced=True)
    whole, first, second = (Trainer(TINY, noise_faces(20), options) for _ in range(3))
    figures = list(whole)
    next(iter(first))
    first.save(tmp_path / "checkpoint")
    second.resume(tmp_path / "checkpoint")
    assert list(second) == figures[1:]
    assert same_weights(whole, second)
    second.save(tmp_path / "second")
    whole.save(tmp_path / "whole")
    assert (tmp_path / "whole").read_bytes() == (tmp_path / "second").read_bytes()


@pytest.mark.parametrize("change", [{"optimizer": Optimizer.ADAM}, {"schedule": Schedule.COSINE}])
def test_another_way_to_the_weights_is_another_run(change: dict, tmp_path: Path) -> None:
    trainer = Trainer(TINY, noise_faces(20), SHORT)
    next(iter(trainer))
    trainer.save(tmp_path / "checkpoint")
    with pytest.raises(InputError, match=r"was (sgd|one-cycle), is now (adam|cosine);"):
        Trainer(TINY, noise_faces(20), replace(SHORT, **change)).resume(tmp_path / "checkpoint")


def test_adam_has_its_usual_constants() -> None:
    for optimizer, kind in (
        (Optimizer.ADAM, torch.optim.Adam),
        (Optimizer.ADAMW, torch.optim.AdamW),
    ):
        made = Optimization(
            TINY.build(), replace(SHORT, optimizer=optimizer), STEPS, None
        ).optimizer
        assert type(made) is kind
        (group,) = made.param_groups
        assert (group["betas"], group["eps"], group["weight_decay"]) == ((0.9, 0.999), 1e-8, 5e-4)
