"""`edgefer train --qat`: ranges, a training in INT8, a graph with both in it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edgefer.cli.output import note, percent
from edgefer.cli.training import Job, Prepared, read_faces

if TYPE_CHECKING:
    from edgefer.calibration.calibrators import CalibrationOptions
    from edgefer.export.qat import QuantisedTrainer
    from edgefer.progress import Progress
    from edgefer.zoo.registry import Choices


@dataclass(frozen=True)
class Quantised:
    """Training of a network's graph in INT8; `choices` are its variant, `ranges` how they are set.

    The faces that are learnt set them.
    """

    choices: Choices
    ranges: CalibrationOptions

    def prepare(self, job: Job, progress: Progress) -> Prepared:
        """A trainer for the labels of the weights, within the ranges of the faces."""
        from edgefer.export.qat import QuantisedTrainer
        from edgefer.export.ranges import calibrate
        from edgefer.export.source import find_source

        start = None if job.start is None else str(job.start)
        graph = find_source(job.network.name, start, self.choices).graph
        faces, measured, dropped = read_faces(job, graph.labels, progress)
        table = calibrate(graph, faces, self.ranges, progress)
        trainer = QuantisedTrainer(
            graph, table, faces, job.options, measured, progress, threads=job.threads
        )
        note(f"before: accuracy {percent(trainer.accuracy(), 2)}")
        return Prepared(trainer, measured, dropped)

    def write(self, output: Path, trainer: QuantisedTrainer, accuracy: float | None) -> None:
        """An ONNX file of the FP32 graph, with the ranges in it."""
        from edgefer.export.graph import write_calibrated

        write_calibrated(output, *trainer.result(accuracy))
