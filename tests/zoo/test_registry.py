"""The networks by name."""

from __future__ import annotations

import pytest

from edgefer.errors import InputError
from edgefer.labels import ORDERS
from edgefer.zoo.registry import (
    DEFAULT_NETWORK,
    NETWORKS,
    UNCHANGED,
    Choices,
    PixelScale,
    ScaleOrder,
    find_network,
)


def test_the_default_is_there() -> None:
    assert find_network(DEFAULT_NETWORK).name == DEFAULT_NETWORK


@pytest.mark.parametrize("name", ["", "FER-LITE", "vgg"])
def test_an_unknown_name_gets_those_there_are(name: str) -> None:
    with pytest.raises(InputError, match=rf"network '{name}': expected one of .*fer-lite"):
        find_network(name)


def test_names_and_labels_are_consistent() -> None:
    for name, network in NETWORKS.items():
        assert network.name == name
        assert len(set(network.labels)) == len(network.labels)
        assert len(network.scale.weights) == len(network.scale.bias)


def test_the_six_are_there() -> None:
    assert set(NETWORKS) == {"fer-lite", "resnet18", "ma-net", "aglf", "lnl-attennet", "fer-vt"}


def test_a_variant_can_be_told_and_chosen_again() -> None:
    network = find_network("ma-net")
    choices = Choices(
        labels=ORDERS["raf-db"],
        size=112,
        without=frozenset({"regions"}),
        scale_order=ScaleOrder.BIDIRECTIONAL,
    )
    chosen = network.varied(choices)
    assert chosen.variant == {
        "size": 112,
        "without": ["regions"],
        "scale_order": "bidirectional",
    }
    labels = [str(label) for label in chosen.labels]
    assert network.varied(Choices.from_json(labels, chosen.variant)) == chosen
    assert network.varied(UNCHANGED) == network


@pytest.mark.parametrize(
    ("name", "choices", "message"),
    [
        ("ma-net", Choices(size=100), "ma-net: expected a size of a multiple of 16 pixels"),
        ("ma-net", Choices(size=1024), "pixels up to 512, found 1024"),
        ("fer-vt", Choices(size=0), "fer-vt: expected a size of a multiple of 32"),
        ("fer-lite", Choices(size=64), "fer-lite: expected a size of 48 pixels, found 64"),
        (
            "aglf",
            Choices(without=frozenset({"grid", "eca"})),
            "aglf: expected to leave out eca or regions or attention, found grid",
        ),
        ("fer-lite", Choices(without=frozenset({"x"})), "leave out nothing, found x"),
        ("aglf", Choices(scale_order=ScaleOrder.FORWARD), "aglf: has no scale order to choose"),
    ],
)
def test_a_choice_that_a_network_does_not_have(name: str, choices: Choices, message: str) -> None:
    with pytest.raises(InputError, match=message):
        find_network(name).varied(choices)


def test_rgb_scale_is_mean_and_deviation() -> None:
    scale = PixelScale.rgb((0.5, 0.4, 0.3), (0.5, 0.25, 0.2))
    assert [row[i] * 255 for i, row in enumerate(scale.weights)] == pytest.approx([2, 4, 5])
    assert scale.bias == pytest.approx((-1, -1.6, -1.5))
