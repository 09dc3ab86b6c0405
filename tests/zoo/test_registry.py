"""The networks by name."""

from __future__ import annotations

import pytest

from edgefer.errors import InputError
from edgefer.zoo.registry import DEFAULT_NETWORK, NETWORKS, find_network


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
