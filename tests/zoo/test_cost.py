"""What a network costs, against a count by hand."""

from __future__ import annotations

import pytest

pytest.importorskip("torch", reason="costs are counted on the torch module")

from edgefer.zoo.cost import cost_of
from edgefer.zoo.registry import NETWORKS


def test_fer_lite_by_hand() -> None:
    sides, widths = (48, 24, 12, 6), (32, 64, 128, 192)
    parameters = 9 * 32 + 2 * 32
    multiply_adds = 9 * 32 * 48**2
    for a, b, side in zip(widths, widths[1:], sides[1:]):
        weights = 9 * a * b + 9 * b * b + a * b
        parameters += weights + 3 * 2 * b
        multiply_adds += weights * side**2
    parameters += 192 * 8 + 8
    multiply_adds += 192 * 8
    cost = cost_of(NETWORKS["fer-lite"])
    assert (cost.parameters, cost.multiply_adds) == (parameters, multiply_adds)


@pytest.mark.parametrize("network", NETWORKS.values(), ids=lambda network: network.name)
def test_every_network_can_be_counted(network) -> None:
    cost = cost_of(network)
    assert cost.parameters == sum(p.numel() for p in network.build().parameters())
    assert cost.multiply_adds > cost.parameters / 10
