"""Quantisation-aware training: an FP32 graph learns to answer through its own INT8 rounding.

The graph is that of the export, with BatchNorm in its weights. Its ranges stay those of its table,
so that the exported scales are those it was trained with. It learns from the labels and from what
it answered in FP32 (distillation: Hinton et al., 2015; for quantisation: Mishra and Marr, ICLR
2018), far more from the latter: what is wanted is the FP32 graph, not another one.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from edgefer.calibration.table import CalibrationTable
from edgefer.data.faces import FaceSet
from edgefer.errors import InputError
from edgefer.export.fake_quantised import FakeQuantised
from edgefer.export.graph import OUTPUT, SourceGraph, describe
from edgefer.export.torch_graph import GraphModule, Values
from edgefer.imports import require
from edgefer.progress import Progress, silent
from edgefer.training.options import TrainingOptions
from edgefer.training.trainer import Trainer
from edgefer.zoo.network import FaceNetwork
from edgefer.zoo.registry import Choices, find_network

if TYPE_CHECKING:
    from onnx import ModelProto

# The share of the FP32 graph's answers in what is learnt. Our choice, on FER+: with a half, more
# winners became others than with rounding alone.
TAUGHT = 0.9
_LEAST = 1e-12  # probability whose logarithm is taken


class Pupil(FaceNetwork):
    """The INT8 graph as the training loop has it, with the FP32 graph for a teacher.

    `forward` takes normalised faces float32 [n, channels, size, size], as another network's does.
    It computes in FP32 wherever it runs: bfloat16 has fewer digits than the integers.
    """

    def __init__(self, model: ModelProto, table: CalibrationTable) -> None:
        super().__init__()
        self.graph = FakeQuantised(model, table)
        self.outputs = tuple(self.graph.outputs)
        self.teacher = GraphModule(model, trainable=False)

    def forward(self, faces: Tensor) -> tuple[Values, Tensor | None]:
        """The outputs by name and, while training, the teacher's probabilities [n, labels]."""
        with torch.autocast(faces.device.type, enabled=False):
            found = self.graph.behind_entry(faces)
            if not self.training:
                return found, None
            with torch.no_grad():
                return found, self.teacher.behind_entry(faces)[OUTPUT]

    def loss(self, heads: tuple[Values, Tensor], targets: Tensor) -> Tensor:
        """Cross-entropy with labels and teacher mixed: the gradient of both losses, so weighed."""
        found, taught = heads
        wanted = torch.lerp(targets, taught, TAUGHT)
        return -(wanted * found[OUTPUT].clamp(min=_LEAST).log()).sum(dim=1).mean()

    def answers(self, heads: tuple[Values, Tensor | None]) -> tuple[Tensor, ...]:
        """The outputs in the order of the graph."""
        return tuple(heads[0][name] for name in self.outputs)


class QuantisedTrainer(Trainer):
    """Trains `graph`, one of our networks, within the ranges of `table`, on labels of its own.

    Raises InputError where the table is another graph's, and as Trainer and FakeQuantised do.
    """

    averaged: Pupil

    def __init__(
        self,
        graph: SourceGraph,
        table: CalibrationTable,
        faces: FaceSet,
        options: TrainingOptions,
        validation: FaceSet | None = None,
        progress: Progress = silent,
        *,
        threads: int | None = None,
    ) -> None:
        if table.graph != graph.sha256:
            msg = f"{graph.network}: the ranges are another graph's; calibrate this one"
            raise InputError(msg)
        self.source, self.table = graph, table
        self._model = require("onnx", "export").load_model_from_string(graph.data)
        labels = [str(label) for label in graph.labels]
        network = find_network(graph.network).varied(Choices.from_json(labels, graph.variant))
        pupil = Pupil(self._model, table)
        super().__init__(
            network, faces, options, validation, progress, module=pupil, threads=threads
        )
        self.run["start"] = {**graph.origin, "graph": graph.sha256}
        self.run["calibration"] = table.provenance()

    def result(self, accuracy: float | None) -> tuple[SourceGraph, CalibrationTable]:
        """The graph with the averaged weights, and the ranges that they were trained within.

        `accuracy` was measured of them; it goes into the graph, with all that decided them.
        """
        origin = {
            "source": f"{self.source.origin['source']}, trained on for INT8",
            "sha256": None,
            "training": {**self.run, "accuracy": accuracy},
        }
        described = {
            "network": self.source.network,
            "labels": self.run["labels"],
            "weights": origin,
            "variant": self.source.variant,
        }
        model = self.averaged.graph.written_into(self._model)
        made = describe(model, described, self.source.network)
        return made, replace(self.table, graph=made.sha256)
