"""Which backend runs a bundle here: the one that was asked for, or the first that can."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from edgefer.bundle import Bundle
from edgefer.errors import EdgeferError, InputError, MachineError
from edgefer.imports import is_there
from edgefer.machine import MOST_THREADS
from edgefer.manifest import Flavour, Precision
from edgefer.runtime.backend import Backend, OpenOptions
from edgefer.runtime.contest import compare
from edgefer.runtime.cuda import require_driver
from edgefer.runtime.external_data import refuse_external_data
from edgefer.runtime.self_check import check_itself


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


def _openvino() -> type[Backend]:
    from edgefer.runtime.openvino import OpenVino

    return OpenVino


# In the order in which `auto` tries them; each is imported when it is tried.
BACKENDS: dict[str, Callable[[], type[Backend]]] = {
    "tensorrt": _tensorrt,
    "tensorrt-rtx": _tensorrt_rtx,
    "onnxruntime-cuda": _onnxruntime_cuda,
    "onnxruntime": _onnxruntime,
    "openvino": _openvino,
}
# Those that need an engine, and those that `auto` passes over without an NVIDIA driver.
ENGINES = ("tensorrt", "tensorrt-rtx")
ON_GPU = (*ENGINES, "onnxruntime-cuda")
# Where both are installed, `auto` takes the second if it is faster.
ON_CPU = ("onnxruntime", "openvino")
_FIRST = "the first that runs here"


@dataclass(frozen=True)
class Chosen:
    """An open backend and the graph it runs; why it, and why not the others that were tried."""

    backend: Backend
    flavour: Flavour
    why: str
    passed_over: Mapping[str, str]


def choose(
    bundle: Bundle, names: Sequence[str], flavour: Flavour | None, options: OpenOptions
) -> Chosen:
    """Open the first of these backends that this machine can run, or a faster rival of it.

    Raises MachineError where none can, what opening it raises where there is one name alone, and
    CheckFailed where its answers are not those at export.
    """
    opener = _Opener(bundle, flavour, options)
    if len(names) == 1:
        return opener.chosen(opener.open(names[0]), "asked for by name", {})
    passed_over: dict[str, str] = {}
    for name in names:
        try:
            if name in ON_GPU:
                require_driver()
            backend = opener.open(name)
        except MachineError as error:
            passed_over[name] = str(error)
            continue
        first, rival = ON_CPU
        if name == first and rival in names and is_there(rival):
            return opener.faster(backend, rival, passed_over)
        return opener.chosen(backend, _FIRST, passed_over)
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


class _Opener:
    """Opens backends with one bundle, each checked against its golden faces."""

    def __init__(self, bundle: Bundle, flavour: Flavour | None, options: OpenOptions) -> None:
        self._bundle = bundle
        self._golden = bundle.golden()
        self._flavour = flavour
        self._options = options

    def open(self, name: str) -> Backend:
        kind = BACKENDS[name]()
        flavour = self._flavour or kind.flavour
        refuse_external_data(self._bundle.graph(flavour), flavour.member)
        backend = kind.open(self._bundle, flavour, self._options)
        try:
            check_itself(backend, flavour, self._golden)
        except BaseException:
            backend.close()
            raise
        return backend

    def faster(self, first: Backend, rival: str, passed_over: Mapping[str, str]) -> Chosen:
        """The faster of the two; the other one is closed."""
        with ExitStack() as opened:
            opened.callback(first.close)
            try:
                second = self.open(rival)
            except EdgeferError as error:  # it may refuse or get wrong what the first one runs
                opened.pop_all()
                return self.chosen(first, _FIRST, {**passed_over, rival: str(error)})
            opened.callback(second.close)
            outcome = compare(first, second, self._golden.faces[:1])
            opened.pop_all()
        outcome.other.close()
        others = {**passed_over, outcome.other.name: outcome.why_not}
        return self.chosen(outcome.kept, outcome.why, others)

    def chosen(self, backend: Backend, why: str, passed_over: Mapping[str, str]) -> Chosen:
        """With what a user may want to know beside why it was taken."""
        flavour = self._flavour or backend.flavour
        words = [why]
        if self._bundle.manifest.precision is Precision.FP16 and flavour is Flavour.CPU:
            words.append(f"{flavour.member} is FP32, as CPU kernels gain nothing from FP16")
        return Chosen(backend, flavour, "; ".join([*words, *backend.notes]), passed_over)
