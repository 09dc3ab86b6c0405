"""The page on the networks says what the networks are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="sizes are counted on the networks")

from edgefer.zoo.cost import cost_of
from edgefer.zoo.registry import NETWORKS, Network

PAGE = (Path(__file__).parents[2] / "docs/networks.md").read_text()


@pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS)
def test_the_table_has_the_sizes_that_are_counted(network: Network) -> None:
    row = re.search(rf"^\| `{network.name}` \| ([\d,]+) \| ([\d.]+) ([MG]) \| (\d+)x", PAGE, re.M)
    assert row is not None
    cost = cost_of(network)
    assert int(row[1].replace(",", "")) == cost.parameters
    scale = {"M": 1e6, "G": 1e9}[row[3]]
    assert float(row[2]) * scale == pytest.approx(cost.multiply_adds, rel=0.005)
    assert int(row[4]) == network.size


@pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS)
def test_every_part_that_can_be_left_out_is_there(network: Network) -> None:
    section = PAGE.split(f"## {network.name}\n")[1].split("\n## ")[0]
    assert all(f"`{part}`" in section for part in network.parts)
    assert ("```mermaid" in section) == bool(network.parts)
