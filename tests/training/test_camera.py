"""What a camera in a car adds: each effect alone, within its limits."""

from __future__ import annotations

import pytest
import torch

from edgefer.training.camera import photograph
from edgefer.training.variation import Camera

CLEAR = Camera(grey=0, gamma=(1, 1), blurred=0, shaken=0)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def colours(count: int = 64, size: int = 40) -> torch.Tensor:
    return torch.rand((count, 3, size, size), generator=generator(7))


def test_a_clear_camera_changes_nothing() -> None:
    faces = colours()
    assert torch.allclose(photograph(faces, CLEAR, generator()), faces, atol=1e-6)


def test_the_generator_decides() -> None:
    faces = colours()
    first = photograph(faces, Camera(), generator(1))
    torch.manual_seed(5)
    assert torch.equal(first, photograph(faces, Camera(), generator(1)))
    assert not torch.equal(first, photograph(faces, Camera(), generator(2)))
    assert first.min() >= 0
    assert first.max() <= 1


def test_grey_is_luma_in_every_channel_of_a_share_of_the_faces() -> None:
    faces = colours(400, 8)
    seen = photograph(faces, Camera(0.5, (1, 1), blurred=0, shaken=0), generator())
    grey = (seen == seen[:, :1]).flatten(1).all(dim=1)
    assert 0.4 < grey.float().mean() < 0.6
    luma = torch.einsum("c,nchw->nhw", torch.tensor([0.299, 0.587, 0.114]), faces)
    assert torch.allclose(seen[grey][:, 1], luma[grey], atol=1e-5)
    assert torch.allclose(seen[~grey], faces[~grey], atol=1e-6)


def test_gamma_is_spread_evenly_around_one() -> None:
    faces = torch.full((400, 3, 4, 4), 0.5)
    seen = photograph(faces, Camera(0, (0.5, 2.0), blurred=0, shaken=0), generator())
    gammas = torch.log(seen[:, 0, 0, 0]) / torch.log(torch.tensor(0.5))
    assert 0.5 <= gammas.min() < 0.55
    assert 1.8 < gammas.max() <= 2.0
    assert 0.4 < (gammas < 1).float().mean() < 0.6


def spread(faces: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Deviations of the light around its middle, across and down."""
    light = faces[:, 0] / faces[:, 0].sum(dim=(1, 2), keepdim=True)
    place = torch.arange(faces.shape[3]) - faces.shape[3] // 2
    across = (light.sum(dim=1) * place**2).sum(dim=1).sqrt()
    return across, (light.sum(dim=2) * place**2).sum(dim=1).sqrt()


@pytest.fixture
def points() -> torch.Tensor:
    """A point of light in the middle of each."""
    faces = torch.zeros(200, 3, 101, 101)
    faces[:, :, 50, 50] = 1
    return faces


def test_soft_outlines_are_as_wide_as_said(points: torch.Tensor) -> None:
    seen = photograph(points, Camera(0, (1, 1), 1.0, (0.01, 0.03), shaken=0), generator())
    across, down = spread(seen)
    assert torch.allclose(across, down, atol=1e-3)
    assert 0.9 < across.min() < 1.2
    assert 2.7 < across.max() < 3.05
    assert torch.allclose(seen.sum(dim=(1, 2, 3)), torch.tensor(3.0), atol=1e-3)


def test_a_streak_runs_across(points: torch.Tensor) -> None:
    seen = photograph(points, Camera(0, (1, 1), 0, shaken=1.0, streak=(0.05, 0.2)), generator())
    across, down = spread(seen)
    assert down.max() < 1e-3
    lengths = (seen[:, 0, 50] > 1e-4).sum(dim=1)
    assert 5 <= lengths.min() <= 9
    assert 17 <= lengths.max() <= 23
    assert across.min() > 1


def test_flat_faces_stay_flat_up_to_their_edges() -> None:
    faces = torch.full((32, 3, 24, 24), 0.25)
    seen = photograph(faces, Camera(0, (1, 1), 1.0, shaken=1.0), generator())
    assert torch.allclose(seen, faces, atol=1e-5)
