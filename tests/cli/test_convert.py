"""`edgefer convert`, from checkpoints as MA-Net's training script writes them."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor

from edgefer.labels import ORDERS
from edgefer.zoo.network import FaceNetwork
from edgefer.zoo.registry import NETWORKS, find_network
from edgefer.zoo.weights import load_network, read_weights
from tests.cli.conftest import Outcome
from tests.training.tiny import TINY
from tests.zoo.foreign import save_legacy, save_official, save_zip, state_of

Run = Callable[..., Outcome]
MA_NET = find_network("ma-net")
FORWARD, BACKWARD = "forward", "bidirectional"


@pytest.fixture(scope="module")
def state() -> dict[str, Tensor]:
    """The 692 tensors of an MA-Net."""
    return state_of(MA_NET)


@pytest.fixture(scope="module")
def checkpoint(
    state: dict[str, Tensor], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    """Them in an official checkpoint, gone again after the tests: it has 200 MB."""
    path = tmp_path_factory.mktemp("official") / "model_best.pth.tar"
    save_official(state, path, save_zip, pytest.MonkeyPatch())
    yield path
    path.unlink()


@pytest.fixture
def weights(tmp_path: Path) -> Iterator[Path]:
    """A place for large weights that is empty afterwards."""
    yield tmp_path / "w.safetensors"
    (tmp_path / "w.safetensors").unlink(missing_ok=True)


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The tiny network is known, and the working folder has a checkpoint of it."""
    monkeypatch.setitem(NETWORKS, "tiny", TINY)
    monkeypatch.chdir(tmp_path)
    save_zip({"state_dict": state_of(TINY)}, tmp_path / "best.pth.tar")
    return tmp_path / "best.pth.tar"


def answers(module: FaceNetwork) -> Tensor:
    """What the network says to one ramp."""
    faces = torch.linspace(0, 1, 3 * MA_NET.size**2).reshape(1, 3, MA_NET.size, MA_NET.size)
    with torch.no_grad():
        (made,) = module.answers(module(faces))
    return made


def test_all_tensors_come_through_in_either_order(
    edgefer: Run, state: dict[str, Tensor], checkpoint: Path, weights: Path
) -> None:
    assert len(state) == 692
    made = {}
    for order in (FORWARD, BACKWARD):
        command = ("convert", "ma-net", checkpoint, "--scale-order", order, "--output", weights)
        outcome = edgefer(*command, "--json")
        assert (outcome.status, outcome.err) == (0, "")
        origin = json.loads(outcome.out)["training"]
        assert (origin["epoch"], origin["best_acc"], origin["scale_order"]) == (12, 88.5, order)
        _, module, _ = load_network(MA_NET, str(weights))
        found = module.state_dict()
        assert found.keys() == state.keys()
        assert all(torch.equal(found[name], tensor) for name, tensor in state.items())
        made[order] = answers(module)
    assert not torch.allclose(made[FORWARD], made[BACKWARD], atol=1e-6)


def test_the_old_format_too(
    edgefer: Run,
    state: dict[str, Tensor],
    weights: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    old = tmp_path / "old.pth.tar"
    save_official(state, old, save_legacy, monkeypatch)
    outcome = edgefer("convert", "ma-net", old, "--output", weights)
    old.unlink()
    assert (outcome.status, outcome.err) == (0, "")
    found = read_weights(weights, MA_NET).tensors
    assert found.keys() == state.keys()
    assert all(torch.equal(found[name], tensor) for name, tensor in state.items())
    for text in ("old.pth.tar, torch legacy", "692", "forward", "88.5", "__main__.RecorderMeter"):
        assert text in outcome.out
    assert "give --labels if the order is another" in " ".join(outcome.out.split())
    assert max(map(len, outcome.out.splitlines())) <= 80


def test_identities_are_dropped_and_it_is_said(edgefer: Run, tiny: Path) -> None:
    faces = state_of(TINY) | {"8.weight": torch.ones(12_666, 512), "8.bias": torch.ones(12_666)}
    save_zip({"state_dict": faces}, tiny)
    outcome = edgefer("convert", "tiny", tiny)
    assert (outcome.status, outcome.err) == (0, "")
    said = " ".join(outcome.out.split())
    assert "the classifier of 12,666 classes" in said
    assert "edgefer train tiny --weights tiny-best.safetensors --data DATA" in said
    assert read_weights(Path("tiny-best.safetensors"), TINY).headless
    document = json.loads(edgefer("convert", "tiny", tiny, "--json").out)
    assert (document["headless"], document["labels"]) == (True, None)
    assert document["training"]["dropped"] == document["training"]["fresh"] == ["8"]


@pytest.mark.parametrize(
    "labels", ["affectnet", "ferplus", ",".join(reversed(ORDERS["ferplus"])), None]
)
def test_labels_by_name_or_one_by_one(edgefer: Run, tiny: Path, labels: str | None) -> None:
    option = () if labels is None else ("--labels", labels)
    outcome = edgefer("convert", "tiny", tiny, *option, "--output", "w")
    assert (outcome.status, outcome.err) == (0, "")
    expected = ORDERS.get(labels or "ferplus", TINY.labels[::-1])
    assert load_network(TINY, "w").network.labels == expected


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("tiny", "none.pth"), "none.pth: expected a checkpoint .* no such file"),
        (("vgg", "best.pth.tar"), "network 'vgg': expected one of"),
        (("tiny", "best.pth.tar", "--labels", "rafdb"), "--labels rafdb: expected ferplus, "),
        (("tiny", "best.pth.tar", "--labels", "anger,joyful"), "label 'joyful': expected one of"),
        (
            ("tiny", "best.pth.tar", "--labels", "raf-db"),
            "found one of 8 classes",
        ),
        (("tiny", "best.pth.tar", "--size", "64"), "tiny: expected a size of 16 pixels"),
        (("tiny", "best.pth.tar", "--without", "eca"), "tiny: expected to leave out nothing"),
        (
            ("tiny", "best.pth.tar", "--scale-order", "up"),
            "scale order 'up': expected one of forward",
        ),
        (("tiny", "best.pth.tar", "--output", "best.pth.tar"), "is the checkpoint itself"),
        (("tiny", "best.pth.tar", "--output", "no/w"), "no/w: cannot write there"),
        (("fer-lite", "best.pth.tar"), "not those of fer-lite: .* missing: .* too many"),
    ],
)
def test_errors_are_one_line(
    edgefer: Run, tiny: Path, arguments: tuple[str, ...], message: str
) -> None:
    before = tiny.read_bytes()
    outcome = edgefer("convert", *arguments)
    assert (outcome.status, outcome.out) == (2, "")
    assert outcome.err.count("\n") == 1
    assert re.search(message, outcome.err)
    assert tiny.read_bytes() == before
    assert not list(tiny.parent.glob("*.safetensors"))


def test_without_torch_the_extra_is_named(
    edgefer: Run, tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    outcome = edgefer("convert", "tiny", tiny)
    assert outcome.status == 3
    assert "pip install 'edgefer[torch]'" in outcome.err
