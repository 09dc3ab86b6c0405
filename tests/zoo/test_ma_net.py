"""ma-net is the authors' network: their names, their shapes, their order of computation."""

from __future__ import annotations

import ast
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from edgefer.labels import ORDERS
from edgefer.zoo.cost import cost_of
from edgefer.zoo.ma_net import MaNet, MulScaleBlock
from edgefer.zoo.registry import Choices, ScaleOrder, find_network

NETWORK = find_network("ma-net")
SMALL = NETWORK.varied(Choices(size=32))
FACES = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def ma_net() -> MaNet:
    module = SMALL.build()
    assert isinstance(module, MaNet)
    return module.eval()


def test_every_tensor_is_the_published_one(shared: Path, ma_net: MaNet) -> None:
    lines = (shared / "reference/ma_net_state_dict.txt").read_text().splitlines()
    pairs = (line.split("\t") for line in lines if "\t" in line)
    published = {name.removeprefix("module."): ast.literal_eval(shape) for name, shape in pairs}
    found = {name: tuple(tensor.shape) for name, tensor in ma_net.state_dict().items()}
    assert found == published
    assert list(found) == list(published)


def test_its_size_is_the_published_one(ma_net: MaNet) -> None:
    assert len(ma_net.state_dict()) == 692
    cost = cost_of(NETWORK)
    assert cost.parameters == 50_547_214
    assert cost.multiply_adds == pytest.approx(3.638e9, rel=0.001)
    assert cost_of(replace(NETWORK, labels=ORDERS["affectnet"])).parameters == 50_548_240


def test_decisions_are_fused_as_logits(ma_net: MaNet) -> None:
    heads = torch.tensor([[1.0, 0.0, 3.0]]), torch.tensor([[0.0, 2.0, 1.0]])
    (found,) = ma_net.answers(heads)
    expected = torch.softmax(torch.tensor([[0.6, 0.8, 2.2]]), dim=1)
    torch.testing.assert_close(found, expected)
    targets = torch.tensor([[0.0, 0.5, 0.5]])
    each = [functional.cross_entropy(logits, targets) for logits in heads]
    torch.testing.assert_close(ma_net.loss(heads, targets), 0.6 * each[0] + 0.4 * each[1])


def test_regions_are_read_like_a_page(ma_net: MaNet) -> None:
    seen: dict[str, Tensor] = {}

    def keep(name: str) -> Any:
        return lambda _module, given, made: seen.update({f"{name} in": given[0], name: made})

    names = ["layer2", *(f"layer3_1_p{region}" for region in range(1, 5))]
    hooks = [ma_net.get_submodule(name).register_forward_hook(keep(name)) for name in names]
    with torch.no_grad():
        ma_net(torch.rand(1, 3, 64, 64))
    for hook in hooks:
        hook.remove()
    upper, lower = seen["layer2"].chunk(2, dim=2)
    regions = [*upper.chunk(2, dim=3), *lower.chunk(2, dim=3)]
    for region, expected in enumerate(regions, 1):
        assert torch.equal(seen[f"layer3_1_p{region} in"], expected)


def test_both_scale_orders_take_the_same_weights_and_answer_otherwise(ma_net: MaNet) -> None:
    other = SMALL.varied(Choices(scale_order=ScaleOrder.BIDIRECTIONAL)).build().eval()
    other.load_state_dict(ma_net.state_dict())
    with torch.no_grad():
        forward, backward = ma_net(FACES), other(FACES)
    torch.testing.assert_close(forward[0], backward[0])  # the regions have no scales
    assert not torch.allclose(forward[1], backward[1], atol=1e-3)


@pytest.mark.parametrize("order", ScaleOrder)
def test_the_passes_by_hand(order: ScaleOrder) -> None:
    """Each slice hears the one before it; against the second pass, the one behind it."""
    block = MulScaleBlock(8, 8, 1, order).eval()
    for part in block.modules():
        if isinstance(part, torch.nn.BatchNorm2d):
            part.running_mean.uniform_(-1, 1)
    x = torch.rand(1, 8, 5, 5)
    with torch.no_grad():
        found = block(x)
        slices = torch.relu(block.bn1(block.conv1(x))).chunk(4, dim=1)
        passes = []
        for number in (1, 2):
            against = number == 2 and order is ScaleOrder.BIDIRECTIONAL
            heard: Tensor | float = 0.0
            made: list[Tensor] = []
            for place in (3, 2, 1, 0) if against else (0, 1, 2, 3):
                name = f"{number}_2_{place + 1}"
                given = torch.relu(torch.as_tensor(heard)) + slices[place]
                heard = block.get_submodule(f"bn{name}")(block.get_submodule(f"conv{name}")(given))
                made.append(heard)
            passes.append(torch.cat(made[::-1] if against else made, dim=1))
        expected = torch.relu(passes[0] + passes[1] + x)
    torch.testing.assert_close(found, expected)


def test_what_is_left_out_is_not_there() -> None:
    def names(part: str) -> set[str]:
        return set(SMALL.varied(Choices(without=frozenset({part}))).build().state_dict())

    whole = set(SMALL.build().state_dict())
    assert not any("cbam" in name for name in names("attention"))
    assert any("cbam" in name for name in names("multi-scale"))
    assert not any("conv1_2_1" in name for name in names("multi-scale"))
    assert names("regions") == {
        name for name in whole if "_1_p" not in name and not name.startswith("fc_1")
    }
