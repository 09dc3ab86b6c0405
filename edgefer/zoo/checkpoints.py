"""Foreign checkpoints become weights files, and weights files the start of a training.

Read are what torch.save writes and plain safetensors; nothing in a pickle but tensors is made.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor

from edgefer.errors import InputError, reason
from edgefer.files import check_writable, read_bytes, sha256
from edgefer.labels import Expression
from edgefer.zoo.fitting import Fit, absent_parts, fit, on_meta, parts
from edgefer.zoo.network import FaceNetwork
from edgefer.zoo.registry import Network
from edgefer.zoo.torch_files import Inert, is_torch_file, read_torch_file
from edgefer.zoo.weights import FORMAT, load_tensors, read_metadata, read_weights, save_weights

_LIMIT = 4 << 30
_KEYS = ("state_dict", "model_state_dict", "model", "net")
_FACTS = ("epoch", "best_acc")
_LARGEST = 1e15
_TAR = slice(257, 262)
_WHAT = "a checkpoint of torch.save or safetensors"


@dataclass(frozen=True)
class Checkpoint:
    """The tensors of a file by the names they have there; `origin` is what else it says."""

    tensors: dict[str, Tensor]
    origin: dict[str, Any]


@dataclass(frozen=True)
class Conversion:
    """What went into a weights file. `origin` is its `training`; `fit` says what is left out."""

    fit: Fit
    origin: dict[str, Any]
    tensors: int


@dataclass(frozen=True)
class Start:
    """Where a training begins: `fresh` are the parts that the weights gave nothing for."""

    origin: dict[str, Any]
    fresh: tuple[str, ...]


def convert(
    network: Network, source: Path, output: Path, labels: tuple[Expression, ...] | None = None
) -> Conversion:
    """Write the tensors of a foreign checkpoint as weights of `network`.

    Without `labels` they are the network's, if its classifier has as many. A classifier of
    something else than expressions is left out, as is what a ResNet has beside the network's
    trunk: such weights are for `start_from`. InputError where the file is damaged or does not fit.
    """
    check_writable(output)
    if output.resolve() == source.resolve():
        msg = f"{output}: is the checkpoint itself; give another --output"
        raise InputError(msg)
    checkpoint = read_checkpoint(source)
    shapes = {name: tuple(tensor.shape) for name, tensor in checkpoint.tensors.items()}
    try:
        fitted = fit(network, shapes, labels)
    except InputError as error:
        msg = f"{source}: {reason(error)}"
        raise InputError(msg) from error
    origin = {**checkpoint.origin, **_origin(fitted, labels)}
    tensors = _read(fitted, checkpoint.tensors, source)
    save_weights(output, fitted.network, tensors, origin, headless=bool(fitted.fresh))
    return Conversion(fitted, origin, len(tensors))


def start_from(network: Network, module: FaceNetwork, path: Path) -> Start:
    """Load a weights file, with a classifier or without, into a new module of `network`.

    A classifier for other labels, or the same in another order, is not loaded. Raises InputError
    where the file was made for another variant, or lacks more than such files may.
    """
    weights = read_weights(path, network)
    made_for, asked = (_beside_size(each) for each in (weights.network, network))
    if made_for != asked:
        msg = f"{path}: made for {made_for}, asked for {asked}; give the options it was made with"
        raise InputError(msg)
    state: dict[str, Tensor] = module.state_dict()
    lacking = frozenset(state) - frozenset(weights.tensors)
    if lacking and not (weights.headless and lacking in absent_parts(module)):
        first = ", ".join(sorted(lacking)[:3])
        msg = f"{path}: {len(lacking)} tensors are missing ({first}); the file is damaged"
        raise InputError(msg)
    tensors = dict(weights.tensors)
    if weights.network.labels != network.labels:
        tensors = {n: tensor for n, tensor in tensors.items() if not n.startswith(module.heads)}
    load_tensors(module, {**state, **tensors}, str(path))
    return Start(weights.origin, tuple(parts(name for name in state if name not in tensors)))


def _beside_size(network: Network) -> dict[str, Any]:
    """The variant less the size: where tensors depend on that, their shapes will tell."""
    return {key: value for key, value in network.variant.items() if key != "size"}


def read_checkpoint(path: Path) -> Checkpoint:
    """The tensors of a torch or safetensors file, on the CPU."""
    data = read_bytes(path, _WHAT, _LIMIT)
    try:
        found = _read_torch(data) if is_torch_file(data) else _read_safetensors(data)
    except (ValueError, SafetensorError, RecursionError) as error:
        msg = f"{path}: expected {_WHAT}, found {reason(error, 300)}"
        raise InputError(msg) from error
    origin = {"checkpoint": path.name, "sha256": sha256(data), **found.origin}
    return replace(found, origin=origin)


def _read_torch(data: bytes) -> Checkpoint:
    file = read_torch_file(data)
    content = file.content
    state = _state_dict(content)
    facts = {key: _number(content.get(key)) for key in _FACTS if state is not content}
    origin: dict[str, Any] = {"format": file.form}
    origin |= {key: value for key, value in facts.items() if value is not None}
    if file.foreign:
        origin["passed_over"] = list(file.foreign)
    return Checkpoint({name: _plain(name, value) for name, value in state.items()}, origin)


def _state_dict(content: Any) -> dict[Any, Any]:
    if isinstance(content, Inert):
        msg = f"a whole object of {type(content).__name__}; save its state_dict() instead"
        raise ValueError(msg)
    if isinstance(content, dict):
        for state in (*(content.get(key) for key in _KEYS), content):
            if isinstance(state, dict) and any(isinstance(v, Tensor) for v in state.values()):
                return state
    msg = f"no tensors by name, neither on top nor under {', '.join(_KEYS)}"
    raise ValueError(msg)


def _plain(name: Any, value: Any) -> Tensor:
    named = isinstance(name, str) and name.isprintable()
    if not named or not _is_plain(value):
        msg = f"something else than a plain tensor under {ascii(name)[:100]}"
        raise ValueError(msg)
    plain: Tensor = value.detach()
    return plain


def _is_plain(value: Any) -> bool:
    dense = isinstance(value, Tensor) and value.layout is torch.strided
    return dense and value.device.type == "cpu" and not value.is_quantized


def _number(value: Any) -> float | int | None:
    """A number, or a tensor that is one (a checkpoint's best accuracy often is)."""
    if _is_plain(value) and value.shape == ():
        value = value.item()
    plain = type(value) in (int, float) and abs(value) < _LARGEST
    return value if plain else None


def _read_safetensors(data: bytes) -> Checkpoint:
    if data[8:9] != b"{":
        msg = "a tar archive; unpack it" if data[_TAR] == b"ustar" else "other bytes"
        raise ValueError(msg)
    tensors = load(data)
    if read_metadata(data).get("format") == FORMAT:
        msg = "weights of edgefer already; use them as they are"
        raise ValueError(msg)
    return Checkpoint(tensors, {"format": "safetensors"})


def _read(fitted: Fit, found: dict[str, Tensor], source: Path) -> dict[str, Tensor]:
    """The network's tensors in its own types, all finite."""
    tensors: dict[str, Tensor] = {}
    wanted: dict[str, Tensor] = on_meta(fitted.network).state_dict()
    for name, full in fitted.names.items():
        tensor, real = found[full], wanted[name].is_floating_point()
        if tensor.is_floating_point() == real:
            tensors[name] = tensor.to(wanted[name].dtype)
        if name not in tensors or not _finite(tensors[name]):
            numbers = "finite real numbers" if real else "whole numbers"
            msg = f"{source}: {name}: expected {numbers}, found others; take another checkpoint"
            raise InputError(msg)
    return tensors | {name: torch.zeros((), dtype=wanted[name].dtype) for name in fitted.zeros}


def _finite(tensor: Tensor) -> bool:
    """The extremes tell, many times faster than all elements: what is no number is either."""
    return bool(torch.isfinite(torch.stack(tensor.aminmax())).all())


def _origin(fitted: Fit, labels: tuple[Expression, ...] | None) -> dict[str, Any]:
    """What the manifest will say of the conversion."""
    network = fitted.network
    found: dict[str, Any] = {"tensors": len(fitted.names), **network.variant}
    found |= {"dropped": parts(fitted.dropped), "fresh": parts(fitted.fresh)}
    if not fitted.fresh:
        found["labels_from"] = "number of classes" if labels is None else "--labels"
    return found
