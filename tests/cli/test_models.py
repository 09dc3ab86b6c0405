"""`edgefer models` with torch and without."""

from __future__ import annotations

import json
import sys

import pytest

from edgefer.zoo.registry import DEFAULT_NETWORK, NETWORKS


@pytest.fixture
def without_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine where torch is not installed."""
    monkeypatch.setitem(sys.modules, "torch", None)


def test_lists_every_network(edgefer) -> None:
    pytest.importorskip("torch", reason="costs are counted on the torch module")
    outcome = edgefer("models")
    assert outcome.status == 0
    assert "868,456" in outcome.out
    assert "50,547,214" in outcome.out
    assert "region_weights" in outcome.out
    assert max(map(len, outcome.out.splitlines())) <= 80
    assert all(name in outcome.out for name in NETWORKS)


def test_json_has_the_counts_as_numbers(edgefer) -> None:
    pytest.importorskip("torch", reason="costs are counted on the torch module")
    networks = json.loads(edgefer("models", "--json").out)["networks"]
    default = next(network for network in networks if network["default"])
    assert default["name"] == DEFAULT_NETWORK
    assert default["parameters"] == 868_456
    assert default["multiply_adds"] == 87_516_672
    assert default["labels"][0] == "neutral"


@pytest.mark.usefixtures("without_torch")
def test_without_torch_the_counts_are_unknown(edgefer) -> None:
    outcome = edgefer("models")
    assert outcome.status == 0
    assert "needs torch" in outcome.out
    (network, *_) = json.loads(edgefer("models", "--json").out)["networks"]
    assert (network["parameters"], network["multiply_adds"]) == (None, None)
