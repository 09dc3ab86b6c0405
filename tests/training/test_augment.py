"""The variation of faces: within its limits, and the same again from the same generator."""

from __future__ import annotations

import pytest
import torch

from edgefer.training.augment import augment
from edgefer.training.options import Augmentation

STILL = Augmentation(0, 0, 0, 0, 0, 0)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def random_faces(count: int = 32, channels: int = 1) -> torch.Tensor:
    return torch.rand((count, channels, 24, 24), generator=generator(7))


@pytest.mark.parametrize("channels", [1, 3])
def test_shape_type_and_values(channels: int) -> None:
    faces = random_faces(channels=channels)
    varied = augment(faces, Augmentation(), generator())
    assert varied.shape == faces.shape
    assert varied.dtype == torch.float32
    assert torch.isfinite(varied).all()


def test_the_generator_decides() -> None:
    faces = random_faces()
    first = augment(faces, Augmentation(), generator(1))
    torch.manual_seed(5)
    assert torch.equal(first, augment(faces, Augmentation(), generator(1)))
    assert not torch.equal(first, augment(faces, Augmentation(), generator(2)))


def test_the_faces_themselves_stay() -> None:
    faces = random_faces()
    before = faces.clone()
    augment(faces, Augmentation(), generator())
    assert torch.equal(faces, before)


def test_without_limits_faces_are_mirrored_at_most() -> None:
    faces = random_faces(200)
    varied = augment(faces, STILL, generator())
    same = (varied - faces).abs().amax(dim=(1, 2, 3)) < 1e-5
    mirrored = (varied - faces.flip(3)).abs().amax(dim=(1, 2, 3)) < 1e-5
    assert (same ^ mirrored).all()
    assert 60 < same.sum() < 140


def test_shift_is_a_share_of_the_width() -> None:
    faces = torch.zeros(64, 1, 40, 40)
    faces[:, :, 20, 20] = 1
    shifted = augment(faces, Augmentation(0, 0, 0.1, 0, 0, 0), generator())
    places = shifted.flatten(1).argmax(dim=1)
    rows, columns = places // 40, places % 40
    assert 3 <= (rows - 20).abs().max() <= 4
    assert 3 <= (columns - 20).abs().max() <= 5  # the mirror of column 20 is 19


def test_light_changes_by_its_limits() -> None:
    faces = torch.ones(256, 1, 4, 4)
    lit = augment(faces, Augmentation(0, 0, 0, 0.3, 0.2, 0), generator())
    assert torch.allclose(lit, lit[:, :, :1, :1].expand_as(lit), atol=1e-6)
    assert 0.5 <= lit.min() < 0.6
    assert 1.4 < lit.max() <= 1.5


def test_erased_are_that_share_of_the_faces_and_that_part_of_each() -> None:
    faces = torch.zeros(400, 1, 32, 32)
    erased = augment(faces, Augmentation(0, 0, 0, 0, 0, 0.5, (0.2, 0.4)), generator()) != 0
    parts = erased.float().mean(dim=(1, 2, 3))
    assert 0.4 < (parts > 0).float().mean() < 0.6
    assert parts.max() <= 0.45**2


def test_colours_move_together() -> None:
    faces = random_faces(8).expand(-1, 3, -1, -1)
    varied = augment(faces, Augmentation(erased=0), generator())
    assert torch.allclose(varied[:, 0], varied[:, 2], atol=1e-6)
