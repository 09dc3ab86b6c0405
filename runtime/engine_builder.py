"""Makes an engine of `gpu.onnx`: one builder for every TensorRT, run in a process of its own.

Use it through `engine_process`: a builder that crashes or runs out of memory takes its process
with it.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from edgefer.errors import BundleError, MachineError
from edgefer.progress import Progress
from edgefer.runtime.engine_options import EngineOptions
from edgefer.runtime.tensorrt_library import Edition, TensorRT, open_library

# How the engine inspector calls types; "Half" and "Float" are Myelin's words.
_TYPES = {
    # i8i8 and imma in the names of kernels
    "int8": re.compile(r"\bint8\b|i8i8|imma|int8_", re.IGNORECASE),
    "fp8": re.compile(r"\bfp8\b", re.IGNORECASE),
    "fp16": re.compile(r"\b(fp16|half)\b", re.IGNORECASE),
    "bf16": re.compile(r"\b(bf16|bfloat16)\b", re.IGNORECASE),
    "fp32": re.compile(r"\b(fp32|float)\b", re.IGNORECASE),
}
# Layers that only change how numbers are stored do not count as computing in a precision.
_MOVES = ("reformat", "noop", "constant", "shuffle", "cast", "signal", "wait", "shape")


@dataclass(frozen=True)
class Layer:
    """One layer of a parsed network: its type, and the types of what it reads and gives."""

    name: str
    kind: str
    reads: tuple[str, ...]
    gives: tuple[str, ...]
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Built:
    """An engine's bytes, and what is known of it.

    `precisions` counts the layers that compute in each type, None where only a GPU could tell;
    `off_dla` names those that were asked to run on a DLA and do not.
    """

    plan: bytes
    timing: bytes | None
    precisions: Mapping[str, int] | None
    off_dla: tuple[str, ...]


class EngineBuilder:
    """One parsed graph, and the library that makes an engine of it."""

    def __init__(self, graph: bytes, edition: Edition) -> None:
        """Parse; MachineError says which node the parser refused, and why."""
        self._tensorrt = open_library(edition)
        library = self._tensorrt.library
        self._builder = self._tensorrt.builder()
        self._network = self._builder.create_network(self._tensorrt.network_flags())
        self._parser = library.OnnxParser(self._network, self._tensorrt.logger)
        if not self._parser.parse(graph):
            # the bundle is intact: it is this library that lacks something
            msg = f"gpu.onnx: {edition} {self._tensorrt.version} does not read it: " + "; ".join(
                map(_described, map(self._parser.get_error, range(self._parser.num_errors)))
            )
            raise MachineError(msg)
        if self._network.num_inputs != 1:
            msg = f"gpu.onnx: expected one input, found {self._network.num_inputs}"
            raise BundleError(msg)

    def layers(self) -> Iterator[Layer]:
        """The parsed network, before anything is fused."""
        for index in range(self._network.num_layers):
            layer = self._network.get_layer(index)
            inputs = [layer.get_input(i) for i in range(layer.num_inputs)]
            outputs = [layer.get_output(i) for i in range(layer.num_outputs)]
            yield Layer(
                name=layer.name,
                kind=_name(layer.type),
                reads=tuple(_name(tensor.dtype) for tensor in inputs if tensor is not None),
                gives=tuple(_name(tensor.dtype) for tensor in outputs),
                shape=tuple(outputs[0].shape) if outputs else (),
            )

    def build(self, options: EngineOptions, timing: bytes | None, progress: Progress) -> Built:
        """The engine; MachineError or RuntimeLost with TensorRT's own log where there is none."""
        config = self._configure(options, progress)
        # TensorRT-RTX measures nothing when it builds, and needs a GPU to be asked for it
        timed = options.edition is Edition.TENSORRT
        if timed:
            cache = config.create_timing_cache(timing or b"")
            config.set_timing_cache(cache, False)
        off_dla = self._off_dla(config, options)
        plan = self._builder.build_serialized_network(self._network, config)
        if plan is None:
            self._tensorrt.refuse("building the engine")
        data = bytes(plan)
        found = bytes(config.get_timing_cache().serialize()) if timed else None
        precisions = _inspect(self._tensorrt, data, options.dla) if timed else None
        return Built(data, found, precisions, off_dla)

    def _configure(self, options: EngineOptions, progress: Progress) -> Any:
        library = self._tensorrt.library
        config = self._builder.create_builder_config()
        config.set_memory_pool_limit(library.MemoryPoolType.WORKSPACE, options.workspace)
        # ten bits are not FP32, and more than a self-check allows
        config.clear_flag(library.BuilderFlag.TF32)
        config.profiling_verbosity = library.ProfilingVerbosity.DETAILED
        config.progress_monitor = _monitor(library, progress)
        pixels = self._network.get_input(0)
        for sizes in options.profiles:
            profile = self._builder.create_optimization_profile()
            profile.set_shape(pixels.name, *((size, *pixels.shape[1:]) for size in sizes))
            config.add_optimization_profile(profile)
        if options.capabilities:
            _aim(library, config, options.capabilities)
        if options.dla is not None:
            self._place_on_dla(config, options.dla)
        return config

    def _place_on_dla(self, config: Any, core: int) -> None:
        library, cores = self._tensorrt.library, self._builder.num_DLA_cores
        if core >= cores:
            found = f"{cores} of them" if cores else "none"
            msg = (
                f"DLA core {core}: TensorRT {self._tensorrt.version} finds {found} on this device; "
                "leave out --dla (JetPack 7.2 and Orin Nano have none)"
            )
            raise MachineError(msg)
        config.default_device_type = library.DeviceType.DLA
        config.DLA_core = core
        config.set_flag(library.BuilderFlag.GPU_FALLBACK)

    def _off_dla(self, config: Any, options: EngineOptions) -> tuple[str, ...]:
        """The layers that fall back to the GPU."""
        if options.dla is None:
            return ()
        layers = map(self._network.get_layer, range(self._network.num_layers))
        return tuple(layer.name for layer in layers if not config.can_run_on_DLA(layer))


def _aim(library: Any, config: Any, capabilities: Sequence[str]) -> None:
    """Let TensorRT-RTX build for these GPUs instead of the one that is here."""
    known = library.ComputeCapability
    config.num_compute_capabilities = len(capabilities)
    for index, capability in enumerate(capabilities):
        name = f"SM{capability.replace('.', '')}"
        if not hasattr(known, name):
            msg = (
                f"compute capability {capability}: TensorRT-RTX {library.__version__} does not "
                "build for it; it knows "
                + ", ".join(sorted(n for n in dir(known) if n.startswith("SM")))
            )
            raise MachineError(msg)
        config.set_compute_capability(getattr(known, name), index)


def _monitor(library: Any, progress: Progress) -> Any:
    """Tells of the outer phases alone: those inside them are hundreds, of one step each."""
    steps: dict[str, int] = {}

    class Monitor(library.IProgressMonitor):  # type: ignore[misc]
        def __init__(self) -> None:
            library.IProgressMonitor.__init__(self)

        def phase_start(self, name: str, parent: str | None, total: int) -> None:
            if parent is None:
                steps[name] = total
                progress(name, 0, total)

        def step_complete(self, name: str, step: int) -> bool:
            if name in steps:
                progress(name, step + 1, steps[name])
            return True

        def phase_finish(self, name: str) -> None:
            total = steps.pop(name, None)
            if total is not None:
                progress(name, total, total)

    return Monitor()


def _inspect(tensorrt: TensorRT, plan: bytes, dla: int | None) -> dict[str, int] | None:
    """How many layers of an engine that was just built here compute in each type, if it tells."""
    library = tensorrt.library
    runtime = tensorrt.runtime()
    if dla is not None:
        runtime.DLA_core = dla
    engine = runtime.deserialize_cuda_engine(plan)
    if engine is None:
        tensorrt.refuse("reading the engine that was just built")
    inspector = engine.create_engine_inspector()
    text = inspector.get_engine_information(library.LayerInformationFormat.JSON)
    return count_precisions(text) or None


def count_precisions(information: str) -> dict[str, int]:
    """What the engine inspector's JSON says of the types that layers compute in.

    A layer computes in the type of its first input. Where shapes are dynamic the inspector may
    not tell that: then the type of its weights or the name of its kernel does. Layers that only
    move numbers, and those without details, do not count.
    """
    counts: Counter[str] = Counter()
    with suppress(ValueError):
        for layer in json.loads(information).get("Layers", ()):
            kind = _precision(layer) if isinstance(layer, dict) else None
            if kind is not None:
                counts[kind] += 1
    return dict(counts)


def _precision(layer: Mapping[str, Any]) -> str | None:
    kind = str(layer.get("LayerType", "")).lower()
    inputs = layer.get("Inputs") or ()
    if not inputs or any(word in kind for word in _MOVES):
        return None
    weights = layer.get("Weights")
    told = (
        str(inputs[0].get("Format/Datatype", "")),
        str(weights.get("Type", "") if isinstance(weights, dict) else ""),
        str(layer.get("TacticName", "")),
    )
    found = (name for text in told for name, word in _TYPES.items() if word.search(text))
    return next(found, None)


def _described(error: Any) -> str:
    """What the parser says of one error, with the node where it stopped."""
    node = f"{error.node_operator()} {error.node_name()}: " if error.node_operator() else ""
    return f"{node}{' '.join(error.desc().split())}"


def _name(member: Any) -> str:
    """`DataType.HALF` as HALF."""
    return str(member).rpartition(".")[2]
