"""ONNX's operators in torch, as far as tidy graphs of faces have them.

Each is given the node's attributes and then its inputs, None for one that is left out. Integers
(shapes, axes, indices) stay on the CPU. Semantics are those of opset 19.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from edgefer.errors import InputError

Given = Mapping[str, Any]
Operator = Callable[..., "Tensor | Sequence[Tensor]"]

# ONNX's numbers for them
_TYPES = {1: torch.float32, 6: torch.int32, 7: torch.int64}
_CONVOLUTIONS = {1: functional.conv1d, 2: functional.conv2d}
_LOWEST = float("-inf")


def _conv(given: Given, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    sides = x.dim() - 2
    x, padding = _padded(given, x, 0.0)
    return _CONVOLUTIONS[sides](
        x,
        weight,
        bias,
        stride=given.get("strides", [1] * sides),
        padding=padding,
        dilation=given.get("dilations", [1] * sides),
        groups=given.get("group", 1),
    )


def _padded(given: Given, x: Tensor, value: float) -> tuple[Tensor, list[int]]:
    """`x` and the padding that torch is to add; padded already where the ends differ."""
    sides = x.dim() - 2
    pads = given.get("pads", [0] * 2 * sides)
    before, after = pads[:sides], pads[sides:]
    if before == after:
        return x, list(before)
    # the last side first, as torch counts
    wanted = [pad for pair in zip(reversed(before), reversed(after)) for pad in pair]
    return functional.pad(x, wanted, value=value), [0] * sides


def _max_pool(given: Given, x: Tensor) -> Tensor:
    x, padding = _padded(given, x, _LOWEST)
    return functional.max_pool2d(
        x,
        given["kernel_shape"],
        given.get("strides", 1),
        padding,
        given.get("dilations", 1),
        bool(given.get("ceil_mode", 0)),
    )


def _average_pool(given: Given, x: Tensor) -> Tensor:
    pads = given.get("pads", [0] * 4)
    if pads[:2] != pads[2:]:
        msg = f"AveragePool: expected the same padding at both ends to train it, found {pads}"
        raise InputError(msg)
    return functional.avg_pool2d(
        x,
        given["kernel_shape"],
        given.get("strides", 1),
        pads[:2],
        bool(given.get("ceil_mode", 0)),
        bool(given.get("count_include_pad", 0)),
    )


def _gemm(given: Given, a: Tensor, b: Tensor, c: Tensor | None = None) -> Tensor:
    a = a.T if given.get("transA", 0) else a
    b = b.T if given.get("transB", 0) else b
    made: Tensor = given.get("alpha", 1.0) * (a @ b)
    return made if c is None else torch.add(made, c, alpha=given.get("beta", 1.0))


def _reduced(
    reduce: Callable[..., Tensor], given: Given, x: Tensor, axes: Tensor | None = None
) -> Tensor:
    over = list(range(x.dim())) if axes is None else axes.tolist()
    return reduce(x, dim=over, keepdim=bool(given.get("keepdims", 1)))


def _layer_norm(given: Given, x: Tensor, scale: Tensor, bias: Tensor | None = None) -> Tensor:
    sides = x.shape[given.get("axis", -1) :]
    return functional.layer_norm(x, sides, scale, bias, given.get("epsilon", 1e-5))


def _reshape(given: Given, x: Tensor, shape: Tensor) -> Tensor:
    wanted = shape.tolist()
    if not given.get("allowzero", 0):
        wanted = [x.shape[i] if side == 0 else side for i, side in enumerate(wanted)]
    return x.reshape(wanted)


def _flatten(given: Given, x: Tensor) -> Tensor:
    return x.reshape(prod(x.shape[: given.get("axis", 1)]), -1)


def _transpose(given: Given, x: Tensor) -> Tensor:
    return x.permute(given.get("perm", list(reversed(range(x.dim())))))


def _expand(given: Given, x: Tensor, shape: Tensor) -> Tensor:
    return x.expand(np.broadcast_shapes(x.shape, shape.tolist()))


def _squeeze(given: Given, x: Tensor, axes: Tensor | None = None) -> Tensor:
    return x.squeeze() if axes is None else x.squeeze(axes.tolist())


def _unsqueeze(given: Given, x: Tensor, axes: Tensor) -> Tensor:
    rank = x.dim() + axes.numel()
    for axis in sorted(axis % rank for axis in axes.tolist()):
        x = x.unsqueeze(axis)
    return x


def _split(given: Given, x: Tensor, sizes: Tensor | None = None) -> Sequence[Tensor]:
    axis = given.get("axis", 0)
    if sizes is not None:
        return x.split_with_sizes(sizes.tolist(), axis)
    whole = x.shape[axis]
    part = -(-whole // given["num_outputs"])
    return x.split_with_sizes([min(part, whole - i) for i in range(0, whole, part)], axis)


def _slice(
    given: Given,
    x: Tensor,
    starts: Tensor,
    ends: Tensor,
    axes: Tensor | None = None,
    steps: Tensor | None = None,
) -> Tensor:
    count = starts.numel()
    along = range(count) if axes is None else axes.tolist()
    by = [1] * count if steps is None else steps.tolist()
    for axis, start, end, step in zip(along, starts.tolist(), ends.tolist(), by):
        rows = range(*slice(start, end, step).indices(x.shape[axis]))
        if step == 1:
            x = x.narrow(axis, rows.start, len(rows))
        else:
            x = x.index_select(axis, torch.tensor(rows, device=x.device))
    return x


def _gather(given: Given, x: Tensor, indices: Tensor) -> Tensor:
    axis = given.get("axis", 0) % x.dim()
    rows = indices.remainder(x.shape[axis]).to(x.device)
    made = x.index_select(axis, rows.flatten())
    return made.reshape(*x.shape[:axis], *indices.shape, *x.shape[axis + 1 :])


def _depth_to_space(given: Given, x: Tensor) -> Tensor:
    by = given["blocksize"]
    if given.get("mode", b"DCR") == b"CRD":
        return functional.pixel_shuffle(x, by)
    count, channels, height, width = x.shape
    planes = x.reshape(count, by, by, channels // by**2, height, width)
    made = planes.permute(0, 3, 4, 1, 5, 2)
    return made.reshape(count, channels // by**2, height * by, width * by)


OPERATORS: Mapping[str, Operator] = {
    "Add": lambda given, a, b: a + b,
    "AveragePool": _average_pool,
    "Cast": lambda given, x: x.to(_TYPES[given["to"]]),
    "Concat": lambda given, *parts: torch.cat(parts, given["axis"]),
    "Conv": _conv,
    "DepthToSpace": _depth_to_space,
    "Div": lambda given, a, b: a / b,
    "Erf": lambda given, x: torch.erf(x),
    "Expand": _expand,
    "Flatten": _flatten,
    "Gather": _gather,
    "Gemm": _gemm,
    "GlobalAveragePool": lambda given, x: x.mean(tuple(range(2, x.dim())), keepdim=True),
    "LayerNormalization": _layer_norm,
    "MatMul": lambda given, a, b: a @ b,
    "MaxPool": _max_pool,
    "Mul": lambda given, a, b: a * b,
    "ReduceMax": lambda given, x, axes=None: _reduced(torch.amax, given, x, axes),
    "ReduceMean": lambda given, x, axes=None: _reduced(torch.mean, given, x, axes),
    "Relu": lambda given, x: torch.relu(x),
    "Reshape": _reshape,
    "Shape": lambda given, x: torch.tensor(x.shape[given.get("start", 0) : given.get("end")]),
    "Sigmoid": lambda given, x: torch.sigmoid(x),
    "Slice": _slice,
    "Softmax": lambda given, x: torch.softmax(x, given.get("axis", -1)),
    "Split": _split,
    "Squeeze": _squeeze,
    "Transpose": _transpose,
    "Unsqueeze": _unsqueeze,
}
