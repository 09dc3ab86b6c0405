"""torch in eager mode: the network as it was trained, in FP32, before any export."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from edgefer.benchmarks.peer import Peer
from edgefer.bundle import Bundle
from edgefer.data.faces import Pixels
from edgefer.errors import InputError, MachineError, MissingDependency
from edgefer.imports import require
from edgefer.manifest import Manifest
from edgefer.zoo.registry import DEFAULT_NETWORK, NETWORKS, Choices, Network, find_network

if TYPE_CHECKING:
    from edgefer.zoo.weights import Loaded

_RANDOM = "random:"


class TorchPeer(Peer):
    """A bundle's network with its pixel input in front and its fusion behind."""

    kind = name = "torch"
    device: ClassVar[str] = "cpu"

    def __init__(self, loaded: Loaded, note: str, answers: bool, threads: int) -> None:
        self._torch = require("torch", "torch")
        contract = require("edgefer.zoo.contract", "torch")
        module = contract.PixelsToAnswers(loaded.network, loaded.module).eval()
        self._module: Any = module.to(self.device)
        self._threads, self._before = threads, self._torch.get_num_threads()
        self.note, self.answers = note, answers

    @classmethod
    def open(cls, bundle: Bundle, path: Path, threads: int, weights: str | None) -> TorchPeer:
        """Build the bundle's network and load `weights`, or the bundle's, or some from chance.

        Raises InputError where the network is none of ours, or the weights are of another.
        """
        network = _find_network(bundle.manifest, path)
        arithmetic = cls._arithmetic(require("torch", "torch"))
        loaded = _load(network, bundle.manifest, weights)
        if loaded.network != network:
            msg = (
                f"{weights}: expected weights for {_described(network)}, as {path} has it, found "
                f"some for {_described(loaded.network)}"
            )
            raise InputError(msg)
        own = _are_of(loaded, bundle.manifest)
        answers = own or loaded.origin["sha256"] is not None
        source = loaded.origin["source"] if answers else "chance, for its times alone"
        weights_of = "of the bundle's network" if own else f"from {source}"
        return cls(loaded, f"eager, {arithmetic}, weights {weights_of}", answers, threads)

    def run(self, faces: Pixels) -> NDArray[np.float32]:
        """On this peer's threads: their number is the process's, so each call sees to it."""
        torch = self._torch
        if torch.get_num_threads() != self._threads:
            torch.set_num_threads(self._threads)
        with torch.inference_mode():
            pixels = torch.from_numpy(faces).to(self.device)
            found: NDArray[np.float32] = self._module(pixels)[0].cpu().numpy()
        return found

    def close(self) -> None:
        """Let go of the network, and give the process back its number of threads."""
        self._module = None
        self._torch.set_num_threads(self._before)

    @classmethod
    def _arithmetic(cls, torch: Any) -> str:
        """What it computes in, in words. Raises where this torch has not the device."""
        return "FP32"


class TorchCuda(TorchPeer):
    """The same on the GPU: pixels go there and answers come back, as everyone's do."""

    kind = name = "torch-cuda"
    # The tests put a CPU's here.
    device = "cuda"

    @classmethod
    def _arithmetic(cls, torch: Any) -> str:
        check_cuda(torch)
        return "FP32, convolutions in TF32" if torch.backends.cudnn.allow_tf32 else "FP32"


def check_cuda(torch: Any) -> None:
    """Raise MissingDependency or MachineError where torch has no GPU."""
    if torch.version.cuda is None:
        msg = f"torch {torch.__version__}: expected one with CUDA, found one for the CPU alone"
        raise MissingDependency(msg)
    if not torch.cuda.is_available():
        msg = f"torch {torch.__version__} finds no GPU"
        raise MachineError(msg)


def load_shipped() -> Loaded:
    """The default network with the weights that ship with it, in eval mode."""
    weights = require("edgefer.zoo.weights", "torch")
    with resources.as_file(resources.files("edgefer.assets")) as folder:
        file = str(folder / f"{DEFAULT_NETWORK}.safetensors")
        loaded: Loaded = weights.load_network(find_network(DEFAULT_NETWORK), file)
    return loaded


def _find_network(manifest: Manifest, path: Path) -> Network:
    """The network of ours that the bundle was made of."""
    ours = NETWORKS.get(manifest.network)
    if ours is not None:
        try:
            made = ours.varied(Choices.from_json(list(manifest.labels), manifest.variant))
        except (ValueError, InputError):  # another network of that name
            made = None
        if made is not None and made.size == manifest.size:
            return made
    msg = (
        f"{path}: torch runs the networks {', '.join(NETWORKS)} as edgefer has them, found "
        f"'{manifest.network}' of others; leave torch out"
    )
    raise InputError(msg)


def _load(network: Network, manifest: Manifest, weights: str | None) -> Loaded:
    load_network = require("edgefer.zoo.weights", "torch").load_network
    source = str(weights or manifest.weights.get("source", ""))
    if weights is None and network == NETWORKS[DEFAULT_NETWORK]:
        shipped = load_shipped()
        if _are_of(shipped, manifest):
            return shipped
    if weights is None and not source.startswith(_RANDOM):
        source = f"{_RANDOM}0"
    loaded: Loaded = load_network(network, source)
    return loaded


def _are_of(loaded: Loaded, manifest: Manifest) -> bool:
    """Whether these are the weights that the bundle was made of."""
    keys = ("source", "sha256") if loaded.origin["sha256"] is None else ("sha256",)
    return all(loaded.origin[key] == manifest.weights.get(key) for key in keys)


def _described(network: Network) -> str:
    return f"{network.name}, {Choices(network.labels, network.size, network.without)}"
