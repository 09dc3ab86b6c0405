"""Decides what of a graph runs in INT8, for each flavour, and says why the rest does not.

CPU: ONNX Runtime fuses `DQ -> operator -> Q`, so inputs and outputs of every INT8 operator are
INT8, residual additions too, and what only moves values between them. GPU: TensorRT fuses a
convolution with the addition and ReLU behind it, so only what a convolution reads is INT8, and the
skip input of an addition (NVIDIA's guidance for explicit quantisation).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from edgefer.calibration.grid import channel_axis
from edgefer.calibration.view import BEYOND_FP16, LAYOUT, MOVES, READS_PIXELS, GraphView
from edgefer.errors import InputError
from edgefer.manifest import Flavour, HigherPrecision

if TYPE_CHECKING:
    from onnx import NodeProto

NONE_KEPT: Mapping[str, str] = MappingProxyType({})
_FUSED = "fused behind its convolution, adds before the sum is rounded"
_MATMUL = "its weights are those of a MatMul; INT8 ones are written for Conv and Gemm"
_GATE = "decides a gate, which scales all that follows: INT8 would round and gain nothing"
_TWO_WAYS = "its weights are read along two axes: one set of steps does not fit both"
_NO_WEIGHTS = "no weights: INT8 would round and gain nothing"
# Below these shares of the multiply-adds and of the weights INT8 gains neither time nor size. A
# classifier's rounding shows most.
_WORTHWHILE = {"Gemm": 0.01, "Conv": 0.0002}
_WORTH_STORING = 0.01
_LEAST_STORED = 1 << 16
# What ONNX Runtime computes from INT8 to INT8 where all that it reads is INT8.
_JOINS = ("Add", "Concat")


@dataclass(frozen=True)
class Placement:
    """`weighted` names the nodes with INT8 weights. `tensors` maps each INT8 activation to the
    nodes that read it as INT8, `moved` those that only have values of another to that one, whose
    steps they keep. `higher` is the rest, with reasons.
    """

    weighted: frozenset[str]
    tensors: dict[str, frozenset[str]]
    moved: dict[str, str]
    higher: tuple[HigherPrecision, ...]

    def ranged(self, name: str) -> str:
        """The tensor whose range an INT8 activation has."""
        return self.moved.get(name, name)


def place(view: GraphView, flavour: Flavour, kept: Mapping[str, str] = NONE_KEPT) -> Placement:
    """What is INT8 in `flavour`; `kept` are layers that stay in higher precision, with reasons."""
    chosen, refused = _weighted(view, kept)
    added = [node for node in view.nodes if node.op_type == "Add" and _joins(view, node, chosen)]
    tensors: dict[str, set[str]] = defaultdict(set)
    for node in view.nodes:
        if node.name in chosen:
            tensors[str(node.input[0])].add(node.name)
    if flavour is Flavour.CPU:
        layers = [node for node in view.nodes if node.name in chosen]
        carried = _carried(view, layers, added)
        for node in (*added, *layers, *carried):
            for name in _results(view, node):
                tensors[name].update(reader.name for reader in view.readers[name])
        for node in (*added, *carried):
            for name in view.activations(node):
                tensors[name].update(reader.name for reader in view.readers[name])
        added += carried
    else:
        for node in added:
            skip = _skip(view, node, tensors)
            if skip not in view.beyond_fp16:
                tensors[skip].add(node.name)
    outputs = {name for name in tensors if not view.readers[name]}
    inner = {name: frozenset(who) for name, who in tensors.items() if name not in outputs}
    higher = _higher(view, flavour, chosen, added, refused)
    moved = _moved(view, inner) if flavour is Flavour.CPU else {}
    return Placement(frozenset(chosen), inner, moved, higher)


def quantizable(view: GraphView) -> Placement:
    """The placement for the GPU before anything is kept: its `weighted` are what INT8 is for.

    Raises InputError where no layer is worth INT8.
    """
    placement = place(view, Flavour.GPU)
    if not placement.weighted:
        msg = "INT8: expected layers with weights (Conv, Gemm), found none worth it; export to fp16"
        raise InputError(msg)
    return placement


def layers_of(view: GraphView) -> list[NodeProto]:
    """The layers that set the steps of weights: all that INT8 is for, in whichever graph.

    Layers that one graph leaves high are among them, so that every graph has the same steps.
    """
    bare = GraphView(view.model) if view.beyond_fp16 else view
    names = _weighted(bare, NONE_KEPT)[0]
    return [node for node in bare.nodes if node.name in names]


def tensors_to_observe(view: GraphView) -> list[str]:
    """The activations whose ranges both flavours together need, in the order of the graph.

    Raises InputError where no layer is worth INT8.
    """
    quantizable(view)
    placements = [place(view, flavour) for flavour in Flavour]
    wanted = {each.ranged(name) for each in placements for name in each.tensors}
    return [str(name) for node in view.nodes for name in node.output if name in wanted]


def _weighted(view: GraphView, kept: Mapping[str, str]) -> tuple[set[str], dict[str, str]]:
    """Names of the nodes with INT8 weights; of the others with weights, the reasons."""
    costs = {node.name: view.multiply_adds(node) for node in view.nodes}
    total, stored = sum(costs.values()), sum(map(view.size, view.constants))
    large = max(_WORTH_STORING * stored, _LEAST_STORED)
    axes: dict[str, set[int]] = defaultdict(set)
    for node in view.nodes:
        if costs[node.name]:
            axes[str(node.input[1])].add(channel_axis(node))
    chosen: set[str] = set()
    refused: dict[str, str] = {}
    for node in view.nodes:
        if not costs[node.name]:
            continue
        share = costs[node.name] / total
        small = share < _WORTHWHILE[node.op_type]
        if view.reads_pixels(node):
            refused[node.name] = READS_PIXELS
        elif view.is_beyond_fp16(node):
            refused[node.name] = BEYOND_FP16
        elif node.name in kept:
            refused[node.name] = kept[node.name]
        elif len(axes[str(node.input[1])]) > 1:
            refused[node.name] = _TWO_WAYS
        elif view.decides_gate(node):
            refused[node.name] = _GATE
        elif small and view.size(node.input[1]) < large:
            refused[node.name] = f"{share:.4%} of the multiply-adds: nothing to gain"
        else:
            chosen.add(node.name)
    return chosen, refused


def _joins(view: GraphView, node: NodeProto, chosen: set[str]) -> bool:
    """Whether an addition joins two activations of which one comes from an INT8 layer."""
    if any(name in view.constants for name in node.input):
        return False
    makers = [view.producer.get(name) for name in node.input]
    return any(maker is not None and maker.name in chosen for maker in makers)


def _carried(
    view: GraphView, layers: Sequence[NodeProto], added: Sequence[NodeProto]
) -> list[NodeProto]:
    """What lies between INT8 layers, has INT8 to read, and loses nothing that they would not.

    In float each would cost a pass to get there and one to get back.
    """
    whole = {node.name for node in (*layers, *added)}
    made = {name for node in (*layers, *added) for name in _results(view, node)}
    found, floats = [], view.floats()
    for node in view.nodes:
        reads = view.activations(node)
        able = node.op_type in MOVES or (node.op_type in _JOINS and len(reads) == len(node.input))
        able = able and floats.issuperset(node.output)  # a max pool may tell places too
        if node.name not in whole and able and reads and made.issuperset(reads):
            found.append(node)
            made.update(_results(view, node))
    wanted = {str(node.input[0]) for node in layers}
    wanted.update(str(name) for node in added for name in node.input)
    kept = []
    for node in reversed(found):
        if wanted.intersection(_results(view, node)):
            kept.append(node)
            wanted.update(view.activations(node))
    return kept[::-1]


def _results(view: GraphView, node: NodeProto) -> list[str]:
    """The outputs of a node, behind the ReLU that will be fused into it."""
    if node.op_type in MOVES:
        return [str(name) for name in node.output]
    return [view.result(node)]


def _moved(view: GraphView, tensors: Collection[str]) -> dict[str, str]:
    """Of those tensors, which only have values of another of them, and of which."""
    found: dict[str, str] = {}
    for node in view.nodes:
        source = str(node.input[0]) if node.op_type in MOVES else ""
        if source in tensors:
            first = found.get(source, source)
            found.update({str(name): first for name in node.output if name in tensors})
    return found


def _skip(view: GraphView, node: NodeProto, quantized: dict[str, set[str]]) -> str:
    """The input of an addition that is not computed by the layer it will be fused with."""
    first, second = (str(name) for name in node.input)
    if first in quantized or second in quantized:
        return first if first in quantized else second
    # both come from layers: fuse with the longer branch, which is computed last
    makers = [view.producer[name] for name in (first, second)]
    costs = [view.multiply_adds(maker) for maker in makers]
    return first if costs[0] < costs[1] else second


def _higher(
    view: GraphView,
    flavour: Flavour,
    chosen: set[str],
    added: list[NodeProto],
    refused: dict[str, str],
) -> tuple[HigherPrecision, ...]:
    joined = {node.name for node in added}
    found = []
    for node in view.nodes:
        exact = view.why_exact(node)
        fused = node.op_type == "Relu" and not exact
        if node.name in chosen or node.op_type in LAYOUT or fused:
            continue
        if node.name in joined and flavour is Flavour.CPU:
            continue
        reason = exact or refused.get(node.name, _NO_WEIGHTS)
        if node.op_type == "MatMul" and node.input[1] in view.constants:
            reason = _MATMUL
        if node.name in joined:
            reason = _FUSED
        precision = "fp32" if flavour is Flavour.CPU or exact else "fp16"
        found.append(HigherPrecision(str(flavour), node.name, node.op_type, precision, reason))
    return tuple(found)
