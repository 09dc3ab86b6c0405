"""aglf, lnl-attennet and fer-vt: regions where they belong, decisions fused as the papers say."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from edgefer.zoo.aglf import Aglf
from edgefer.zoo.cost import cost_of
from edgefer.zoo.fer_vt import FerVt
from edgefer.zoo.lnl_attennet import REGIONS, Heads, LnlAttenNet, LocalNetworks
from edgefer.zoo.network import FaceNetwork
from edgefer.zoo.registry import NETWORKS, Choices
from edgefer.zoo.unet import UNet


def build(name: str, size: int, *without: str) -> FaceNetwork:
    choices = Choices(size=size, without=frozenset(without))
    return NETWORKS[name].varied(choices).build().eval()


@pytest.mark.parametrize(
    ("name", "parameters", "multiply_adds"),
    [
        ("aglf", 9.10e6, 3.28e9),
        ("resnet18", 11_689_512 - 993 * 513, 1.814e9),
        ("fer-vt", 23.2e6, 3.78e9),
        ("lnl-attennet", 4.08e6, 2.46e9),
    ],
)
def test_sizes(name: str, parameters: float, multiply_adds: float) -> None:
    cost = cost_of(NETWORKS[name])
    assert cost.parameters == pytest.approx(parameters, rel=0.005)
    assert cost.multiply_adds == pytest.approx(multiply_adds, rel=0.005)


def test_every_region_of_aglf_has_its_own_corner() -> None:
    module = build("aglf", 64)
    assert isinstance(module, Aglf)
    seen: list[torch.Tensor] = []
    module.eca.register_forward_hook(lambda _module, _given, made: seen.append(made))
    for attend in module.attention:
        attend.register_forward_pre_hook(lambda _module, given: seen.append(given[0]))
    with torch.no_grad():
        module(torch.rand(1, 3, 64, 64))
    whole, *regions = seen
    assert whole.shape == (1, 1024, 4, 4)
    corners = [whole[:, :, y : y + 2, x : x + 2] for y in (0, 2) for x in (0, 2)]
    assert all(torch.equal(region, corner) for region, corner in zip(regions, corners))
    assert len({id(part) for part in (*module.attention, *module.classifiers)}) == 8


def test_probabilities_of_aglf_are_summed() -> None:
    module = build("aglf", 64)
    heads = [torch.randn(5, 7) for _ in range(4)]
    (found,) = module.answers(heads)
    total = torch.stack([torch.softmax(logits, dim=1) for logits in heads]).sum(dim=0)
    torch.testing.assert_close(found, total / 4)
    torch.testing.assert_close(found.sum(dim=1), torch.ones(5))
    targets = torch.eye(7)[:5]
    each = [nn.functional.cross_entropy(logits, targets) for logits in heads]
    torch.testing.assert_close(module.loss(heads, targets), torch.stack(each).sum())


def test_sixteen_local_networks_are_one_kernel() -> None:
    """The grouped convolutions answer as sixteen networks in a loop do."""
    local = LocalNetworks(4, attends=True).eval()
    features = torch.randn(2, 4, 32, 32)
    with torch.no_grad():
        found = local(features)
        for region in range(REGIONS):
            row, column = divmod(region, 4)
            x = features[:, :, 8 * row : 8 * row + 8, 8 * column : 8 * column + 8]
            for place in (0, 3):
                grouped, norm = local.layers[place], local.layers[place + 1]
                assert isinstance(grouped, nn.Conv2d)
                own = grouped.weight.chunk(REGIONS)[region]
                x = nn.functional.conv2d(x, own, None, 2, 1)
                x = torch.relu(x / torch.sqrt(norm.running_var[0] + norm.eps))
            assert local.attention is not None
            bias = local.attention.bias
            assert bias is not None
            own = local.attention.weight.chunk(REGIONS)[region]
            gate = torch.sigmoid(nn.functional.conv2d(x, own, bias.chunk(REGIONS)[region]))
            torch.testing.assert_close(found[:, region], (x * gate).mean(dim=(2, 3)))
    convolutions = [part for part in local.modules() if isinstance(part, nn.Conv2d)]
    assert [part.groups for part in convolutions] == [REGIONS] * 3


def test_region_weights_add_up_to_one_and_see_what_is_covered() -> None:
    module = build("lnl-attennet", 64)
    faces = torch.rand(3, 3, 64, 64)
    covered = faces.clone()
    covered[:, :, 32:48, 16:32] = 0
    with torch.no_grad():
        first, then = (module.answers(module(picture))[1] for picture in (faces, covered))
    assert module.outputs == ("probabilities", "region_weights")
    torch.testing.assert_close(first.sum(dim=1), torch.ones(3))
    assert (first - then).abs().max() > 1e-6


def test_a_region_s_weight_scales_its_features() -> None:
    """With equal weights the regions are as they are without the non-local network."""
    module = build("lnl-attennet", 64)
    assert isinstance(module, LnlAttenNet)
    plain = build("lnl-attennet", 64, "non-local")
    missing = plain.load_state_dict(module.state_dict(), strict=False)
    assert missing.missing_keys == []
    nn.init.zeros_(module.weigh.weight)
    nn.init.zeros_(module.weigh.bias)
    assert module.non_local is not None
    nn.init.zeros_(module.non_local.out.weight)
    nn.init.zeros_(module.non_local.out.bias)
    faces = torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        heads, others = module(faces), plain(faces)
    torch.testing.assert_close(heads.weights, torch.full((2, REGIONS), 1 / REGIONS))
    torch.testing.assert_close(heads.joint, others.joint)
    assert plain.outputs == ("probabilities",)
    assert len(plain.answers(others)) == 1


def test_the_weights_do_not_learn_from_the_regions_losses() -> None:
    module = build("lnl-attennet", 64)
    weights = torch.full((1, REGIONS), 1 / REGIONS, requires_grad=True)
    regions = torch.randn(1, REGIONS, 7, requires_grad=True)
    joint, whole = torch.randn(1, 7, requires_grad=True), torch.randn(1, 7, requires_grad=True)
    module.loss(Heads(joint, regions, whole, weights), torch.eye(7)[:1]).backward()
    assert weights.grad is None
    assert all(head.grad is not None for head in (joint, regions, whole))


def test_unet_goes_down_and_comes_back() -> None:
    fine, deep = UNet(3, 8)(torch.rand(1, 3, 32, 48))
    assert fine.shape == (1, 8, 32, 48)
    assert deep.shape == (1, 64, 4, 6)


def test_fer_vt_has_a_token_for_each_stage_and_one_for_the_class() -> None:
    module = build("fer-vt", 64)
    assert isinstance(module, FerVt)
    seen: list[torch.Tensor] = []
    module.layers.register_forward_pre_hook(lambda _module, given: seen.append(given[0]))
    with torch.no_grad():
        module(torch.rand(2, 3, 64, 64))
    assert seen[0].shape == (2, 4, 192)
    alone = build("fer-vt", 64, "pyramid", "grid")
    assert isinstance(alone, FerVt)
    assert len(alone.tokenizers) == 1
    assert not any(name.startswith("grid") for name in alone.state_dict())


@pytest.mark.parametrize("name", ["resnet18", "aglf", "fer-vt"])
def test_trunks_have_torchvision_s_names(name: str) -> None:
    size = 64 if name != "resnet18" else 32
    module = build(name, size)
    assert module.trunk is not None
    names = {key.removeprefix(module.trunk) for key in module.state_dict()}
    stages = (3, 4, 6, 3) if name != "resnet18" else (2, 2, 2, 2)
    convolutions = 3 if name == "aglf" else 2
    expected = {"conv1.weight", *_norm("bn1")}
    for number, blocks in enumerate(stages[:3] if name == "aglf" else stages, 1):
        for block in range(blocks):
            stem = f"layer{number}.{block}"
            for part in range(1, convolutions + 1):
                expected |= {f"{stem}.conv{part}.weight", *_norm(f"{stem}.bn{part}")}
            if block == 0 and (number > 1 or name == "aglf"):
                expected |= {f"{stem}.downsample.0.weight", *_norm(f"{stem}.downsample.1")}
    assert expected <= names


def _norm(name: str) -> set[str]:
    parts = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
    return {f"{name}.{part}" for part in parts}
