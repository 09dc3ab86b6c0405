"""A layer with weights as rows times patches: what its repairs after training compute with.

A convolution's patches are what its window sees at each place, so that each result is one row of
its weights times one patch, plus bias. A Gemm's patches are its inputs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from edgefer.calibration.grid import channel_axis
from edgefer.imports import require

if TYPE_CHECKING:
    from onnx import NodeProto

Reals = NDArray[Any]
Pick = Callable[[int], NDArray[np.int64]]


def attributes(node: NodeProto) -> dict[str, Any]:
    """The attributes of a node, those alone that it names."""
    value = require("onnx", "export").helper.get_attribute_value
    return {attribute.name: value(attribute) for attribute in node.attribute}


def is_plain(node: NodeProto) -> bool:
    """Whether a layer is rows times patches plus bias, and none of them scaled or turned."""
    told = attributes(node)
    return not told.get("transA") and told.get("alpha", 1) == 1 and told.get("beta", 1) == 1


def groups_of(node: NodeProto) -> int:
    """How many groups of channels a layer computes apart from each other."""
    return int(attributes(node).get("group", 1))


def to_rows(node: NodeProto, weight: Reals) -> Reals:
    """The weight of `node` as [groups, results of a group, inputs of a result]."""
    if node.op_type == "Conv":
        groups = groups_of(node)
        return weight.reshape(groups, len(weight) // groups, -1)
    return (weight.T if channel_axis(node) else weight)[None]


def from_rows(node: NodeProto, rows: Reals, shape: Sequence[int]) -> Reals:
    """`to_rows` undone, for a weight of that shape."""
    if channel_axis(node):
        return np.ascontiguousarray(rows[0].T)
    return rows.reshape(shape)


def patches(
    node: NodeProto, kernel: Sequence[int], values: Reals, pick: Pick | None = None
) -> Reals:
    """What each result of a layer is computed from: [groups, faces * places, inputs of a result].

    `kernel` are the sides of a convolution's window and `values` [faces, channels, ...] what the
    layer reads. `pick` chooses among so many places; without it they are all there.
    """
    if node.op_type != "Conv":
        return values[None]
    seen = _windows(attributes(node), kernel, values)
    faces, channels = seen.shape[:2]
    sides = seen.shape[2 : 2 + len(kernel)]
    if pick is not None:
        chosen = np.unravel_index(pick(int(np.prod(sides))), sides)
        where: tuple[Any, ...] = (slice(None), slice(None), *chosen)
        seen = seen[where]
    groups = groups_of(node)
    split = seen.reshape(faces, groups, channels // groups, -1, int(np.prod(kernel)))
    inputs = channels // groups * int(np.prod(kernel))
    return np.asarray(split.transpose(1, 0, 3, 2, 4).reshape(groups, -1, inputs))


def _windows(told: dict[str, Any], kernel: Sequence[int], values: Reals) -> Reals:
    """A view of `values`, padded with 0: [faces, channels, places ..., sides of the window ...]."""
    strides = told.get("strides", [1] * len(kernel))
    dilations = told.get("dilations", [1] * len(kernel))
    spans = [dilation * (side - 1) + 1 for dilation, side in zip(dilations, kernel)]
    pads = _pads(told, values.shape[2:], spans, strides)
    padded = np.pad(values, [(0, 0), (0, 0), *pads])
    axes = tuple(range(2, values.ndim))
    steps = (slice(None, None, step) for step in (*strides, *dilations))
    every: tuple[Any, ...] = (slice(None), slice(None), *steps)
    return np.asarray(sliding_window_view(padded, spans, axes)[every])


def _pads(
    told: dict[str, Any], sides: Sequence[int], spans: Sequence[int], strides: Sequence[int]
) -> list[tuple[int, int]]:
    """How many zeros before and behind each side."""
    auto = bytes(told.get("auto_pad", b"NOTSET"))
    if not auto.startswith(b"SAME"):
        pads = told.get("pads", [0] * 2 * len(sides))
        return list(zip(pads[: len(sides)], pads[len(sides) :]))
    short = [
        max((-(-side // stride) - 1) * stride + span - side, 0)
        for side, span, stride in zip(sides, spans, strides)
    ]
    # where it is odd, the one more lies behind for SAME_UPPER, before for SAME_LOWER
    upper = auto == b"SAME_UPPER"
    return [((lack + (not upper)) // 2, (lack + upper) // 2) for lack in short]
