"""The variation of faces: within its limits, and the same again from the same generator."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from edgefer.training.augment import Tone, augment
from edgefer.training.variation import (
    PRESETS,
    AreaErasing,
    Augmentation,
    Crop,
    Erasing,
    Light,
    Moves,
    Preset,
)
from edgefer.zoo.registry import NETWORKS

TONE = Tone(1.0, 0.0)
STANDARD = PRESETS[Preset.STANDARD]
# What varies the network's input; a camera and covers come before it.
VARYING = [STANDARD, PRESETS[Preset.PAPER]]


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def random_faces(count: int = 32, channels: int = 1) -> torch.Tensor:
    return torch.rand((count, channels, 24, 24), generator=generator(7))


@pytest.mark.parametrize("wanted", VARYING)
@pytest.mark.parametrize("channels", [1, 3])
def test_shape_type_and_values(channels: int, wanted: Augmentation) -> None:
    faces = random_faces(channels=channels)
    varied = augment(faces, wanted, TONE, generator())
    assert varied.shape == faces.shape
    assert varied.dtype == torch.float32
    assert torch.isfinite(varied).all()


@pytest.mark.parametrize("wanted", VARYING)
def test_the_generator_decides(wanted: Augmentation) -> None:
    faces = random_faces()
    first = augment(faces, wanted, TONE, generator(1))
    torch.manual_seed(5)
    assert torch.equal(first, augment(faces, wanted, TONE, generator(1)))
    assert not torch.equal(first, augment(faces, wanted, TONE, generator(2)))


@pytest.mark.parametrize("wanted", VARYING)
def test_the_faces_themselves_stay(wanted: Augmentation) -> None:
    faces = random_faces()
    before = faces.clone()
    augment(faces, wanted, TONE, generator())
    assert torch.equal(faces, before)


def test_without_any_part_nothing_changes() -> None:
    faces = random_faces()
    assert torch.equal(augment(faces, Augmentation(), TONE, generator()), faces)


def test_standard_is_what_fer_lite_was_trained_with() -> None:
    faces = torch.linspace(-1, 1, 24 * 24).reshape(1, 1, 24, 24).repeat(8, 1, 1, 1)
    varied = augment(faces, STANDARD, TONE, generator(3))
    # of the version that trained the weights in edgefer/assets
    assert varied.abs().sum().item() == pytest.approx(2193.4675, abs=0.01)


def test_without_limits_faces_are_mirrored_at_most() -> None:
    faces = random_faces(200)
    varied = augment(faces, Augmentation(moves=Moves(0, 0, 0)), TONE, generator())
    same = (varied - faces).abs().amax(dim=(1, 2, 3)) < 1e-5
    mirrored = (varied - faces.flip(3)).abs().amax(dim=(1, 2, 3)) < 1e-5
    assert (same ^ mirrored).all()
    assert 60 < same.sum() < 140


def test_shift_is_a_share_of_the_width() -> None:
    faces = torch.zeros(64, 1, 40, 40)
    faces[:, :, 20, 20] = 1
    shifted = augment(faces, Augmentation(moves=Moves(0, 0, 0.1)), TONE, generator())
    places = shifted.flatten(1).argmax(dim=1)
    rows, columns = places // 40, places % 40
    assert 3 <= (rows - 20).abs().max() <= 4
    assert 3 <= (columns - 20).abs().max() <= 5  # the mirror of column 20 is 19


def test_light_changes_by_its_limits() -> None:
    faces = torch.ones(256, 1, 4, 4)
    lit = augment(faces, Augmentation(light=Light(0.3, 0.2)), TONE, generator())
    assert torch.allclose(lit, lit[:, :, :1, :1].expand_as(lit), atol=1e-6)
    assert 0.5 <= lit.min() < 0.6
    assert 1.4 < lit.max() <= 1.5


def test_erased_are_that_share_of_the_faces_and_that_part_of_each() -> None:
    faces = torch.zeros(400, 1, 32, 32)
    wanted = Augmentation(erasing=Erasing(0.5, (0.2, 0.4)))
    erased = augment(faces, wanted, TONE, generator()) != 0
    parts = erased.float().mean(dim=(1, 2, 3))
    assert 0.4 < (parts > 0).float().mean() < 0.6
    assert parts.max() <= 0.45**2


def test_colours_move_together() -> None:
    faces = random_faces(8).expand(-1, 3, -1, -1)
    varied = augment(faces, replace(STANDARD, erasing=None), TONE, generator())
    assert torch.allclose(varied[:, 0], varied[:, 2], atol=1e-6)


def test_a_crop_shows_a_part_of_the_face_alone() -> None:
    across = torch.linspace(0, 1, 32).expand(300, 1, 32, 32)
    cropped = augment(across, Augmentation(crop=Crop()), TONE, generator())
    low, high = cropped.amin(dim=(1, 2, 3)), cropped.amax(dim=(1, 2, 3))
    assert low.min() >= 0
    assert high.max() <= 1
    widths = high - low
    assert widths.min() < 0.4
    assert widths.max() > 0.95
    # mirrored or not, and not turned: each column is one value
    assert torch.allclose(cropped, cropped[:, :, :1].expand_as(cropped), atol=1e-5)
    rising = (cropped[:, 0, 0, -1] > cropped[:, 0, 0, 0]).float().mean()
    assert 0.4 < rising < 0.6


def test_erased_areas_are_within_their_limits() -> None:
    faces = torch.zeros(400, 1, 64, 64)
    wanted = Augmentation(erasing=AreaErasing(1.0, (0.1, 0.2), (0.5, 2.0)))
    parts = (augment(faces, wanted, TONE, generator()) != 0).float().mean(dim=(1, 2, 3))
    assert 0.08 < parts.min() < 0.12
    assert 0.18 < parts.max() < 0.22


@pytest.mark.parametrize("name", NETWORKS)
def test_a_preset_is_alike_strong_for_every_network(name: str) -> None:
    """Light and noise change the pixels by as much, whatever a network makes of them."""
    scale = NETWORKS[name].scale
    tone = Tone.of(scale)
    gain = sum(map(sum, scale.weights)) / len(scale.weights)
    offset = sum(scale.bias) / len(scale.bias)
    assert tone.deviation / gain == pytest.approx(0.254 * 255, abs=0.01)
    assert (tone.mean - offset) / gain == pytest.approx(0.507 * 255, abs=0.01)


def test_fer_lite_s_tone_is_its_own_scale() -> None:
    assert Tone.of(NETWORKS["fer-lite"].scale) == TONE
