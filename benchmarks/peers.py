"""Which peers there are, and how one is opened by its name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from edgefer.benchmarks.peer import Peer
from edgefer.benchmarks.peer_onnx import BareOnnxRuntime, OnnxFile
from edgefer.benchmarks.peer_openvino import BareOpenVino
from edgefer.benchmarks.peer_torch import TorchCuda, TorchPeer
from edgefer.bundle import Bundle
from edgefer.errors import BundleError, InputError
from edgefer.manifest import Flavour
from edgefer.runtime.external_data import refuse_external_data
from edgefer.runtime.selection import ON_GPU

# No Peer: it measures itself, in a process of its own (`trtexec.run_trtexec`).
TRTEXEC = "trtexec"

_BARE: dict[str, Callable[[Bundle, Path, int], Peer]] = {
    BareOnnxRuntime.kind: BareOnnxRuntime,
    BareOpenVino.kind: BareOpenVino,
}
_TORCH: dict[str, type[TorchPeer]] = {TorchPeer.kind: TorchPeer, TorchCuda.kind: TorchCuda}
# The backends and peers that a GPU computes.
ON_A_GPU = frozenset({*ON_GPU, TorchCuda.kind})
_NAMES = (*_BARE, *_TORCH, "MODEL.onnx", TRTEXEC)


def parse_peers(text: str) -> tuple[str, ...]:
    """The names between the commas of `text`, in order; InputError for an unknown or a second."""
    names = tuple(name.strip() for name in text.split(","))
    for name in names:
        if name not in _NAMES and not is_file(name):
            raise _unknown(name)
        if names.count(name) > 1:
            msg = f"against '{name}': expected each peer once, found it {names.count(name)} times"
            raise InputError(msg)
    return names


def open_peer(
    name: str, bundle: Bundle, path: Path, threads: int, weights: str | None = None
) -> Peer:
    """The peer of that name for a bundle that has been read from `path`.

    `weights`, a file or random:SEED, are for torch alone: by default those of the bundle where
    they ship or are from chance, else weights from chance. Raises InputError for a name, network,
    file of weights or ONNX file that cannot be compared, MissingDependency without its library.
    """
    if name in _TORCH:
        return _TORCH[name].open(bundle, path, threads, weights)
    if is_file(name):
        return OnnxFile(Path(name), threads)
    if name not in _BARE:
        raise _unknown(name)
    try:
        refuse_external_data(bundle.graph(Flavour.CPU), Flavour.CPU.member)
        return _BARE[name](bundle, path, threads)
    except BundleError as error:
        msg = f"{path}: {error}"
        raise BundleError(msg) from error


def is_file(name: str) -> bool:
    """Whether the name is that of an ONNX file; it need not be there."""
    return name.lower().endswith(".onnx")


def takes_graph(name: str) -> bool:
    """Whether it runs a graph of the bundle, and so each of its precisions."""
    return name in _BARE


def _unknown(name: str) -> InputError:
    return InputError(f"against '{name}': expected one of {', '.join(_NAMES)}")
