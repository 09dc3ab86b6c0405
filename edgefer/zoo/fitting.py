"""How the tensors of a foreign file fit a network: wholly, without the classifier, or the trunk."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor

from edgefer.errors import InputError
from edgefer.labels import ORDERS, Expression
from edgefer.zoo.network import FaceNetwork
from edgefer.zoo.registry import Choices, Network

Shapes = Mapping[str, tuple[int, ...]]
_T = TypeVar("_T")

_WRAPPERS = ("module.", "_orig_mod.")  # DataParallel's and torch.compile's
_COUNTER = ".num_batches_tracked"
_STAGES = ("conv1.", "bn1.", "layer1.", "layer2.", "layer3.", "layer4.")
_SHOWN = 3


@dataclass(frozen=True)
class Fit:
    """`names` says from which tensor of the file each of the network's is read.

    `zeros` are counters that old files lack; `dropped` the file's tensors and `fresh` the
    network's that have no counterpart. With any `fresh` the classifier is among them. `classes`
    is how many the file's classifier tells apart, None where it has none.
    """

    network: Network
    names: dict[str, str]
    zeros: tuple[str, ...]
    dropped: tuple[str, ...]
    fresh: tuple[str, ...]
    classes: int | None


def fit(network: Network, shapes: Shapes, labels: tuple[Expression, ...] | None) -> Fit:
    """Match the file's tensors, by name and shape; InputError names the first that do not fit."""
    unwrapped = _unwrap(shapes)
    plain = {name: shapes[full] for name, full in unwrapped.items()}
    module = on_meta(network)
    names = {name: name for name in plain}
    body = _without(shapes_of(module), module.heads)
    misfits = Misfits.between(body, _without(plain, module.heads))
    if not misfits.count:
        classes = _classes(plain, module)
        chosen = _labelled(network, module, classes, labels)
        if chosen is None:
            return _result(network, unwrapped, _without(names, module.heads), classes)
        whole = Misfits.between(shapes_of(on_meta(chosen)), plain)
        if whole.count:
            msg = f"the classifier is not that of {network.name}: {whole}"
            raise InputError(msg)
        return _result(chosen, unwrapped, names, classes)
    # with all of the network's tensors there, those too many are no other network's
    if module.trunk is not None and (misfits.missing or misfits.reshaped):
        renamed, trunk_misfits = _trunk(module, plain)
        if not trunk_misfits.count:
            _check_labels(labels, None)
            return _result(network, unwrapped, renamed, None)
        misfits = min(misfits, trunk_misfits, key=lambda each: each.count)
    msg = f"the tensors are not those of {network.name}: {misfits}"
    raise InputError(msg)


def on_meta(network: Network) -> FaceNetwork:
    """The network's module with shapes alone."""
    with torch.device("meta"):
        return network.build()


def shapes_of(module: FaceNetwork) -> dict[str, tuple[int, ...]]:
    """The shape of each tensor of the module."""
    state: dict[str, Tensor] = module.state_dict()
    return {name: tuple(tensor.shape) for name, tensor in state.items()}


def absent_parts(module: FaceNetwork) -> tuple[frozenset[str], ...]:
    """The sets of tensors that weights without a classifier may lack: one of them, and wholly."""
    names = frozenset(module.state_dict())
    heads = frozenset(name for name in names if name.startswith(module.heads))
    if module.trunk is None:
        return (heads,)
    return heads, names - _trunk_names(module, names)


def parts(names: Iterable[str]) -> list[str]:
    """The parts of a network, named by the beginnings of its tensors' names."""
    return list(dict.fromkeys(name.partition(".")[0] for name in names))


@dataclass(frozen=True)
class Misfits:
    """What a network has and a file has not, the reverse, and what is of another shape."""

    missing: tuple[str, ...]
    surplus: tuple[str, ...]
    reshaped: tuple[str, ...]

    @classmethod
    def between(cls, wanted: Shapes, found: Shapes) -> Misfits:
        """The differences; counters of old files may be missing."""
        missing = (n for n in wanted if n not in found and not n.endswith(_COUNTER))
        shared = (n for n in wanted if n in found and wanted[n] != found[n])
        other = (f"{n} (expected {list(wanted[n])}, found {list(found[n])})" for n in shared)
        return cls(tuple(missing), tuple(n for n in found if n not in wanted), tuple(other))

    @property
    def count(self) -> int:
        return len(self.missing) + len(self.surplus) + len(self.reshaped)

    def __str__(self) -> str:
        kinds = (
            ("missing", self.missing),
            ("too many", self.surplus),
            ("of another shape", self.reshaped),
        )
        return "; ".join(f"{len(names)} {kind}: {_first(names)}" for kind, names in kinds if names)


def _first(names: tuple[str, ...]) -> str:
    shown = ", ".join(name[:100] for name in names[:_SHOWN])
    return shown + (", ..." if len(names) > _SHOWN else "")


def _unwrap(names: Iterable[str]) -> dict[str, str]:
    """The names without what wrappers put before all of them, each with the name in the file."""
    found = {name: name for name in names}
    while found and any(all(name.startswith(wrapper) for name in found) for wrapper in _WRAPPERS):
        found = {name.partition(".")[2]: full for name, full in found.items()}
    return found


def _without(tensors: Mapping[str, _T], beginnings: tuple[str, ...]) -> dict[str, _T]:
    return {name: value for name, value in tensors.items() if not name.startswith(beginnings)}


def _classes(plain: Shapes, module: FaceNetwork) -> int | None:
    """The length of the classifiers' biases; InputError where they differ."""
    heads = {n: shape for n, shape in plain.items() if n.startswith(module.heads)}
    counts = {shape[0] for shape in heads.values() if len(shape) == 1}
    if heads and len(counts) != 1:
        found = _first(tuple(f"{name} {list(shape)}" for name, shape in heads.items()))
        msg = f"expected a classifier with as many biases as classes, found {found}"
        raise InputError(msg)
    return counts.pop() if heads else None


def _labelled(
    network: Network,
    module: FaceNetwork,
    classes: int | None,
    labels: tuple[Expression, ...] | None,
) -> Network | None:
    """The network for the labels that the classes stand for; None where they are no expressions.

    The number of classes says nothing of their order, except in published checkpoints.
    """
    _check_labels(labels, classes)
    if labels is not None:
        return network.varied(Choices(labels=labels))
    if classes is None or classes > len(Expression):
        return None
    for order in module.published:
        if len(order) == classes:
            return network.varied(Choices(labels=order))
    orders = [name for name, order in ORDERS.items() if len(order) == classes]
    if not orders:
        return None
    msg = (
        f"a classifier of {classes} classes: say which, in its order, by --labels "
        f"({', '.join(orders)}, or expressions with commas between them)"
    )
    raise InputError(msg)


def _check_labels(labels: tuple[Expression, ...] | None, classes: int | None) -> None:
    if labels is not None and len(labels) != classes:
        found = "none" if classes is None else f"one of {classes:,} classes"
        msg = f"expected a classifier for the {len(labels)} --labels, found {found}"
        raise InputError(msg)


def _trunk(module: FaceNetwork, donor: Shapes) -> tuple[dict[str, str], Misfits]:
    """The donor's names by the network's, and what does not fit.

    A donor may have more than the trunk, but not within a stage that the trunk has as well.
    """
    prefix, wanted = module.trunk or "", shapes_of(module)
    trunk = {n[len(prefix) :]: wanted[n] for n in _trunk_names(module, wanted)}
    stages = tuple(stage for stage in _STAGES if any(n.startswith(stage) for n in trunk))
    within = {n: shape for n, shape in donor.items() if n.startswith(stages)}
    return {prefix + n: n for n in within}, Misfits.between(trunk, within)


def _trunk_names(module: FaceNetwork, names: Iterable[str]) -> frozenset[str]:
    beginnings = tuple(f"{module.trunk or ''}{stage}" for stage in _STAGES)
    return frozenset(name for name in names if name.startswith(beginnings))


def _result(
    network: Network, unwrapped: dict[str, str], names: dict[str, str], classes: int | None
) -> Fit:
    """`names` has the network's tensors, and what they are called in the unwrapped file."""
    module = on_meta(network)
    absent = [name for name in module.state_dict() if name not in names]
    allowed = absent_parts(module)
    bodies = [part for part in allowed if part <= set(absent)]
    fresh = max(bodies, key=len, default=frozenset[str]())
    used = set(names.values())
    return Fit(
        network,
        {name: unwrapped[plain] for name, plain in names.items()},
        tuple(name for name in absent if name not in fresh),
        tuple(plain for plain in unwrapped if plain not in used),
        tuple(name for name in absent if name in fresh),
        classes,
    )
