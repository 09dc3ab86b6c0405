"""Where an activation has its faces, in a graph that was made for one of them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from edgefer.calibration.layers import attributes

if TYPE_CHECKING:
    from onnx import NodeProto


class Axis(NamedTuple):
    """The axis of the faces. Where it has more in it than these, as heads or places of each, the
    faces are what varies slowest; `last`: what varies fastest.
    """

    number: int
    last: bool = False


def after(
    node: NodeProto,
    axis: Axis,
    before: list[int],
    sides: list[int],
    constant: NDArray[np.int64] | None,
) -> Axis | None:
    """Where the output of `node` has its faces, None where that cannot be told.

    `before` is the shape of what it reads, `sides` that of its output, both for one face and with
    0 for what is not known; `constant` is its second input.
    """
    kind, told = node.op_type, attributes(node)
    if not before or not sides:
        return None
    if kind in ("Reshape", "Flatten"):
        return _reshaped(axis, before, sides)
    if kind == "Transpose":
        order = told.get("perm", list(reversed(range(len(before)))))
        return axis._replace(number=order.index(axis.number))
    if kind == "Unsqueeze" and constant is not None:
        added = {place % len(sides) for place in constant.ravel().tolist()}
        left = [place for place in range(len(sides)) if place not in added]
        return axis._replace(number=left[axis.number])
    if kind == "Squeeze" or kind.startswith("Reduce"):
        if kind != "Squeeze" and (told.get("keepdims", 1) or constant is None):
            return axis
        gone = np.flatnonzero(np.equal(before, 1)) if constant is None else constant
        return _without(axis, [place % len(before) for place in gone.ravel().tolist()])
    if kind == "Gather" and len(sides) < len(before):
        return _without(axis, [told.get("axis", 0) % len(before)])
    # axes are counted from the last where operands have not the same number of them
    number = axis.number + len(sides) - len(before)
    return axis._replace(number=number) if 0 <= number < len(sides) else None


def _without(axis: Axis, gone: list[int]) -> Axis:
    return axis._replace(number=axis.number - sum(place < axis.number for place in gone))


def _reshaped(axis: Axis, before: list[int], sides: list[int]) -> Axis | None:
    """The place in `sides` with as much before it as the faces had."""
    if not (all(before) and all(sides)):
        return None
    alone = before[axis.number] == 1
    earlier = math.prod(before[: axis.number + axis.last])
    behind = before[axis.number + (alone or axis.last) :]
    places = [n for n in range(len(sides) + 1) if math.prod(sides[:n]) == earlier]
    for place in places:
        if sides[place : place + 1] == [1]:
            return Axis(place)
    if not places:
        return None
    (place,) = places
    # an axis of places and faces before all channels or the same; else one of faces and heads
    if place and (len(sides) - place <= 1 or sides[place:] == behind):
        return Axis(place - 1, last=True)
    return Axis(place)
