"""Weights in safetensors: what they are for is in the file's own metadata. Nothing is unpickled."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn

from edgefer.errors import InputError, reason
from edgefer.files import read_bytes, sha256, write_atomically
from edgefer.zoo.registry import Network

FORMAT = "edgefer-weights-1"
_LIMIT = 2 << 30
_RANDOM = "random:"
_SEED_DIGITS = 18


@dataclass(frozen=True)
class Weights:
    """A state dict, with where it came from: `origin` goes into the manifest."""

    tensors: dict[str, Tensor]
    origin: dict[str, Any]


def save_weights(path: Path, network: Network, tensors: dict[str, Tensor], training: Any) -> None:
    """Write `tensors` for `network`; `training` (JSON) says how they were made."""
    metadata = {
        "format": FORMAT,
        "network": network.name,
        "labels": json.dumps([str(label) for label in network.labels]),
        "training": json.dumps(training, sort_keys=True),
    }
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    write_atomically(path, canonical(save(plain, metadata)))


def canonical(data: bytes) -> bytes:
    """The same safetensors with a sorted header: the library's own has a random order."""
    length = int.from_bytes(data[:8], "little")
    header = json.dumps(json.loads(data[8 : 8 + length]), sort_keys=True, separators=(",", ":"))
    padded = header.encode() + b" " * (-len(header) % 8)
    return len(padded).to_bytes(8, "little") + padded + data[8 + length :]


def load_network(network: Network, source: str) -> tuple[nn.Module, dict[str, Any]]:
    """`network` with the weights of `source` (a file, or random:SEED), in eval mode; the origin.

    Raises InputError where the file is not safetensors, or holds another network's weights.
    """
    if source.startswith(_RANDOM):
        module = _random(network, source)
        return module, {"source": source, "sha256": None, "training": None}
    path = Path(source)
    weights = read_weights(path, network)
    module = network.build()
    try:
        module.load_state_dict(weights.tensors)
    except RuntimeError as error:
        detail = reason(error, 300)
        msg = f"{path}: the tensors are not those of {network.name} ({detail})"
        raise InputError(msg) from error
    return module.eval(), weights.origin


def read_weights(path: Path, network: Network) -> Weights:
    """The tensors of a weights file that was made for `network`."""
    data = read_bytes(path, "weights in safetensors", _LIMIT)
    try:
        tensors = load(data)
    except SafetensorError as error:
        hint = "pickles are refused; save as safetensors" if _looks_pickled(data) else str(error)
        msg = f"{path}: expected weights in safetensors ({hint})"
        raise InputError(msg) from error
    metadata = read_metadata(data)
    if metadata.get("format") != FORMAT or metadata.get("network") != network.name:
        found = metadata.get("network", "no network named in it")
        msg = f"{path}: expected weights of {network.name}, found {found}"
        raise InputError(msg)
    if metadata.get("labels") != json.dumps([str(label) for label in network.labels]):
        labels = ", ".join(network.labels)
        msg = f"{path}: expected the labels {labels}, found {metadata.get('labels')}"
        raise InputError(msg)
    try:
        training = json.loads(metadata.get("training", "null"))
    except (ValueError, RecursionError) as error:
        msg = f"{path}: expected JSON in the metadata's 'training' ({error})"
        raise InputError(msg) from error
    return Weights(tensors, {"source": path.name, "sha256": sha256(data), "training": training})


def read_metadata(data: bytes) -> dict[str, str]:
    """The `__metadata__` of safetensors bytes that `load` has accepted."""
    length = int.from_bytes(data[:8], "little")
    header: dict[str, dict[str, str]] = json.loads(data[8 : 8 + length])
    return header.get("__metadata__", {})


def _looks_pickled(data: bytes) -> bool:
    return data[:1] == b"\x80" or data[:2] == b"PK"


def _random(network: Network, source: str) -> nn.Module:
    digits = source[len(_RANDOM) :]
    if not digits.isdecimal() or len(digits) > _SEED_DIGITS:
        msg = f"weights '{source}': expected random:SEED with 1 to {_SEED_DIGITS} digits"
        raise InputError(msg)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(digits))
        return network.build().eval()
