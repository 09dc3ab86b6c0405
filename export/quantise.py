"""INT8: faces to ranges and repairs, and the layers that stay high until the limits hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NoReturn

from edgefer.calibration.calibrators import CalibrationOptions, Calibrator
from edgefer.calibration.chosen import chosen_faces
from edgefer.calibration.placement import NONE_KEPT
from edgefer.calibration.repairs import Repair
from edgefer.calibration.table import CalibrationTable
from edgefer.data.faces import FaceSet
from edgefer.errors import InputError
from edgefer.export.gate import Compared, Evaluation, GateFailed, Limits, Loss, losses
from edgefer.export.graph import SourceGraph
from edgefer.export.mixed import fewest_kept
from edgefer.export.precision import Graphs, Int8
from edgefer.export.ranges import calibrate
from edgefer.export.repair import equalised, repair
from edgefer.export.sensitivity import LayerSensitivity, sensitivity
from edgefer.manifest import Flavour
from edgefer.progress import Progress, silent
from edgefer.zoo.registry import NETWORKS

_RANKED_ON = 512  # faces


@dataclass(frozen=True)
class Int8Options:
    """How INT8 is made: the ranges, the repairs, and whether layers may stay high.

    With `search` as many layers stay high as the limits of the gate need.
    """

    calibration: CalibrationOptions = field(default_factory=CalibrationOptions)
    repairs: tuple[Repair, ...] = ()
    search: bool = False

    def advice(self, int8: Int8) -> list[str]:
        """What was not tried yet, where INT8 made with these options lost too much."""
        faces = int8.table.faces
        untried = {
            f"calibrate on more than {faces} faces": faces < CalibrationOptions().faces,
            "--calibrator auto": self.calibration.calibrator is not Calibrator.AUTO,
            "--repair all": len(self.repairs) < len(Repair),
            "--max-drop POINTS, which leaves layers in FP16": not self.search,
            "training for INT8: edgefer train --qat": _trains_here(int8.source),
        }
        return [what for what, open_ in untried.items() if open_] + ["--precision fp16"]


def _trains_here(graph: SourceGraph) -> bool:
    return graph.network in NETWORKS and "spec" not in graph.origin


def refuse_drawn(ranges: FaceSet | CalibrationTable, what: str, allowed: bool) -> None:
    """Raise InputError where drawn faces set the ranges of `what`, unless that is allowed."""
    if ranges.drawn and not allowed:
        msg = (
            f"{what}: drawn faces would set its ranges, and are not those that it will see; "
            "give real faces, or --allow-drawn"
        )
        raise InputError(msg)


def prepare(
    graph: SourceGraph,
    table: CalibrationTable | None,
    options: Int8Options,
    faces: FaceSet | None,
    progress: Progress = silent,
) -> Int8:
    """Ranges and repairs of a graph, from `faces`; without them the `table` that came with it.

    Raises InputError where there is neither, or where repairs have no faces to work on.
    """
    if faces is None:
        return Int8(graph, _own_table(graph, table, options))
    wanted = options.repairs
    chosen = chosen_faces(faces, options.calibration, progress)
    if Repair.EQUALISATION in wanted:
        graph = equalised(graph, chosen, progress)
    made = calibrate(graph, faces, options.calibration, progress)
    return Int8(graph, made, repair(graph, made, wanted, chosen, progress), wanted)


def _own_table(
    graph: SourceGraph, table: CalibrationTable | None, options: Int8Options
) -> CalibrationTable:
    if table is None:
        msg = f"{graph.network}: INT8 needs faces for its ranges; give --calibration DATA"
        raise InputError(msg)
    if table.graph != graph.sha256:
        msg = f"{graph.network}: the ranges are another graph's; give --calibration DATA"
        raise InputError(msg)
    if options.repairs or options.calibration != CalibrationOptions():
        msg = (
            f"{graph.network}: a calibrator, a number of faces and repairs need faces to work on; "
            "give --calibration DATA, or leave them out for the ranges that came with the network"
        )
        raise InputError(msg)
    return table


DEFAULT_INT8 = Int8Options()


class Search:
    """The layers to leave high so that an evaluation is within its limits.

    `advice` is for where there are none.
    """

    def __init__(
        self,
        int8: Int8,
        evaluation: Evaluation,
        limits: Limits,
        advice: Sequence[str] = (),
        progress: Progress = silent,
    ) -> None:
        self._int8, self._evaluation, self._limits = int8, evaluation, limits
        self._advice, self._progress = advice, progress
        self._tried: dict[frozenset[str], bool] = {}
        self._layers: dict[str, LayerSensitivity] = {}

    def find(self) -> Mapping[str, str]:
        """The layers, each with the reason; none where the limits hold as it is.

        Raises GateFailed where every layer would have to stay high, with what is lost with none.
        """
        if self._holds(frozenset()):
            return NONE_KEPT
        some = self._evaluation.faces.balanced(_RANKED_ON).pixels(self._int8.source.size)
        found = sensitivity(
            self._int8.source,
            self._int8.table,
            some,
            self._int8.repairs,
            timed=False,
            progress=self._progress,
        )
        self._layers = {layer.layer: layer for layer in found}
        sizes = {layer.layer: layer.multiply_adds for layer in found}
        kept = fewest_kept(list(sizes), sizes, self._holds)
        if kept is None:
            self._fail("whichever layers stay high", ["limits that allow more"])
        if len(kept) == len(found):
            self._fail("unless every layer stays high", self._advice)
        return {name: self._reason(name, len(some)) for name in kept}

    def _holds(self, kept: frozenset[str]) -> bool:
        if kept not in self._tried:
            graphs = self._int8.graphs(dict.fromkeys(kept, ""))
            # the CPU's is the faster one to answer here
            order = (Flavour.CPU, Flavour.GPU)
            self._tried[kept] = all(not self._losses(graphs, flavour) for flavour in order)
        return self._tried[kept]

    def _losses(self, graphs: Graphs, flavour: Flavour) -> list[Loss]:
        entry = compare(self._evaluation, graphs, flavour)
        return losses(self._evaluation.fp32, flavour, entry, self._limits)

    def _fail(self, searched: str, advice: Sequence[str]) -> NoReturn:
        graphs = self._int8.graphs()
        lost = [loss for flavour in Flavour for loss in self._losses(graphs, flavour)]
        raise GateFailed(lost, self._evaluation.name, advice, searched)

    def _reason(self, name: str, faces: int) -> str:
        layer = self._layers[name]
        return (
            f"{layer.share:.2%} of the multiply-adds; alone in INT8 it changes {layer.flips} of "
            f"{faces} winners (KL {layer.divergence:.2g}); high to stay within {self._limits}"
        )


def compare(evaluation: Evaluation, graphs: Graphs, flavour: Flavour) -> Compared:
    """One flavour beside FP32."""
    return evaluation.compare(graphs.data[flavour], flavour.member)
