"""What INT8 costs and gains at each layer: each one alone in INT8, and all others without it."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from edgefer.calibration.placement import quantizable
from edgefer.calibration.repairs import NO_REPAIRS, Repairs
from edgefer.calibration.table import CalibrationTable
from edgefer.calibration.view import GraphView
from edgefer.data.faces import Pixels
from edgefer.export.answers import in_batches_of, probabilities
from edgefer.export.flavours import quantized_graph
from edgefer.export.gate import mean_divergence
from edgefer.export.graph import SourceGraph
from edgefer.export.timing import in_turns
from edgefer.imports import require
from edgefer.manifest import Flavour
from edgefer.progress import Progress, silent

if TYPE_CHECKING:
    from onnx import NodeProto

# NVIDIA's figures for the Orin Nano 8GB Super: dense INT8 operations a second, FP16 at half of
# that, bytes a second.
DEVICE = "Jetson Orin Nano 8GB Super"
_INT8_RATE, _BANDWIDTH = 33.4e12, 102e9

_ALONE = "all but one layer in FP32, to measure that one"


@dataclass(frozen=True)
class LayerSensitivity:
    """One layer that can be INT8.

    `divergence` is the mean KL divergence of the probabilities from FP32's, in nats, and `flips`
    the faces with another winner, with this layer alone in INT8. `saved` is the time in
    microseconds that INT8 saves here on this machine, one face on one thread: all layers in INT8
    against all but this one (it may be below 0; None: not measured). `estimate` is the same for
    TensorRT on `DEVICE`, from its peak rates: an estimate, and the most there can be.
    """

    layer: str
    operator: str
    multiply_adds: int
    share: float
    divergence: float
    flips: int
    saved: float | None
    estimate: float


def sensitivity(
    graph: SourceGraph,
    table: CalibrationTable,
    faces: Pixels,
    repairs: Repairs = NO_REPAIRS,
    *,
    timed: bool = True,
    progress: Progress = silent,
) -> tuple[LayerSensitivity, ...]:
    """Each layer that can be INT8, on `faces` (uint8 [n, size, size, 3]), costliest first.

    Costs are those of `gpu.onnx`, whose grids are the coarser ones, with FP32 for the rest.
    """
    model = require("onnx", "export").load_model_from_string(graph.data)
    view = GraphView(model)
    names = quantizable(view).weighted
    # what INT8 does to a layer is asked of those too that FP16 cannot hold on the GPU
    everywhere = replace(table, beyond_fp16={})
    layers = [node for node in view.nodes if node.name in names]
    total = sum(view.multiply_adds(node) for node in view.nodes)
    reference = probabilities(graph.data, in_batches_of(faces))

    def made(flavour: Flavour, kept: AbstractSet[str]) -> bytes:
        reasons = dict.fromkeys(kept, _ALONE)
        found, _ = quantized_graph(model, everywhere, flavour, reasons, repairs)
        data: bytes = found.SerializeToString()
        return data

    found = []
    for number, node in enumerate(layers, start=1):
        alone = made(Flavour.GPU, names - {node.name})
        answers = probabilities(alone, in_batches_of(faces))
        found.append(
            LayerSensitivity(
                layer=node.name,
                operator=node.op_type,
                multiply_adds=view.multiply_adds(node),
                share=view.multiply_adds(node) / total,
                divergence=mean_divergence(reference, answers),
                flips=int((answers.argmax(axis=1) != reference.argmax(axis=1)).sum()),
                saved=_saved(made, node.name, faces[:1]) if timed else None,
                estimate=1e6 * _estimate(view, node),
            )
        )
        progress("sensitivity", number, len(layers))
    return tuple(sorted(found, key=lambda layer: -layer.divergence))


def _saved(made: Callable[[Flavour, AbstractSet[str]], bytes], layer: str, face: Pixels) -> float:
    without, with_it = in_turns([made(Flavour.CPU, kept) for kept in ({layer}, set())], face)
    return without - with_it


def _estimate(view: GraphView, node: NodeProto) -> float:
    """Seconds that INT8 saves over FP16 at the roofline: computing or moving, the longer one."""
    operations = 2 * view.multiply_adds(node)
    moved = view.elements(node.input[0]) + view.elements(node.output[0])
    moved += view.size(node.input[1])
    int8 = max(operations / _INT8_RATE, moved / _BANDWIDTH)
    return max(2 * operations / _INT8_RATE, 2 * moved / _BANDWIDTH) - int8
