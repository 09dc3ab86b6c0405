"""Bias correction: what rounding adds to a layer's results on average is taken from its bias.

Nagel et al., Data-Free Quantization Through Weight Equalization and Bias Correction, ICCV 2019,
section 4.2, with the means of real faces (its appendix). A layer is linear: its mean result is its
result for the mean of what it reads, so that this mean is all that has to be observed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from edgefer.calibration.fetch import fetch, within
from edgefer.calibration.grid import along, channel_axis, layer_bias, round_weights, weight_scales
from edgefer.calibration.layers import is_plain, patches, to_rows
from edgefer.calibration.table import Range
from edgefer.calibration.view import GraphView

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]


def correct_bias(
    model: ModelProto,
    layers: Sequence[NodeProto],
    ranges: Mapping[str, Range],
    integers: Mapping[str, NDArray[np.int8]],
    batches: Iterable[NDArray[np.uint8]],
) -> dict[str, Floats]:
    """What to add to the bias of each of `layers`, by its name: float32 [channels].

    `integers` are the weights that are not rounded to the nearest. Errors are those of each layer
    alone, on what it reads in the FP32 network, over all faces (uint8 [n, size, size, 3], RGB) and
    places. A layer whose bias is no number for each channel is left out.
    """
    view = GraphView(model)
    corrected = [node for node in layers if is_plain(node) and _takes_a_bias(view, node)]
    scales = weight_scales(view, layers, ranges)
    means = _means(model, {str(node.input[0]) for node in corrected}, ranges, batches)
    found = {}
    for node in corrected:
        weight, axis = str(node.input[1]), channel_axis(node)
        exact = view.values(weight)
        stored = integers.get(weight)
        if stored is None:
            stored = round_weights(exact, scales[weight], axis)
        inexact = stored * along(scales[weight], axis, exact.ndim)
        mean, mean_within = means[str(node.input[0])]
        error = _mean_result(node, inexact, mean_within) - _mean_result(node, exact, mean)
        found[node.name] = (-error).astype(np.float32)
    return found


def _takes_a_bias(view: GraphView, node: NodeProto) -> bool:
    return not any(node.input[2:]) or layer_bias(view, node) is not None


def _mean_result(node: NodeProto, weight: Floats, mean: Doubles) -> Doubles:
    """What `weight` makes of the `mean` face, less bias, on average over the places: [channels]."""
    seen = patches(node, weight.shape[2:], mean).mean(axis=1)
    return np.asarray((to_rows(node, weight) @ seen[..., None]).ravel())


def _means(
    model: ModelProto,
    tensors: Iterable[str],
    ranges: Mapping[str, Range],
    batches: Iterable[NDArray[np.uint8]],
) -> dict[str, tuple[Doubles, Doubles]]:
    """The mean over the faces of each tensor, and of it within its range: float64 [1, ...]."""
    sums: dict[str, tuple[Doubles, Doubles]] = {}
    faces = 0
    for found in fetch(model, sorted(tensors), batches):
        for name, values in found.items():
            exact, inexact = sums.get(name, (0, 0))
            sums[name] = (
                exact + values.sum(axis=0, dtype=np.float64, keepdims=True),
                inexact + within(values, ranges[name]).sum(axis=0, dtype=np.float64, keepdims=True),
            )
        faces += len(values)
    return {name: (exact / faces, inexact / faces) for name, (exact, inexact) in sums.items()}
