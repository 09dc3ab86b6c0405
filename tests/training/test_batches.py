"""What the steps of an epoch are given: every face once, or of each class alike many; varied."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from edgefer.data.faces import FaceSet
from edgefer.training.batches import Batches
from edgefer.training.options import TrainingOptions
from edgefer.training.variation import PRESETS, Covers, Preset
from edgefer.zoo.contract import PixelInput
from edgefer.zoo.registry import Choices, Network, find_network
from tests.training.tiny import LABELS, TINY, noise_faces

CPU = torch.device("cpu")
PLAIN = TrainingOptions(batch=8, augmentation=PRESETS[Preset.NONE])
COLOURED = find_network("resnet18").varied(Choices(labels=LABELS, size=16))


def batches(
    options: TrainingOptions = PLAIN,
    faces: FaceSet | None = None,
    network: Network = TINY,
    **more: int,
) -> Batches:
    return Batches(network, faces or noise_faces(27), options, CPU, **more)


def given(source: Batches, epoch: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    faces, targets = zip(*source.epoch(epoch))
    return torch.cat(faces), torch.cat(targets)


def test_every_face_once_in_another_order_each_epoch() -> None:
    source = batches()
    assert len(source) == 3
    orders = [np.concatenate(source.order(epoch)) for epoch in range(2)]
    assert all(len(set(order)) == 24 for order in orders)
    assert not np.array_equal(*orders)
    assert np.array_equal(orders[0], np.concatenate(batches().order(0)))


@pytest.mark.parametrize("network", [TINY, COLOURED], ids=lambda network: network.name)
def test_without_augmentation_faces_are_the_pixel_input_alone(network: Network) -> None:
    source = batches(network=network)
    rows = np.concatenate(source.order(0))
    faces, targets = given(source)
    pixels = torch.from_numpy(noise_faces(27).pixels(network.size, rows))
    # sums of another number of faces at once may be rounded otherwise
    torch.testing.assert_close(faces, PixelInput(network.scale)(pixels))
    assert np.array_equal(targets.numpy(), noise_faces(27).targets[rows])


@pytest.mark.parametrize("preset", Preset)
@pytest.mark.parametrize("network", [TINY, COLOURED], ids=lambda network: network.name)
def test_seed_and_epoch_decide(preset: Preset, network: Network) -> None:
    options = replace(PLAIN, augmentation=PRESETS[preset])
    first, _ = given(batches(options, network=network))
    torch.manual_seed(99)
    again, _ = given(batches(options, network=network, threads=3, keep=0))
    assert torch.equal(first, again)
    assert torch.isfinite(first).all()
    assert not torch.equal(first, given(batches(options, network=network), 1)[0])
    seeded = replace(options, seed=1)
    assert not torch.equal(first, given(batches(seeded, network=network))[0])


def test_the_trainer_may_learn_from_what_it_is_given() -> None:
    for _ in batches().epoch(0):
        assert torch.is_grad_enabled()


def unbalanced() -> FaceSet:
    """Ninety faces of one class, nine of another, one of a third."""
    classes = [0] * 90 + [3] * 9 + [5]
    targets = np.eye(len(LABELS), dtype=np.float32)[classes]
    return replace(noise_faces(len(classes)), targets=targets)


def test_balanced_classes_are_alike_many() -> None:
    source = batches(replace(PLAIN, balanced=True), unbalanced())
    found = [unbalanced().classes[np.concatenate(source.order(epoch))] for epoch in range(50)]
    shares = np.bincount(np.concatenate(found), minlength=len(LABELS)) / (50 * 96)
    assert np.abs(shares[[0, 3, 5]] - 1 / 3).max() < 0.03
    assert shares.sum() == pytest.approx(1)
    assert not np.array_equal(found[0], found[1])
    again = batches(replace(PLAIN, balanced=True), unbalanced())
    assert np.array_equal(np.concatenate(again.order(3)), np.concatenate(source.order(3)))


def test_covers_come_before_the_input() -> None:
    options = replace(PLAIN, augmentation=replace(PLAIN.augmentation, covers=Covers(1.0)))
    differs = given(batches(options))[0] != given(batches())[0]
    assert differs.flatten(1).any(dim=1).float().mean() > 0.9


@pytest.mark.parametrize("network", [TINY, COLOURED], ids=lambda network: network.name)
def test_a_preview_undoes_the_scaling(network: Network) -> None:
    before, after = batches(network=network, keep=0).preview(5)
    assert before.shape == after.shape == (5, 16, 16, 3)
    assert before.dtype == after.dtype == np.uint8
    shown = before if network is COLOURED else before @ (0.299, 0.587, 0.114)
    shown = shown if network is COLOURED else shown[..., None]
    assert np.abs(after - shown.astype(np.float64)).max() <= 1
