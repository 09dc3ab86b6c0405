"""Bias correction: what rounding adds to a layer's results on average is taken from its bias.

Nagel et al., Data-Free Quantization Through Weight Equalization and Bias Correction, ICCV 2019,
section 4.2, with the means of real faces (its appendix D). A layer is linear, so that the mean of
its results is its result for the mean of what it reads: that mean is all that is observed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from edgefer.calibration.grid import (
    activation_grid,
    along,
    channel_axis,
    layer_bias,
    round_weights,
    weight_scales,
)
from edgefer.calibration.layers import is_plain, patches, to_rows
from edgefer.calibration.observe import observe
from edgefer.calibration.table import Range
from edgefer.calibration.view import GraphView
from edgefer.errors import InputError
from edgefer.imports import require
from edgefer.manifest import Flavour

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

    `integers` are the rounded weights that are not the nearest. Errors are those of each layer
    alone, on what it reads in the FP32 network, over all faces (uint8 [n, size, size, 3], RGB) and
    places. Raises InputError where there is no face.
    """
    view = GraphView(model)
    corrected = [node for node in layers if is_plain(node) and _has_simple_bias(view, node)]
    means = _means(model, {str(node.input[0]) for node in corrected}, ranges, batches)
    scales = weight_scales(view, layers, ranges)
    found = {}
    for node in corrected:
        weight, axis = str(node.input[1]), channel_axis(node)
        exact = view.values(weight)
        chosen = integers.get(weight)
        if chosen is None:
            chosen = round_weights(exact, scales[weight], axis)
        rounded = chosen * along(scales[weight], axis, exact.ndim)
        mean, mean_rounded = means[str(node.input[0])]
        error = _mean_result(node, rounded, mean_rounded) - _mean_result(node, exact, mean)
        found[node.name] = (-error).astype(np.float32)
    return found


def _has_simple_bias(view: GraphView, node: NodeProto) -> bool:
    """Whether a number for each channel can be added: there is no bias, or one of that form."""
    return not any(node.input[2:]) or layer_bias(view, node) is not None


def _mean_result(node: NodeProto, weight: Floats, mean: Doubles) -> Doubles:
    """The mean over the places of what `weight` makes of the `mean` face, less bias: [channels]."""
    seen = patches(node, weight.shape[2:], mean).mean(axis=1)
    return np.asarray((to_rows(node, weight) @ seen[..., None]).ravel())


def _means(
    model: ModelProto,
    tensors: Iterable[str],
    ranges: Mapping[str, Range],
    batches: Iterable[NDArray[np.uint8]],
) -> dict[str, tuple[Doubles, Doubles]]:
    """The mean over the faces of each tensor, and of it rounded: float64 [1, ...]."""
    # the grid of the GPU is the coarser one; a correction serves both flavours
    grids = {name: activation_grid(ranges[name], Flavour.GPU) for name in sorted(tensors)}
    made, outputs = _with_sums(model, grids)
    sums: dict[str, Doubles] = {}
    faces = 0
    for pixels, found in observed
