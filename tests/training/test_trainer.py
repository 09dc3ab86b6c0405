"""The training loop: it learns, repeats itself, and goes on where it stopped."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from edgefer.data.drawn import drawn_faces
from edgefer.data.faces import FaceSet
from edgefer.errors import CheckFailed, InputError
from edgefer.training.options import TrainingOptions
from edgefer.training.trainer import Epoch, Trainer
from edgefer.training.variation import Augmentation, Moves
from edgefer.zoo.contract import PixelInput
from edgefer.zoo.registry import Network, find_network
from tests.training.tiny import TINY, noise_faces

STILL = Augmentation(moves=Moves(0, 0, 0))
SHORT = TrainingOptions(epochs=3, batch=8)


def trained(options: TrainingOptions = SHORT, faces: int = 24) -> tuple[Trainer, list[Epoch]]:
    trainer = Trainer(TINY, noise_faces(faces), options)
    return trainer, list(trainer)


def same_weights(a: Trainer, b: Trainer) -> bool:
    pairs = zip(a.averaged.state_dict().items(), b.averaged.state_dict().values())
    return all(torch.equal(value, other) for (_, value), other in pairs)


def test_it_learns_drawn_faces_by_heart() -> None:
    faces = drawn_faces(64, size=24)
    faces = replace(faces, load=faces.pixels(24).__getitem__)
    options = TrainingOptions(epochs=25, batch=16, averaging=0.9, augmentation=STILL)
    epochs = list(Trainer(TINY, faces, options, validation=faces))
    assert epochs[0].loss > 1.8
    assert epochs[-1].loss < 0.3
    assert epochs[-1].accuracy is not None
    assert epochs[-1].accuracy > 0.95
    assert epochs[0].train_accuracy < 0.5
    assert epochs[-1].train_accuracy > 0.9


def test_epochs_are_numbered_and_accuracy_needs_faces() -> None:
    _, epochs = trained()
    assert [(epoch.number, epoch.accuracy) for epoch in epochs] == [(1, None), (2, None), (3, None)]


def test_the_same_run_gives_the_same_weights() -> None:
    (a, losses), (b, again) = trained(), trained()
    assert losses == again
    assert same_weights(a, b)
    other, _ = trained(replace(SHORT, seed=1))
    assert not same_weights(a, other)


def test_what_ran_before_does_not_matter() -> None:
    a, _ = trained()
    torch.manual_seed(99)
    torch.rand(5)
    assert same_weights(a, trained()[0])


@pytest.mark.parametrize("network", [TINY, find_network("fer-lite")], ids=lambda n: n.name)
@pytest.mark.parametrize("stop", [1, 2])
def test_a_resumed_run_ends_as_if_never_stopped(
    network: Network, stop: int, tmp_path: Path
) -> None:
    faces, valid = noise_faces(20), noise_faces(9, seed=1)
    whole = Trainer(network, faces, SHORT, valid)
    losses = list(whole)

    first = Trainer(network, faces, SHORT, valid)
    for epoch in first:
        first.save(tmp_path / "checkpoint")
        if epoch.number == stop:
            break
    second = Trainer(network, faces, SHORT, valid)
    second.resume(tmp_path / "checkpoint")
    assert list(second) == losses[stop:]

    assert same_weights(whole, second)
    whole.save(tmp_path / "whole")
    second.save(tmp_path / "second")
    assert (tmp_path / "whole").read_bytes() == (tmp_path / "second").read_bytes()


def test_a_finished_checkpoint_has_nothing_left_to_do(tmp_path: Path) -> None:
    whole, _ = trained()
    whole.save(tmp_path / "checkpoint")
    again = Trainer(TINY, noise_faces(24), SHORT)
    again.resume(tmp_path / "checkpoint")
    assert list(again) == []
    assert same_weights(whole, again)


@pytest.mark.parametrize(
    ("network", "faces", "options", "named"),
    [
        (find_network("fer-lite"), 24, SHORT, "network was tiny, is now fer-lite"),
        (TINY, 32, SHORT, "faces was 24, is now 32"),
        (TINY, 24, replace(SHORT, learning_rate=0.2), "learning_rate was 0.1, is now 0.2"),
        (TINY, 24, replace(SHORT, augmentation=STILL), r"rotation was 15.0, is now 0"),
    ],
)
def test_a_checkpoint_of_another_run_is_refused(
    network: Network, faces: int, options: TrainingOptions, named: str, tmp_path: Path
) -> None:
    trained()[0].save(tmp_path / "checkpoint")
    with pytest.raises(InputError, match=rf"checkpoint: of another run: {named}"):
        Trainer(network, noise_faces(faces), options).resume(tmp_path / "checkpoint")


def test_other_faces_of_the_same_name_are_noticed(tmp_path: Path) -> None:
    trained()[0].save(tmp_path / "checkpoint")
    others = replace(noise_faces(24, seed=5), name=noise_faces(1).name)
    with pytest.raises(InputError, match="sha256 was"):
        Trainer(TINY, others, SHORT).resume(tmp_path / "checkpoint")


def test_accuracy_is_that_of_the_averaged_weights() -> None:
    valid = noise_faces(40, seed=1)
    trainer = Trainer(TINY, noise_faces(24), SHORT, valid)
    epochs = list(trainer)
    with torch.no_grad():
        pixels = torch.from_numpy(valid.pixels(TINY.size))
        answers = trainer.averaged(PixelInput(TINY.scale)(pixels)).argmax(dim=1).numpy()
    assert epochs[-1].accuracy == pytest.approx((answers == valid.classes).mean())


def test_averages_stay_between_the_weights_they_average() -> None:
    trainer, _ = trained(replace(SHORT, epochs=1))
    averaged, last = trainer.averaged.state_dict(), trainer.module.state_dict()
    assert averaged["1.num_batches_tracked"] == last["1.num_batches_tracked"] == 3
    assert not torch.equal(averaged["0.weight"], last["0.weight"])
    assert all(torch.isfinite(value).all() for value in averaged.values())


def test_progress_runs_to_the_end() -> None:
    calls: list[tuple[str, int, int]] = []
    list(Trainer(TINY, noise_faces(24), SHORT, progress=lambda *call: calls.append(call)))
    assert calls == [("decoding noise0", 24, 24)] + [("training", n, 9) for n in range(1, 10)]


def test_a_loss_that_is_not_finite_ends_the_run() -> None:
    trainer = Trainer(TINY, noise_faces(24), replace(SHORT, learning_rate=1e30))
    with pytest.raises(CheckFailed, match="expected a finite loss, found nan"):
        list(trainer)


def relabelled(faces: FaceSet) -> FaceSet:
    return replace(faces, labels=faces.labels[::-1])


@pytest.mark.parametrize(
    ("faces", "valid", "message"),
    [
        (noise_faces(7), None, "at least 8 faces, a batch of them, found 7; give a smaller"),
        (relabelled(noise_faces(24)), None, "faces labelled neutral, .*, found contempt"),
        (noise_faces(24), relabelled(noise_faces(24)), "faces labelled neutral, .*, found cont"),
        (noise_faces(24), noise_faces(24).select([]), "at least 1 faces, .* found 0"),
    ],
    ids=["few", "labels", "validation labels", "no validation"],
)
def test_unusable_faces_are_refused(faces: FaceSet, valid: FaceSet | None, message: str) -> None:
    with pytest.raises(InputError, match=rf"noise0: expected {message}"):
        Trainer(TINY, faces, SHORT, valid)


def test_soft_targets_are_learnt_as_they_are() -> None:
    targets = np.full((16, 8), 1 / 8, np.float32)
    faces = replace(noise_faces(16), targets=targets)
    options = TrainingOptions(epochs=20, batch=16, learning_rate=0.02, augmentation=STILL)
    loss = list(Trainer(TINY, faces, options))[-1].loss
    assert loss == pytest.approx(np.log(8), abs=0.05)
