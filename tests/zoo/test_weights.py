"""Weights files: what goes in comes out, and nothing else is taken for one."""

from __future__ import annotations

import contextlib
import json
import pickle
from dataclasses import replace
from importlib import resources
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import load, save

from edgefer.errors import InputError
from edgefer.files import sha256
from edgefer.zoo.registry import Choices, ScaleOrder, find_network
from edgefer.zoo.weights import (
    FORMAT,
    canonical,
    load_network,
    read_metadata,
    read_weights,
    save_weights,
)
from tests.training.tiny import TINY

TENSORS = TINY.build().state_dict()
TRAINING = {"accuracy": 0.5, "data": {"name": "façade"}}
METADATA = {
    "format": FORMAT,
    "network": "tiny",
    "labels": json.dumps([str(label) for label in TINY.labels]),
    "training": "null",
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A weights file of the tiny network."""
    save_weights(tmp_path / "w.safetensors", TINY, TENSORS, TRAINING)
    return tmp_path / "w.safetensors"


def test_round_trip(path: Path) -> None:
    weights = read_weights(path, TINY)
    assert weights.tensors.keys() == TENSORS.keys()
    assert all(torch.equal(weights.tensors[name], tensor) for name, tensor in TENSORS.items())
    assert weights.origin == {
        "source": "w.safetensors",
        "sha256": sha256(path.read_bytes()),
        "training": TRAINING,
    }


def test_the_same_weights_are_the_same_file(path: Path, tmp_path: Path) -> None:
    turned = dict(reversed(TENSORS.items()))
    save_weights(tmp_path / "again", TINY, turned, dict(reversed(TRAINING.items())))
    assert (tmp_path / "again").read_bytes() == path.read_bytes()


def test_canonical_keeps_the_content() -> None:
    data = save(TENSORS, METADATA)
    changed = canonical(data)
    assert canonical(changed) == changed
    assert read_metadata(changed) == METADATA
    found = load(changed)
    assert all(torch.equal(found[name], tensor) for name, tensor in TENSORS.items())
    assert (int.from_bytes(changed[:8], "little") + 8) % 8 == 0


def test_a_loaded_network_answers_as_the_saved_one(path: Path) -> None:
    _, module, origin = load_network(TINY, str(path))
    assert not module.training
    assert origin["source"] == "w.safetensors"
    expected = TINY.build()
    expected.load_state_dict(TENSORS)
    faces = torch.rand(3, 1, 16, 16)
    assert torch.equal(module(faces), expected.eval()(faces))


def test_random_weights_depend_on_the_seed_alone() -> None:
    torch.manual_seed(1)
    state = torch.get_rng_state()
    _, first, origin = load_network(TINY, "random:7")
    assert torch.equal(torch.get_rng_state(), state)
    torch.rand(9)
    _, again, _ = load_network(TINY, "random:7")
    _, other, _ = load_network(TINY, "random:8")
    assert origin == {"source": "random:7", "sha256": None, "training": None}
    assert torch.equal(first.state_dict()["0.weight"], again.state_dict()["0.weight"])
    assert not torch.equal(first.state_dict()["0.weight"], other.state_dict()["0.weight"])
    assert not first.training


@pytest.mark.parametrize("seed", ["", "-1", "x", "1.5", "9" * 19, " 1"])
def test_wrong_seeds(seed: str) -> None:
    with pytest.raises(InputError, match=r"expected random:SEED"):
        load_network(TINY, f"random:{seed}")


def test_pickles_are_refused(tmp_path: Path) -> None:
    torch.save(TENSORS, tmp_path / "torch.pth")
    (tmp_path / "old.pth").write_bytes(pickle.dumps({"a": 1}))
    for name in ("torch.pth", "old.pth"):
        expected = rf"{name}: expected weights .*edgefer convert tiny .*{name}"
        with pytest.raises(InputError, match=expected):
            load_network(TINY, str(tmp_path / name))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": "pt"}, "expected weights of tiny, .* found tiny"),
        ({"network": "ma-net"}, "expected weights of tiny, .* found ma-net"),
        ({"labels": '["anger"]'}, r"in its metadata \(labels: expected two or more"),
        ({"labels": '{"anger": 1}'}, r"in its metadata \(labels: expected two or more"),
        ({"training": "{"}, "expected labels, variant and training in its metadata"),
        ({"variant": '{"size": 64}'}, "tiny: expected a size of 16 pixels, found 64"),
        ({"variant": '{"size": "16"}'}, "in its metadata"),
        ({"variant": '{"colour": 1}'}, "in its metadata"),
        ({"variant": "[]"}, "in its metadata"),
    ],
)
def test_other_metadata_is_refused(change: dict[str, str], message: str, tmp_path: Path) -> None:
    (tmp_path / "w").write_bytes(save(TENSORS, {**METADATA, **change}))
    with pytest.raises(InputError, match=message):
        read_weights(tmp_path / "w", TINY)


def test_no_metadata_is_refused(tmp_path: Path) -> None:
    (tmp_path / "w").write_bytes(save(TENSORS))
    with pytest.raises(InputError, match="found no network named in it"):
        read_weights(tmp_path / "w", TINY)


@pytest.mark.parametrize("change", ["missing", "more", "shape"])
def test_tensors_of_another_shape_are_refused(change: str, tmp_path: Path) -> None:
    tensors = dict(TENSORS)
    weight = tensors.pop("0.weight")
    if change == "more":
        tensors |= {"0.weight": weight, "9.weight": weight.clone()}
    if change == "shape":
        tensors["0.weight"] = weight[:4]
    save_weights(tmp_path / "w", TINY, tensors, None)
    with pytest.raises(InputError, match=r"w: the tensors are not those of the network"):
        load_network(TINY, str(tmp_path / "w"))


def test_an_absent_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="expected weights in safetensors, found no such file"):
        load_network(TINY, str(tmp_path / "none"))


@settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(place=st.integers(0, 1500), junk=st.binary(min_size=1, max_size=10), cut=st.booleans())
def test_damaged_files_are_read_or_refused(path: Path, place: int, junk: bytes, cut: bool) -> None:
    data = bytearray(path.read_bytes())
    data[place : len(data) if cut else place + len(junk)] = junk
    damaged = path.with_name("damaged")
    damaged.write_bytes(data)
    with contextlib.suppress(InputError):
        load_network(TINY, str(damaged))


def test_the_shipped_weights_load() -> None:
    network = find_network("fer-lite")
    path = resources.files("edgefer.assets") / "fer-lite.safetensors"
    _, module, origin = load_network(network, str(path))
    assert origin["training"]["network"] == "fer-lite"
    assert len(list(module.state_dict())) == len(list(network.build().state_dict()))


def test_weights_say_for_which_labels_they_are(tmp_path: Path) -> None:
    fewer = replace(TINY, labels=TINY.labels[::-1][:7])
    save_weights(tmp_path / "w", fewer, fewer.build().state_dict(), None)
    network, module, _ = load_network(TINY, str(tmp_path / "w"))
    assert network == fewer
    assert module(torch.rand(1, 1, 16, 16)).shape == (1, 7)


def test_weights_without_a_classifier_are_for_training_only(tmp_path: Path) -> None:
    save_weights(tmp_path / "w", TINY, TENSORS, None, headless=True)
    assert read_weights(tmp_path / "w", TINY).headless
    with pytest.raises(InputError, match="without a classifier; train one first: edgefer train"):
        load_network(TINY, str(tmp_path / "w"))


def test_a_choice_against_the_weights_is_refused(tmp_path: Path) -> None:
    network = find_network("ma-net")
    save_weights(tmp_path / "w", network, {"a": torch.zeros(1)}, None)
    for choices in (
        Choices(size=112),
        Choices(without=frozenset({"regions"})),
        Choices(scale_order=ScaleOrder.BIDIRECTIONAL),
        Choices(labels=network.labels[::-1]),
    ):
        with pytest.raises(InputError, match=r"w: made for .*'scale_order': 'forward'"):
            load_network(network, str(tmp_path / "w"), choices)
