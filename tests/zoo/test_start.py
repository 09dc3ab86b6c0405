"""A training starts from weights, with their classifier or without."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from edgefer.errors import InputError
from edgefer.labels import ORDERS
from edgefer.zoo.checkpoints import Start, convert, start_from
from edgefer.zoo.network import FaceNetwork
from edgefer.zoo.registry import Choices, Network, find_network
from edgefer.zoo.weights import save_weights
from tests.training.tiny import TINY
from tests.zoo.foreign import save_zip, state_of

STATE = state_of(TINY)
BODY = {name: tensor for name, tensor in STATE.items() if not name.startswith("8.")}
AGLF = find_network("aglf")


def started(network: Network, path: Path) -> tuple[Start, dict[str, Tensor], dict[str, Tensor]]:
    """The start, and the module's tensors before and after."""
    module: FaceNetwork = network.build()
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    start = start_from(network, module, path)
    return start, before, module.state_dict()


def same(some: dict[str, Tensor], others: dict[str, Tensor]) -> set[str]:
    """The names of the tensors that are equal in both."""
    return {n for n in some if n in others and torch.equal(some[n], others[n])}


def test_complete_weights_go_on(tmp_path: Path) -> None:
    save_weights(tmp_path / "w", TINY, STATE, {"made": "here"})
    start, _, after = started(TINY, tmp_path / "w")
    assert start.fresh == ()
    assert start.origin["training"] == {"made": "here"}
    assert same(after, STATE) == set(STATE)


@pytest.mark.parametrize("labels", [TINY.labels[::-1], ORDERS["raf-db"]])
def test_a_classifier_for_other_labels_starts_anew(labels: tuple, tmp_path: Path) -> None:
    save_weights(tmp_path / "w", TINY, STATE, None)
    start, before, after = started(replace(TINY, labels=labels), tmp_path / "w")
    assert start.fresh == ("8",)
    assert same(after, STATE) == set(BODY)
    assert same(after, before) >= {"8.weight", "8.bias"}


@pytest.mark.parametrize("network", [TINY, replace(TINY, labels=ORDERS["fer2013"])])
def test_weights_without_a_classifier(network: Network, tmp_path: Path) -> None:
    save_weights(tmp_path / "w", TINY, BODY, None, headless=True)
    start, before, after = started(network, tmp_path / "w")
    assert start.fresh == ("8",)
    assert same(after, BODY) == set(BODY)
    assert same(after, before) >= {"8.weight", "8.bias"}


@pytest.mark.parametrize("headless", [True, False])
@pytest.mark.parametrize("state", [STATE, BODY])
def test_a_missing_layer_is_damage(state: dict, headless: bool, tmp_path: Path) -> None:
    damaged = {name: tensor for name, tensor in state.items() if name != "0.weight"}
    save_weights(tmp_path / "w", TINY, damaged, None, headless)
    with pytest.raises(InputError, match=r"w: \d tensors are missing \(0.weight"):
        started(TINY, tmp_path / "w")


def test_only_weights_that_say_so_may_lack_a_classifier(tmp_path: Path) -> None:
    save_weights(tmp_path / "w", TINY, BODY, None)
    with pytest.raises(InputError, match=r"w: 2 tensors are missing \(8.bias, 8.weight\)"):
        started(TINY, tmp_path / "w")


@pytest.mark.parametrize("headless", [True, False])
@pytest.mark.parametrize(
    "change", [{"9.bias": torch.ones(1)}, {"0.weight": torch.ones(1)}, {"1.bias": torch.ones(17)}]
)
def test_other_tensors_are_refused(change: dict, headless: bool, tmp_path: Path) -> None:
    state = BODY if headless else STATE
    save_weights(tmp_path / "w", TINY, {**state, **change}, None, headless)
    with pytest.raises(InputError, match="w: the tensors are not those of the network"):
        started(TINY, tmp_path / "w")


def test_another_variant_is_refused(tmp_path: Path) -> None:
    save_weights(tmp_path / "w", AGLF, {}, None, headless=True)
    other = AGLF.varied(Choices(without=frozenset({"eca"})))
    with pytest.raises(InputError, match=r"w: made for \{'without': \[\]\}, asked for .*'eca'"):
        start_from(other, TINY.build(), tmp_path / "w")


def test_another_size_is_taken_where_no_tensor_depends_on_it(tmp_path: Path) -> None:
    network = find_network("resnet18")
    save_weights(tmp_path / "w", network, network.build().state_dict(), None)
    smaller = network.varied(Choices(size=64))
    assert start_from(smaller, smaller.build(), tmp_path / "w").fresh == ()


@pytest.mark.parametrize("name", ["aglf", "fer-vt"])
def test_the_trunk_of_a_resnet(name: str, tmp_path: Path, keep: Callable[[str], bool]) -> None:
    network = find_network(name)
    prefix = type(network.build()).trunk or ""
    own = state_of(network)
    donor = {n[len(prefix) :]: t for n, t in own.items() if n.startswith(prefix) and keep(n)}
    save_zip({**donor, "fc.bias": torch.ones(1000)}, tmp_path / "c")
    made = convert(network, tmp_path / "c", tmp_path / "w")
    assert made.fit.fresh
    start, before, after = started(network, tmp_path / "w")
    assert list(start.fresh) == made.origin["fresh"]
    for plain, tensor in donor.items():
        assert torch.equal(after[prefix + plain], tensor)
    fresh = {n for n in after if not keep(n)}
    assert fresh == same({n: after[n] for n in fresh}, before)


@pytest.fixture
def keep() -> Callable[[str], bool]:
    """Whether a tensor is one of a ResNet's."""
    stages = ("conv1.", "bn1.", "layer1.", "layer2.", "layer3.", "layer4.")
    return lambda name: name.removeprefix("backbone.").startswith(stages)
