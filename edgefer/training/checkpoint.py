"""A training run that can stop and go on: one safetensors file, written after each epoch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from edgefer.errors import InputError, reason
from edgefer.files import read_bytes, write_atomically
from edgefer.zoo.weights import canonical, read_metadata

_LIMIT = 8 << 30
_NOT_OURS = (
    SafetensorError,
    LookupError,
    AttributeError,
    TypeError,
    ValueError,
    OverflowError,
    RecursionError,
)


def save_checkpoint(path: Path, groups: dict[str, dict[str, Tensor]], run: dict[str, Any]) -> None:
    """Write the tensors of each group, and `run` (JSON: the options, the data, the epochs done)."""
    tensors = {
        f"{group}/{name}": tensor.detach().cpu().contiguous()
        for group, members in groups.items()
        for name, tensor in members.items()
    }
    write_atomically(path, canonical(save(tensors, {"run": json.dumps(run, sort_keys=True)})))


def load_checkpoint(path: Path, run: dict[str, Any]) -> tuple[dict[str, dict[str, Tensor]], int]:
    """The groups of a checkpoint, and its epochs done; InputError where it is of another run."""
    data = read_bytes(path, "a training checkpoint", _LIMIT)
    try:
        tensors = load(data)
        stored = json.loads(read_metadata(data)["run"])
        epochs = int(stored.pop("epochs_done"))
    except _NOT_OURS as error:
        msg = f"{path}: expected a training checkpoint in safetensors ({reason(error, 200)})"
        raise InputError(msg) from error
    changed = _change("run", stored, run)
    if changed:
        msg = f"{path}: of another run: {changed}; train as before, or remove it"
        raise InputError(msg)
    groups: dict[str, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        group, _, member = name.partition("/")
        groups.setdefault(group, {})[member] = tensor
    return groups, epochs


def _change(name: str, was: Any, now: Any) -> str | None:
    """The first thing that is not as it was, in words."""
    if isinstance(was, dict) and isinstance(now, dict):
        changes = (_change(key, was.get(key), value) for key, value in now.items())
        return next(filter(None, changes), None)
    return None if was == now else f"{name} was {was}, is now {now}"
