"""torch as a peer: whose weights it runs, that it says so, and on how many threads."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="the torch extra is not installed")

import torch

from edgefer.benchmarks.peer_torch import TorchCuda, TorchPeer
from edgefer.bundle import Bundle, read_bundle
from edgefer.errors import InputError, MachineError, MissingDependency
from edgefer.labels import ORDERS
from edgefer.manifest import Manifest, Precision
from edgefer.zoo.registry import NETWORKS, Choices
from edgefer.zoo.weights import save_weights

SMALL = NETWORKS["resnet18"].varied(Choices(size=32))
PATH = Path("mine.edgefer")


def made_of(source: str | None) -> Bundle:
    """A bundle of the small network that says where its weights are from."""
    manifest = Manifest.bare(SMALL.name, SMALL.size, SMALL.labels)
    origin = {} if source is None else {"source": source, "sha256": None, "training": None}
    return Bundle(replace(manifest, variant=SMALL.variant, weights=origin), {})


def answers(peer: TorchPeer) -> np.ndarray:
    face = np.random.default_rng(3).integers(0, 256, (1, SMALL.size, SMALL.size, 3), np.uint8)
    found = peer.run(face)
    np.testing.assert_allclose(found.sum(axis=1), 1, rtol=1e-5)
    return found


def test_weights_from_chance_say_so() -> None:
    with TorchPeer.open(made_of(None), PATH, 1, None) as peer:
        assert not peer.answers
        assert peer.note == "eager, FP32, weights from chance, for its times alone"
        assert answers(peer).shape == (1, 7)


def test_weights_from_the_bundles_own_chance() -> None:
    with TorchPeer.open(made_of("random:5"), PATH, 1, None) as own:
        assert own.answers
        assert own.note == "eager, FP32, weights of the bundle's network"
        with TorchPeer.open(made_of("random:0"), PATH, 1, "random:5") as same:
            assert not same.answers
            np.testing.assert_array_equal(answers(own), answers(same))
        with TorchPeer.open(made_of("random:0"), PATH, 1, None) as other:
            assert np.abs(answers(own) - answers(other)).max() > 1e-3


def test_the_default_network_with_other_weights_is_not_the_shipped_one(
    bundles: dict[Precision, Path],
) -> None:
    bundle = read_bundle(bundles[Precision.FP32])
    mine = {**bundle.manifest.weights, "sha256": "0" * 64}
    bundle = Bundle(replace(bundle.manifest, weights=mine), {})
    with TorchPeer.open(bundle, PATH, 1, None) as peer:
        assert not peer.answers
        assert "chance" in peer.note


def test_a_file_of_weights(tmp_path: Path) -> None:
    file = tmp_path / "mine.safetensors"
    save_weights(file, SMALL, SMALL.build().state_dict(), None)
    with TorchPeer.open(made_of("random:0"), PATH, 1, str(file)) as peer:
        assert peer.answers
        assert peer.note == "eager, FP32, weights from mine.safetensors"
        answers(peer)


def test_a_file_of_weights_for_other_labels(tmp_path: Path) -> None:
    file = tmp_path / "mine.safetensors"
    other = SMALL.varied(Choices(labels=ORDERS["ferplus"]))
    save_weights(file, other, other.build().state_dict(), None)
    with pytest.raises(InputError, match=r"mine.safetensors: expected .*mine.edgefer.*contempt"):
        TorchPeer.open(made_of(None), PATH, 1, str(file))


@pytest.mark.parametrize(
    ("network", "size", "variant"),
    [
        ("my-net", 48, {}),
        ("resnet18", 48, {}),
        ("resnet18", 48, {"layers": 18}),
        ("resnet18", 40, {"size": 40}),
    ],
)
def test_a_network_of_others(network: str, size: int, variant: dict[str, int]) -> None:
    manifest = replace(Manifest.bare(network, size, ORDERS["ferplus"]), variant=variant)
    with pytest.raises(InputError, match=f"^mine.edgefer: torch runs .*found '{network}' of other"):
        TorchPeer.open(Bundle(manifest, {}), PATH, 1, None)


def test_each_peer_has_its_own_threads() -> None:
    before = torch.get_num_threads()
    one, three = (TorchPeer.open(made_of(None), PATH, threads, None) for threads in (1, 3))
    with one, three:
        for peer, threads in ((one, 1), (three, 3), (one, 1)):
            answers(peer)
            assert torch.get_num_threads() == threads
    assert torch.get_num_threads() == before


@pytest.fixture
def as_if_cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    """A torch that is made for CUDA and finds a GPU, which is the CPU."""
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(TorchCuda, "device", "cpu")


@pytest.mark.usefixtures("as_if_cuda")
@pytest.mark.parametrize(("tf32", "how"), [(True, "FP32, convolutions in TF32"), (False, "FP32")])
def test_on_a_gpu_it_answers_as_on_the_cpu(
    tf32: bool, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", tf32)
    with (
        TorchPeer.open(made_of("random:5"), PATH, 1, None) as cpu,
        TorchCuda.open(made_of("random:5"), PATH, 1, None) as gpu,
    ):
        assert gpu.kind == "torch-cuda"
        assert gpu.note == f"eager, {how}, weights of the bundle's network"
        np.testing.assert_array_equal(answers(gpu), answers(cpu))


@pytest.mark.parametrize(
    ("cuda", "error", "says"),
    [
        (None, MissingDependency, "expected one with CUDA, found one for the CPU alone"),
        ("13.0", MachineError, "finds no GPU"),
    ],
)
def test_without_a_gpu_it_says_which(
    cuda: str | None, error: type[Exception], says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.version, "cuda", cuda)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(error, match=says):
        TorchCuda.open(made_of("random:5"), PATH, 1, None)
