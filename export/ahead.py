"""Engines for GPUs that are not here: TensorRT-RTX builds them ahead of time, into the bundle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edgefer.bundle import Bundle
from edgefer.errors import InputError, MachineError, MissingDependency
from edgefer.export.unquantised import without_quantisation
from edgefer.machine import read_machine
from edgefer.manifest import Flavour, Precision
from edgefer.progress import Progress, silent
from edgefer.runtime.engine_options import EngineOptions, Target
from edgefer.runtime.engine_process import build_engine
from edgefer.runtime.engine_sidecar import Sidecar, What, Where
from edgefer.runtime.tensorrt_library import Edition, open_library

# Boards whose TensorRT builds for the device that it runs on, and for no other.
_ON_DEVICE = (
    "orin",
    "agx-orin",
    "orin-nx",
    "orin-nano",
    "orin-nano-super",
    "thor",
    "agx-thor",
)


@dataclass(frozen=True)
class Ahead:
    """A bundle with an engine for `targets`.

    `fp16_size` is what the same network takes in FP16 as an engine for the same GPUs, None where
    it was not measured: it is not for INT8, or onnx is not installed.
    """

    bundle: Bundle
    sidecar: Sidecar
    targets: tuple[Target, ...]
    fp16_size: int | None

    @property
    def advice(self) -> str | None:
        """What the sizes advise; None for nothing."""
        if self.fp16_size is None or self.sidecar.size <= self.fp16_size:
            return None
        return (
            f"INT8 is larger than FP16 ({self.sidecar.size:,} against {self.fp16_size:,} "
            "bytes); TensorRT-RTX is made for 16 bits: export with --precision fp16"
        )


def read_targets(names: str, bundle: str) -> tuple[Target, ...]:
    """The targets in a list with commas; `bundle` is the file that they are for.

    Raises MachineError for a board that builds its own engines, InputError for an unknown name.
    """
    targets: list[Target] = []
    for name in (each.strip().lower() for each in names.split(",")):
        if name in _ON_DEVICE:
            msg = (
                f"target {name}: expected a GPU that TensorRT-RTX builds for, found a Jetson, "
                "whose TensorRT builds on the device itself, for it and its JetPack alone; copy "
                f"the bundle there and run: edgefer build {bundle}"
            )
            raise MachineError(msg)
        target = Target.parse(name)
        if target in targets:
            msg = f"target {name}: given twice"
            raise InputError(msg)
        targets.append(target)
    return tuple(targets)


def build_ahead(bundle: Bundle, targets: Sequence[Target], progress: Progress = silent) -> Ahead:
    """The bundle with one engine for all of these GPUs.

    Raises MissingDependency without TensorRT-RTX, MachineError where it does not build for one of
    them, with its log, InputError for Turing beside others.
    """
    capabilities = tuple(target.capability for target in targets)
    options = EngineOptions(Edition.RTX, capabilities=capabilities)
    graph, precision = bundle.graph(Flavour.GPU), bundle.manifest.precision
    built = build_engine(graph, options, progress=progress)
    where = Where(
        version=open_library(Edition.RTX).version,
        capabilities=capabilities,
        device=None,
        driver=None,
        system=None,
        architecture=read_machine().architecture,
        jetpack=None,
    )
    what = What.of(graph, precision, options)
    sidecar = Sidecar.of(built, what, where, options.workspace)
    name = "+".join(targets)
    made = bundle.with_engine(name, built.plan, sidecar.to_json())
    halved = _in_fp16(graph, options, progress) if precision is Precision.INT8 else None
    return Ahead(made, sidecar, tuple(targets), halved)


def _in_fp16(graph: bytes, options: EngineOptions, progress: Progress) -> int | None:
    try:
        plain = without_quantisation(graph)
    except MissingDependency:
        return None
    return len(build_engine(plain, options, progress=progress).plan)
