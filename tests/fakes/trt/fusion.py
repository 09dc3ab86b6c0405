"""Which layers an engine has in the end: TensorRT fuses, and the inspector shows the result."""

from __future__ import annotations

from typing import Any

from tests.fakes.trt.graph import Graph
from tests.fakes.trt.layers import kind_of

_HEAVY = {"Conv": "CaskConvolution", "ConvTranspose": "CaskDeconvolution"}
_HEAVY |= {"Gemm": "CaskGemm", "MatMul": "CaskGemm"}


def fused(graph: Graph) -> list[dict[str, Any]]:
    """The layers; a convolution or product between Q and DQ is one that takes INT8."""
    taken: set[int] = set()
    layers = []
    for node in graph.nodes:
        if node.op_type in _HEAVY:
            layer, members = _heavy(graph, node)
            layers.append((graph.nodes.index(node), layer))
            taken |= members
    for index, node in enumerate(graph.nodes):
        weights = bool(node.input) and node.input[0] in graph.constants
        if id(node) not in taken and node.op_type != "Constant" and not weights:
            layers.append((index, _plain(graph, node)))
    return [layer for _, layer in sorted(layers, key=lambda pair: pair[0])]


def _heavy(graph: Graph, node: Any) -> tuple[dict[str, Any], set[int]]:
    """A convolution or product, with what is fused into it."""
    chain = [node]
    source, weights = (graph.maker(name, "DequantizeLinear") for name in node.input[:2])
    integer = source is not None and weights is not None
    names = [graph.names[id(weights)]] if weights is not None else []
    chain += [weights] if weights is not None else []
    inputs = [source.input[0] if integer else node.input[0]]
    output = node.output[0]
    names.append(graph.names[id(node)])
    for operator in ("BatchNormalization", "Relu", "Clip", "QuantizeLinear"):
        follower = graph.only_reader(output, operator)
        if follower is not None and (operator != "QuantizeLinear" or integer):
            chain.append(follower)
            output = follower.output[0]
            names.append(graph.names[id(follower)])
    # Where everybody takes its integers, the DQ in front has no work of its own left.
    if integer and all(reader.op_type in _HEAVY for reader in graph.readers[source.output[0]]):
        chain.append(source)
    layer = _layer(graph, " + ".join(names), _HEAVY[node.op_type], inputs, [output])
    return layer, {id(member) for member in chain}


def _plain(graph: Graph, node: Any) -> dict[str, Any]:
    kind = kind_of(node.op_type)
    title = {"QUANTIZE": "Reformat", "DEQUANTIZE": "Reformat", "CAST": "Reformat"}.get(kind, "kgen")
    if kind in ("POOLING", "REDUCE", "SOFTMAX"):
        title = kind.title()
    inputs = [name for name in node.input if name and name not in graph.constants]
    return _layer(graph, graph.names[id(node)], title, inputs, list(node.output))


def _layer(
    graph: Graph, name: str, kind: str, inputs: list[str], outputs: list[str]
) -> dict[str, Any]:
    def told(tensor: str) -> dict[str, Any]:
        value = graph.values[tensor]
        return {"name": tensor, "dims": list(value.shape), "dtype": value.dtype}

    return {
        "name": name,
        "kind": kind,
        "inputs": [told(tensor) for tensor in inputs],
        "outputs": [told(tensor) for tensor in outputs if tensor],
    }
