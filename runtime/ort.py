"""ONNX Runtime on the CPU: any machine, no GPU."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import ModuleType
from typing import TYPE_CHECKING, TypeAlias

from edgefer.bundle import Bundle
from edgefer.errors import BundleError, EdgeferError, MachineError, RuntimeLost, reason
from edgefer.imports import require
from edgefer.machine import read_machine
from edgefer.manifest import Flavour, Manifest, Precision
from edgefer.runtime.backend import Floats, OpenOptions
from edgefer.runtime.bound import BoundBackend
from edgefer.runtime.contract import Described, check_contract
from edgefer.runtime.cuda_python import LOST

if TYPE_CHECKING:
    from onnxruntime import InferenceSession, IOBinding, NodeArg, SessionOptions

_ROUNDS_FP16 = (1, 30)
# A name, and options that only that provider knows.
Provider: TypeAlias = tuple[str, dict[str, str]]
# As it words what CUDA and the libraries on top of it report.
_GPU_FAILURE = re.compile(r"(?P<library>CU[A-Z_]+) failure (?P<code>\d+)")
_KINDS = {"tensor(uint8)": "uint8", "tensor(float)": "float32"}
_FATAL_ONLY = 4  # what ONNX Runtime has to say comes with its exception


class OnnxRuntime(BoundBackend):
    """One InferenceSession whose input and outputs are bound to buffers that stay."""

    name = "onnxruntime"
    flavour = Flavour.CPU

    def __init__(self, session: InferenceSession, manifest: Manifest) -> None:
        outputs = {output.name: tuple(output.shape[1:]) for output in session.get_outputs()}
        super().__init__(manifest.size, outputs)
        self._session = session

    @classmethod
    def open(cls, bundle: Bundle, flavour: Flavour, options: OpenOptions) -> OnnxRuntime:
        """Load the graph on the CPU provider, with that many threads."""
        library = require("onnxruntime", "cpu")
        if flavour is Flavour.GPU and bundle.manifest.precision is Precision.INT8:
            _check_rounding(flavour.member)
        cpu: Provider = ("CPUExecutionProvider", {})
        session = open_session(library, bundle, flavour, cpu, options.threads)
        return cls(session, bundle.manifest)

    def _bind_fronts(self, count: int, fronts: Mapping[str, Floats]) -> IOBinding:
        binding = self._session.io_binding()
        self._bind_pixels(binding, count)
        for name, front in fronts.items():
            # From a GPU too it is copied here as the run ends: a handful of numbers a face.
            binding.bind_output(name, "cpu", 0, front.dtype, front.shape, front.ctypes.data)
        return binding

    def _bind_pixels(self, binding: IOBinding, count: int) -> None:
        faces = self._pixels[:count]
        binding.bind_input("pixels", "cpu", 0, faces.dtype, faces.shape, faces.ctypes.data)

    def _infer(self, call: IOBinding) -> None:
        self._session.run_with_iobinding(call)

    @staticmethod
    def _ours(error: Exception, what: str) -> EdgeferError:
        return _ours(error, what)

    def close(self) -> None:
        """Free the session; its threads end."""
        self._bound.clear()
        del self._session


def open_session(
    library: ModuleType,
    bundle: Bundle,
    flavour: Flavour,
    provider: Provider,
    threads: int | None,
) -> InferenceSession:
    """The graph of that flavour on that provider, and on no other.

    Raises MachineError where ONNX Runtime takes another one.
    """
    graph = bundle.graph(flavour)
    try:
        session = library.InferenceSession(
            graph, session_options(threads), providers=[provider], enable_fallback=0
        )
    except Exception as error:  # its exceptions have no common base
        raise _ours(error, flavour.member) from error
    session.disable_fallback()
    found = session.get_providers()
    if found[:1] != [provider[0]]:
        msg = (
            f"{flavour.member}: expected ONNX Runtime {library.__version__} to run it with "
            f"{provider[0]}, found {', '.join(found)}; what it printed says why"
        )
        raise MachineError(msg)
    inputs, outputs = session.get_inputs(), session.get_outputs()
    check_contract(
        map(_described, inputs), map(_described, outputs), bundle.manifest, flavour.member
    )
    return session


def session_options(threads: int | None = None) -> SessionOptions:
    """What every graph of a bundle is run with; `threads` None: all cores."""
    options = require("onnxruntime", "cpu").SessionOptions()
    options.intra_op_num_threads = threads or 0
    options.log_severity_level = _FATAL_ONLY
    # Or it would take ONNX Runtime's own format too, which nothing here has looked into.
    options.add_session_config_entry("session.load_model_format", "ONNX")
    # It stores the FP16 biases of gpu.onnx as INT32 with scales that FP16 cannot hold.
    options.add_session_config_entry(
        "optimization.disable_specified_optimizers", "WeightBiasQuantization"
    )
    if not read_machine().adds_int8_exactly:
        # Slower kernels whose sums do not saturate; with VNNI they would take twice the time.
        options.add_session_config_entry("session.x64quantprecision", "1")
    return options


def rounds_fp16() -> bool:
    """Whether FP16 values are rounded when they are quantised: until 1.30 they were cut off."""
    version = require("onnxruntime", "cpu").__version__.split(".")
    return (int(version[0]), int(version[1])) >= _ROUNDS_FP16


def _check_rounding(name: str) -> None:
    if not rounds_fp16():
        wanted = ".".join(map(str, _ROUNDS_FP16))
        found = require("onnxruntime", "cpu").__version__
        msg = (
            f"{name} in INT8: expected ONNX Runtime {wanted} or newer, which rounds FP16 values "
            f"when it quantises them, found {found}; use cpu.onnx, which is made for it"
        )
        raise MachineError(msg)


def _ours(error: Exception, what: str) -> EdgeferError:
    """The error of ours for one of ONNX Runtime's, with its own message."""
    version = require("onnxruntime", "cpu").__version__
    found = reason(error)
    if isinstance(error, MemoryError) or "bad_alloc" in found or "Failed to allocate" in found:
        return MachineError(f"{what}: ONNX Runtime {version} ran out of memory ({found})")
    gpu = _GPU_FAILURE.search(found)
    if gpu is not None and gpu["library"] == "CUDA" and int(gpu["code"]) in LOST:
        return RuntimeLost(f"{what}: CUDA lost this process ({found}); start it again")
    if gpu is not None:
        return MachineError(f"{what}: the GPU failed under ONNX Runtime {version} ({found})")
    return BundleError(f"{what}: ONNX Runtime {version} refused it ({found})")


def _described(argument: NodeArg) -> Described:
    shape = tuple(side if isinstance(side, int) else None for side in argument.shape)
    return argument.name, _KINDS.get(argument.type, argument.type), shape
