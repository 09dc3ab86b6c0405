"""Weights in safetensors: what they are for is in the file's own metadata. Nothing is unpickled."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn

from edgefer.errors import InputError, reason
from edgefer.files import read_bytes, sha256, write_atomically
from edgefer.zoo.network import FaceNetwork
from edgefer.zoo.registry import UNCHANGED, Choices, Network

FORMAT = "edgefer-weights-1"
_LIMIT = 2 << 30
_RANDOM = "random:"
_SEED_DIGITS = 18
# what the metadata says in JSON, and what it means where it says nothing
_DESCRIBED = {"labels": "null", "variant": "{}", "training": "null"}


@dataclass(frozen=True)
class Weights:
    """A state dict for `network` as it was trained; `origin` goes into the manifest.

    `headless` says that what depends on the labels is not in it, as in pre-trained weights.
    """

    network: Network
    tensors: dict[str, Tensor]
    origin: dict[str, Any]
    headless: bool


class Loaded(NamedTuple):
    """A network as its weights have it, in eval mode, and where the weights are from."""

    network: Network
    module: FaceNetwork
    origin: dict[str, Any]


def save_weights(
    path: Path, network: Network, tensors: dict[str, Tensor], training: Any, headless: bool = False
) -> None:
    """Write `tensors` for `network`; `training` (JSON) says how they were made."""
    metadata = {
        "format": FORMAT,
        "network": network.name,
        "labels": json.dumps([str(label) for label in network.labels]),
        "training": json.dumps(training, sort_keys=True),
    }
    if network.variant:
        metadata["variant"] = json.dumps(network.variant, sort_keys=True)
    if headless:
        metadata["headless"] = "true"
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    write_atomically(path, canonical(save(plain, metadata)))


def canonical(data: bytes) -> bytes:
    """The same safetensors with a sorted header: the library's own has a random order."""
    length = int.from_bytes(data[:8], "little")
    header = json.dumps(json.loads(data[8 : 8 + length]), sort_keys=True, separators=(",", ":"))
    padded = header.encode() + b" " * (-len(header) % 8)
    # one copy: the tensors of ma-net are 200 MB
    return b"".join((len(padded).to_bytes(8, "little"), padded, memoryview(data)[8 + length :]))


def load_network(network: Network, source: str, choices: Choices = UNCHANGED) -> Loaded:
    """`network` with the weights of `source` (a file, or random:SEED), in eval mode.

    A file says for which labels and variant it was made; with random weights the choices do.
    Raises InputError where the file is not safetensors, holds another network's weights, or was
    made for other choices.
    """
    if source.startswith(_RANDOM):
        chosen = network.varied(choices)
        origin = {"source": source, "sha256": None, "training": None}
        return Loaded(chosen, _random(chosen, source), origin)
    weights = read_weights(Path(source), network)
    if weights.headless:
        msg = (
            f"{source}: pre-trained weights without a classifier; train one first: "
            f"edgefer train {network.name} --weights {source} --data DATA"
        )
        raise InputError(msg)
    made_for, asked = weights.network, weights.network.varied(choices)
    if asked != made_for:
        found = {**made_for.variant, "labels": ", ".join(made_for.labels)}
        msg = f"{source}: made for {found}; leave out the options that ask for another"
        raise InputError(msg)
    module = made_for.build()
    load_tensors(module, weights.tensors, source)
    return Loaded(made_for, module.eval(), weights.origin)


def load_tensors(module: nn.Module, tensors: dict[str, Tensor], name: str) -> None:
    """Load a whole state dict; InputError names the file and the tensors that do not fit."""
    try:
        module.load_state_dict(tensors)
    except RuntimeError as error:
        msg = f"{name}: the tensors are not those of the network ({reason(error, 300)})"
        raise InputError(msg) from error


def read_weights(path: Path, network: Network) -> Weights:
    """The tensors of a weights file that was made for `network`, whatever its labels."""
    data = read_bytes(path, "weights in safetensors", _LIMIT)
    try:
        tensors = load(data)
    except SafetensorError as error:
        hint = f"{error}"
        if _looks_pickled(data):
            hint = f"a pickle: edgefer convert {network.name} {path} makes one of it"
        msg = f"{path}: expected weights in safetensors ({hint})"
        raise InputError(msg) from error
    metadata = read_metadata(data)
    if metadata.get("format") != FORMAT or metadata.get("network") != network.name:
        found = metadata.get("network", "no network named in it")
        msg = f"{path}: expected weights of {network.name}, as was asked for, found {found}"
        raise InputError(msg)
    try:
        labels, variant, training = (
            json.loads(metadata.get(key, default)) for key, default in _DESCRIBED.items()
        )
        made_for = network.varied(Choices.from_json(labels, variant))
    except (ValueError, RecursionError, InputError) as error:
        msg = (
            f"{path}: expected labels, variant and training in its metadata ({reason(error, 200)})"
        )
        raise InputError(msg) from error
    origin = {"source": path.name, "sha256": sha256(data), "training": training}
    return Weights(made_for, tensors, origin, headless=metadata.get("headless") == "true")


def read_metadata(data: bytes) -> dict[str, str]:
    """The `__metadata__` of safetensors bytes that `load` has accepted."""
    length = int.from_bytes(data[:8], "little")
    header: dict[str, dict[str, str]] = json.loads(data[8 : 8 + length])
    return header.get("__metadata__", {})


def _looks_pickled(data: bytes) -> bool:
    return data[:1] == b"\x80" or data[:2] == b"PK"


def _random(network: Network, source: str) -> FaceNetwork:
    digits = source[len(_RANDOM) :]
    if not digits.isdecimal() or len(digits) > _SEED_DIGITS:
        msg = f"weights '{source}': expected random:SEED with 1 to {_SEED_DIGITS} digits"
        raise InputError(msg)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(digits))
        return network.build().eval()
