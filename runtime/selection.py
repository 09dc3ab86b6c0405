"""Which backend runs a bundle here: the one that was asked for, or the first that can."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from edgefer.bundle import Bundle
from edgefer.errors import InputError, MachineError
from edgefer.machine import MOST_THREADS
from edgefer.manifest import Flavour, Precision
from edgefer.runtime.backend import Backend, OpenOptions
from edgefer.runtime.cuda import require_driver
from edgefer.runtime.external_data import refuse_external_data


def _tensorrt() -> type[Backend]:
    from edgefer.runtime.trt import TensorRTBackend

    return TensorRTBackend


def _tensorrt_rtx() -> type[Backend]:
    from edgefer.runtime.rtx import TensorRTRTX

    return TensorRTRTX


def _onnxruntime_cuda() -> type[Backend]:
    from edgefer.runtime.ort_cuda import OnnxRuntimeCuda

    return OnnxRuntimeCuda


def _onnxruntime() -> type[Backend]:
    from edgefer.runtime.ort import OnnxRuntime

    return OnnxRuntime


# In the order in which `auto` tries them; each is imported when it is tried.
BACKENDS: dict[str, Callable[[], type[Backend]]] = {
    "tensorrt": _tensorrt,
    "tensorrt-rtx": _tensorrt_rtx,
    "onnxruntime-cuda": _onnxruntime_cuda,
    "onnxruntime": _onnxruntime,
}
# Those that need an engine, and those that `auto` passes over without an NVIDIA driver.
ENGINES = ("tensorrt", "tensorrt-rtx")
ON_GPU = (*ENGINES, "onnxruntime-cuda")


@dataclass(frozen=True)
class Chosen:
    """An open backend and the graph it runs; why it, and why not those tried before it."""

    backend: Backend
    flavour: Flavour
    why: str
    passed_over: Mapping[str, str]


def choose(
    bundle: Bundle, names: Sequence[str], flavour: Flavour | None, options: OpenOptions
) -> Chosen:
    """Open the first of these backends that this machine can run.

    Raises MachineError where none can, and what opening it raises where there is one name alone.
    """
    if len(names) == 1:
        return _open(bundle, names[0], flavour, options, "asked for by name", {})
    passed_over: dict[str, str] = {}
    for name in names:
        try:
            if name in ON_GPU:
                require_driver()
            why = "the first that runs here"
            return _open(bundle, name, flavour, options, why, passed_over)
        except MachineError as error:
            passed_over[name] = str(error)
    reasons = "; ".join(f"not {each}: {why}" for each, why in passed_over.items())
    msg = f"no backend can run this bundle here; {reasons}"
    raise MachineError(msg)


def among(backend: str, options: OpenOptions) -> tuple[str, ...]:
    """The names that a choice of backend stands for, InputError where an option has no effect."""
    if options.dla is None and not options.mapped:
        return tuple(BACKENDS) if backend == "auto" else (backend,)
    if backend not in ("auto", ENGINES[0]):
        what = "mapped memory" if options.dla is None else f"DLA core {options.dla}"
        msg = f"{what}: expected the backend {ENGINES[0]}, found {backend}"
        raise InputError(msg)
    return ENGINES[:1]


def check_options(path: object, backend: object, threads: object) -> None:
    """Raise InputError for options of a kind or value that there is not."""
    if not isinstance(path, (str, os.PathLike)):
        msg = f"bundle: expected the name of a file, found {type(path).__name__}"
        raise InputError(msg)
    if backend not in ("auto", *BACKENDS):
        msg = f"backend '{backend}': expected auto or one of {', '.join(BACKENDS)}"
        raise InputError(msg)
    if threads is None:
        return
    if not isinstance(threads, int) or not 1 <= threads <= MOST_THREADS:
        msg = f"threads: expected a whole number of 1 to {MOST_THREADS:,}, found {threads!r:.40}"
        raise InputError(msg)


def parse_flavour(flavour: Flavour | str | None) -> Flavour | None:
    """The flavour of that name; InputError where there is none."""
    try:
        return None if flavour is None else Flavour(flavour)
    except ValueError as error:
        msg = f"flavour '{flavour}': expected one of {', '.join(Flavour)}"
        raise InputError(msg) from error


def _open(
    bundle: Bundle,
    name: str,
    flavour: Flavour | None,
    options: OpenOptions,
    why: str,
    passed_over: Mapping[str, str],
) -> Chosen:
    kind = BACKENDS[name]()
    chosen = flavour or kind.flavour
    refuse_external_data(bundle.graph(chosen), chosen.member)
    backend = kind.open(bundle, chosen, options)
    words = "; ".join([why, *_remarks(bundle, chosen), *backend.notes])
    return Chosen(backend, chosen, words, passed_over)


def _remarks(bundle: Bundle, flavour: Flavour) -> list[str]:
    if bundle.manifest.precision is Precision.FP16 and flavour is Flavour.CPU:
        return [f"{flavour.member} is FP32, as CPU kernels gain nothing from FP16"]
    return []
