"""The attention blocks against their formulas, written out."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from edgefer.zoo.attention import Cbam, Eca, GridAttention, NonLocal, in_cells

X = torch.randn(2, 32, 7, 7, generator=torch.Generator().manual_seed(0))


@torch.no_grad()
def test_eca_gates_a_channel_by_its_neighbours() -> None:
    block = Eca(5)
    assert sum(p.numel() for p in block.parameters()) == 5
    weights = block.conv.weight[0, 0]
    means = functional.pad(X.mean(dim=(2, 3)), (2, 2))
    sums = torch.stack([means[:, i : i + 5] @ weights for i in range(32)], dim=1)
    torch.testing.assert_close(block(X), X * torch.sigmoid(sums)[:, :, None, None])


@torch.no_grad()
def test_cbam_as_the_authors_of_ma_net_have_it() -> None:
    """With pooling of the map's size and an expanded gate, as in their code."""
    block = Cbam(32).eval()
    mlp, spatial = block.ChannelGate.mlp, block.SpatialGate.spatial
    pooled = [pool(X, X.shape[2:]) for pool in (functional.avg_pool2d, functional.max_pool2d)]
    gate = torch.sigmoid(mlp(pooled[0]) + mlp(pooled[1]))[:, :, None, None].expand_as(X)
    gated = X * gate
    places = torch.cat((gated.max(1)[0][:, None], gated.mean(1)[:, None]), dim=1)
    expected = gated * torch.sigmoid(spatial(places))
    torch.testing.assert_close(block(X), expected)
    assert isinstance(spatial.bn, nn.BatchNorm2d)
    assert spatial.bn.momentum == 0.01


@torch.no_grad()
def test_non_local_place_by_place() -> None:
    block = NonLocal(32).eval()
    theta, phi, g = (part(X)[0].flatten(1) for part in (block.theta, block.phi, block.g))
    seen = torch.zeros(16, 49)
    for place in range(49):
        weights = torch.softmax(theta[:, place] @ phi / 4, dim=0)
        seen[:, place] = g @ weights
    expected = X[:1] + block.out(seen.reshape(1, 16, 7, 7))
    torch.testing.assert_close(block(X[:1]), expected, atol=1e-5, rtol=1e-4)


def test_cells_are_the_picture_and_come_back() -> None:
    picture = torch.arange(2 * 3 * 8 * 8.0).reshape(2, 3, 8, 8)
    cells = in_cells(picture, 4)
    assert torch.equal(cells[1, 2, 3, :, 0], picture[1, 2, 6:8, 0:2])
    assert torch.equal(cells.reshape(picture.shape), picture)


@torch.no_grad()
def test_grid_attention_scales_whole_cells() -> None:
    block = GridAttention(4).eval()
    faces = torch.rand(2, 3, 32, 32) + 0.5
    gates = in_cells(block(faces) / faces, 4)
    assert (gates > 1).all()
    assert (gates < 2).all()
    for kept in (1, 3, 5):  # channels, and the places within a cell
        spread = gates.amax(dim=kept) - gates.amin(dim=kept)
        assert spread.max() < 1e-5
    assert gates[:, 0, :, 0, :, 0].std() > 0


@torch.no_grad()
def test_cells_of_a_face_depend_on_each_other() -> None:
    block = GridAttention(4).eval()
    faces = torch.rand(1, 3, 32, 32)
    changed = faces.clone()
    changed[:, :, 24:, 24:] = 1 - changed[:, :, 24:, 24:]
    assert not torch.equal(block(faces)[:, :, :8, :8], block(changed)[:, :, :8, :8])
