"""Rounds the weights of a layer so that its results stay, not each weight for itself.

Frantar et al., GPTQ: Accurate Post-Training Quantization for Generative Pre-trained Transformers,
ICLR 2023: column after column, what is left of the error is made good by the columns that follow,
by the second moments of what the layer reads. Written as Babai's nearest plane, which is the same
and needs one Cholesky factor only. The aim is that of AdaRound (Nagel et al., ICML 2020).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from edgefer.calibration.fetch import fetch, within
from edgefer.calibration.grid import (
    MOST,
    along,
    channel_axis,
    round_weights,
    weight_scales,
)
from edgefer.calibration.layers import from_rows, groups_of, is_plain, patches, to_rows
from edgefer.calibration.table import Range
from edgefer.calibration.view import GraphView

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Batches = Callable[[], Iterable[NDArray[np.uint8]]]

# Of each face, so many places of a layer's results are looked at, others in each batch.
_PLACES = 64
_SEED = 0
# Of the mean of the diagonal, as GPTQ has it: moments of some thousand patches are not exact.
_DAMPING = 0.01
_BLOCK = 128
# What second moments may take at a time; layers that need more wait for another pass.
_MEMORY = 512 << 20
# A layer whose results have more inputs keeps the nearest: its factor would take minutes.
_MOST_INPUTS = 8192


def round_for_results(
    model: ModelProto,
    layers: Sequence[NodeProto],
    ranges: Mapping[str, Range],
    batches: Batches,
) -> dict[str, NDArray[np.int8]]:
    """The integers of the weights of `layers`, by the weight's name, on their `weight_scales`.

    `batches` gives the faces (uint8 [n, size, size, 3], RGB) from the start each time that it is
    called. A channel whose error does not shrink keeps the nearest integers. Layers that are
    too wide are left out.
    """
    view = GraphView(model)
    scales = weight_scales(view, layers, ranges)
    rounded = [node for node in layers if is_plain(node) and _inputs(view, node) <= _MOST_INPUTS]
    found = {}
    for readers in _portions(view, rounded):
        moments = _second_moments(model, view, readers, ranges, batches())
        for weight, second in moments.items():
            node = readers[weight][0]
            exact = view.values(weight)
            axis = channel_axis(node)
            steps = to_rows(node, exact / along(scales[weight], axis, exact.ndim))
            nearest = to_rows(node, round_weights(exact, scales[weight], axis))
            rows = np.stack([_round(*group) for group in zip(steps, nearest, second)])
            found[weight] = from_rows(node, rows, exact.shape).astype(np.int8)
    return found


def _portions(view: GraphView, layers: Iterable[NodeProto]) -> Iterator[dict[str, list[NodeProto]]]:
    """Weights with the layers that read them, as many at a time as memory is there for."""
    readers: dict[str, list[NodeProto]] = defaultdict(list)
    for node in layers:
        readers[str(node.input[1])].append(node)
    portion: dict[str, list[NodeProto]] = {}
    taken = 0
    for weight, nodes in readers.items():
        need = _no_moments(view, nodes[0]).nbytes
        if portion and taken + need > _MEMORY:
            yield portion
            portion, taken = {}, 0
        portion[weight] = nodes
        taken += need
    if portion:
        yield portion


def _inputs(view: GraphView, node: NodeProto) -> int:
    """How many numbers each result of a layer is made of."""
    sides = view.constants[str(node.input[1])]
    return int(np.prod(sides) // sides[channel_axis(node)])


def _no_moments(view: GraphView, node: NodeProto) -> Floats:
    """Nothing summed up yet; takes memory only once it is written to."""
    inputs = _inputs(view, node)
    return np.zeros((groups_of(node), inputs, inputs), np.float32)


def _second_moments(
    model: ModelProto,
    view: GraphView,
    readers: Mapping[str, Sequence[NodeProto]],
    ranges: Mapping[str, Range],
    batches: Iterable[NDArray[np.uint8]],
) -> dict[str, Floats]:
    """Sums of products of what the layers of each weight read: float32 [groups, inputs, inputs]."""
    random = np.random.default_rng(_SEED)

    def pick(places: int) -> NDArray[np.int64]:
        return random.permutation(places)[:_PLACES]

    moments = {weight: _no_moments(view, nodes[0]) for weight, nodes in readers.items()}
    tensors = {str(node.input[0]) for nodes in readers.values() for node in nodes}
    for found in fetch(model, sorted(tensors), batches):
        for weight, nodes in readers.items():
            for node in nodes:
                name = str(node.input[0])
                seen = patches(node, view.constants[weight][2:], found[name], pick)
                for moment, inputs in zip(moments[weight], within(seen, ranges[name])):
                    moment += inputs.T @ inputs
    return moments


def _round(steps: Floats, nearest: NDArray[np.int8], second: Floats) -> Doubles:
    """The integers for `steps` [results, inputs], weights over their scales: float64.

    `second` [inputs, inputs] are the moments of what they are multiplied by.
    """
    exact, moments = steps.astype(np.float64), second.astype(np.float64)
    chosen = _nearest_plane(exact, moments)
    better = _error(chosen - exact, moments) < _error(nearest - exact, moments)
    return np.where(better[:, None], chosen, nearest)


def _error(errors: Doubles, moments: Doubles) -> Doubles:
    """The squared error of each result, summed over what `moments` sums over."""
    return np.asarray(np.einsum("ri,ri->r", errors @ moments, errors))


def _nearest_plane(exact: Doubles, moments: Doubles) -> Doubles:
    """Integers whose errors e make e . moments . e small, rounded one column after another.

    With moments = R . transposed(R) for an upper R, entry j of e . R has e's first j entries in
    it: each column in turn is rounded so that its entry is nearest to 0. The columns that weigh
    most come first, while many are left to make good what they lose.
    """
    order = np.argsort(-moments.diagonal(), kind="stable")
    turned = moments[np.ix_(order, order)]
    turned[np.diag_indices(len(turned))] += _DAMPING * moments.diagonal().mean() or 1.0
    root = np.linalg.cholesky(turned[::-1, ::-1])[::-1, ::-1]
    wanted = exact[:, order]
    errors = np.zeros_like(wanted)
    for start in range(0, len(root), _BLOCK):
        stop = min(start + _BLOCK, len(root))
        carried = errors[:, :start] @ root[:start, start:stop]
        for column in range(start, stop):
            beside = errors[:, start:column] @ root[start:column, column]
            shift = (carried[:, column - start] + beside) / root[column, column]
            integers = np.clip(np.rint(wanted[:, column] - shift), -MOST, MOST)
            errors[:, column] = integers - wanted[:, column]
    found = np.empty_like(exact)
    found[:, order] = np.rint(wanted + errors)
    return found
