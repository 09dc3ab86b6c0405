"""ONNX Runtime on the CPU: any machine, no GPU."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from edgefer.bundle import Bundle
from edgefer.errors import BundleError, EdgeferError, MachineError, reason
from edgefer.imports import require
from edgefer.machine import read_machine
from edgefer.manifest import Flavour, Manifest, Precision
from edgefer.runtime.backend import MOST_FACES, Backend, Floats, Pixels

if TYPE_CHECKING:
    from onnxruntime import InferenceSession, IOBinding, NodeArg, SessionOptions

_ROUNDS_FP16 = (1, 30)
_FATAL_ONLY = 4  # what ONNX Runtime has to say comes with its exception


class OnnxRuntime(Backend):
    """One InferenceSession whose input and outputs are bound to buffers that stay."""

    name = "onnxruntime"
    flavour = Flavour.CPU

    def __init__(self, session: InferenceSession, manifest: Manifest) -> None:
        self._session = session
        size = manifest.size
        self._pixels = np.empty((MOST_FACES, size, size, 3), np.uint8)
        self.outputs = {output.name: tuple(output.shape[1:]) for output in session.get_outputs()}
        self._answers = {
            name: np.empty((MOST_FACES, *shape), np.float32) for name, shape in self.outputs.items()
        }
        self._bound: dict[int, tuple[IOBinding, dict[str, Floats]]] = {}

    @classmethod
    def open(cls, bundle: Bundle, flavour: Flavour, threads: int | None) -> OnnxRuntime:
        """Load the graph on the CPU provider, with `threads` threads (None: all cores)."""
        library = require("onnxruntime", "cpu")
        if flavour is Flavour.GPU and bundle.manifest.precision is Precision.INT8:
            _check_rounding(flavour.member)
        options = session_options(threads)
        try:
            session = library.InferenceSession(
                bundle.graph(flavour), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # its exceptions have no common base
            raise _ours(error, flavour.member) from error
        _check_contract(session, bundle.manifest, flavour.member)
        return cls(session, bundle.manifest)

    def run(self, faces: Pixels) -> dict[str, Floats]:
        """Copy the faces in, run, and give the bound answers."""
        count = len(faces)
        self._pixels[:count] = faces
        binding, answers = self._bound.get(count) or self._bind(count)
        try:
            self._session.run_with_iobinding(binding)
        except Exception as error:  # its exceptions have no common base
            raise _ours(error, "running the graph") from error
        return answers

    def _bind(self, count: int) -> tuple[IOBinding, dict[str, Floats]]:
        """Bind the front of each buffer: all batch sizes share the same memory."""
        binding = self._session.io_binding()
        faces = self._pixels[:count]
        binding.bind_input("pixels", "cpu", 0, faces.dtype, faces.shape, faces.ctypes.data)
        fronts = {name: buffer[:count] for name, buffer in self._answers.items()}
        for name, front in fronts.items():
            binding.bind_output(name, "cpu", 0, front.dtype, front.shape, front.ctypes.data)
        self._bound[count] = binding, fronts
        return binding, fronts

    def close(self) -> None:
        """Free the session; its threads end."""
        self._bound.clear()
        del self._session


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
    return BundleError(f"{what}: ONNX Runtime {version} refused it ({found})")


def _check_contract(session: InferenceSession, manifest: Manifest, name: str) -> None:
    """Compare the graph's inputs and outputs with the manifest."""
    size, labels = manifest.size, len(manifest.labels)
    inputs = [_described(argument) for argument in session.get_inputs()]
    if inputs != [("pixels", "tensor(uint8)", (None, size, size, 3))]:
        msg = f"{name}: expected the input pixels uint8 [N, {size}, {size}, 3], found {inputs}"
        raise BundleError(msg)
    outputs = {argument.name: _described(argument) for argument in session.get_outputs()}
    expected = ("probabilities", "tensor(float)", (None, labels))
    if outputs.get("probabilities") != expected or set(outputs) != set(manifest.outputs):
        msg = (
            f"{name}: expected the outputs {', '.join(manifest.outputs)} with probabilities "
            f"float32 [N, {labels}], found {list(outputs.values())}"
        )
        raise BundleError(msg)
    for output, kind, shape in outputs.values():
        if kind != "tensor(float)" or shape[:1] != (None,) or None in shape[1:]:
            msg = f"{name}: output {output}: expected float32 [N, ...], found {kind} {shape}"
            raise BundleError(msg)


def _described(argument: NodeArg) -> tuple[str, str, tuple[int | None, ...]]:
    """Name, type and shape; a dimension that is free is None."""
    shape = tuple(side if isinstance(side, int) else None for side in argument.shape)
    return argument.name, argument.type, shape
