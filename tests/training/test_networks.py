"""Every network can learn: gradients reach all of it, in every variant, and faces are learnt."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from edgefer.data.drawn import drawn_faces
from edgefer.training.options import TrainingOptions
from edgefer.training.trainer import Trainer
from edgefer.training.variation import Augmentation
from edgefer.zoo.contract import PixelInput
from edgefer.zoo.lnl_attennet import GRID, REGIONS, Heads, LnlAttenNet
from edgefer.zoo.network import FaceNetwork
from edgefer.zoo.registry import NETWORKS, Choices, Network, ScaleOrder, find_network

SMALL = 64
# A softmax over the keys does not change when all keys move alike.
WITHOUT_EFFECT = ("key.bias", "phi.bias")


def small(name: str, without: str | None = None, order: ScaleOrder | None = None) -> Network:
    network = find_network(name)
    size = SMALL if network.step else None
    parts = None if without is None else frozenset({without})
    return network.varied(Choices(size=size, without=parts, scale_order=order))


VARIANTS = [
    *(small(name) for name in NETWORKS),
    *(small(network.name, part) for network in NETWORKS.values() for part in network.parts),
    small("ma-net", order=ScaleOrder.BIDIRECTIONAL),
]


def title(network: Network) -> str:
    return "-".join((network.name, *sorted(network.without), str(network.scale_order or "")))


def built(network: Network) -> FaceNetwork:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return network.build()


def faces_of(network: Network, count: int = 8) -> tuple[Tensor, Tensor]:
    faces = drawn_faces(count).relabelled(network.labels)
    pixels = torch.from_numpy(faces.pixels(network.size))
    return PixelInput(network.scale)(pixels), torch.from_numpy(faces.targets)


def with_gradients(network: Network) -> tuple[FaceNetwork, Tensor]:
    """The network after one loss.backward() in training mode, and the loss."""
    module = built(network).train()
    faces, targets = faces_of(network)
    torch.manual_seed(1)  # dropout
    loss = module.loss(module(faces), targets)
    loss.backward()
    return module, loss


@pytest.mark.parametrize("network", VARIANTS, ids=title)
def test_gradients_reach_every_parameter(network: Network) -> None:
    module, loss = with_gradients(network)
    assert torch.isfinite(loss)
    for name, parameter in module.named_parameters():
        assert parameter.grad is not None, name
        assert torch.isfinite(parameter.grad).all(), name
        assert parameter.grad.any() or name.endswith(WITHOUT_EFFECT), name


def test_the_loss_is_that_of_guessing_at_first() -> None:
    _, loss = with_gradients(small("resnet18"))
    assert 1.5 < loss.item() < 4


@pytest.mark.parametrize("without", [None, "attention", "non-local"])
def test_every_region_of_lnl_attennet_learns(without: str | None) -> None:
    module, _ = with_gradients(small("lnl-attennet", without))
    assert isinstance(module, LnlAttenNet)
    assert module.local_heads.grad is not None
    assert module.local_heads.grad.abs().amax(dim=(1, 2)).min() > 0
    for name, parameter in module.local.named_parameters():
        assert parameter.grad is not None
        by_region = parameter.grad.reshape(REGIONS, -1).abs().amax(dim=1)
        assert by_region.min() > 0, name


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("ma-net", ["layer3_1_p1", "layer3_1_p2", "layer3_1_p3", "layer3_1_p4", "layer3_2"]),
        (
            "aglf",
            [f"{part}.{i}" for part in ("attention", "classifiers") for i in range(4)],
        ),
        (
            "fer-vt",
            ["grid", *(f"tokenizers.{i}" for i in range(3)), "layers.0", "layers.3"],
        ),
        ("lnl-attennet", ["unet", "local", "squeeze", "non_local", "weigh", "joint", "whole"]),
    ],
)
def test_every_branch_learns(name: str, parts: list[str]) -> None:
    module, _ = with_gradients(small(name))
    for part in parts:
        gradients = [p.grad for p in module.get_submodule(part).parameters() if p.grad is not None]
        assert max(float(gradient.abs().max()) for gradient in gradients) > 1e-7, part


@pytest.fixture
def attentive() -> tuple[FaceNetwork, Tensor]:
    """lnl-attennet in eval mode, and faces for it."""
    network = small("lnl-attennet")
    return built(network).eval(), faces_of(network, 4)[0]


@torch.no_grad()
def test_region_weights_add_up_to_one(attentive: tuple[FaceNetwork, Tensor]) -> None:
    module, faces = attentive
    heads: Heads = module(faces)
    assert heads.weights.shape == (4, REGIONS)
    assert (heads.weights > 0).all()
    assert torch.allclose(heads.weights.sum(dim=1), torch.ones(4), atol=1e-6)
    assert torch.equal(module.answers(heads)[1], heads.weights)


@pytest.mark.parametrize("region", [0, 5, 14])
@torch.no_grad()
def test_region_weights_see_what_is_hidden(
    attentive: tuple[FaceNetwork, Tensor], region: int
) -> None:
    module, faces = attentive
    row, column = divmod(region, GRID)
    side, hidden = SMALL // GRID, faces.clone()
    hidden[:, :, row * side : (row + 1) * side, column * side : (column + 1) * side] = -1
    before, after = module(faces).weights, module(hidden).weights
    assert torch.allclose(after.sum(dim=1), torch.ones(4), atol=1e-6)
    assert (after - before).abs().amax(dim=1).min() > 1e-5


def test_resnet18_learns_drawn_faces_by_heart() -> None:
    faces = drawn_faces(16, size=32)
    network = find_network("resnet18").varied(Choices(labels=faces.labels, size=32))
    options = TrainingOptions(
        epochs=30, batch=8, learning_rate=0.01, averaging=0.5, augmentation=Augmentation()
    )
    epochs = list(Trainer(network, faces, options, validation=faces))
    assert epochs[-1].train_accuracy == 1
    assert epochs[-1].accuracy == 1
