"""OpenVINO on the CPU: the same graph as ONNX Runtime's, and often faster on x86."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from edgefer.bundle import Bundle
from edgefer.errors import BundleError, EdgeferError, MachineError, reason
from edgefer.imports import require
from edgefer.machine import read_machine
from edgefer.manifest import Flavour, Manifest, Precision
from edgefer.runtime.backend import Floats, OpenOptions
from edgefer.runtime.bound import BoundBackend
from edgefer.runtime.contract import Described, check_contract

if TYPE_CHECKING:
    from openvino import CompiledModel, ConstOutput, InferRequest, Model

_SETTINGS: dict[str, str | int | bool] = {
    "PERFORMANCE_HINT": "LATENCY",
    "NUM_STREAMS": 1,
    # Or FP32 is computed in 16 bits where the CPU has instructions for that; INT8 stays INT8.
    "INFERENCE_PRECISION_HINT": "f32",
    # Bound to cores, the threads of two sessions, or of two processes, would share the first ones.
    "ENABLE_CPU_PINNING": False,
}
_KINDS = {"u8": "uint8", "f32": "float32"}
# Where in its source something was wrong, before each line that says what.
_SOURCE = re.compile(r"(Exception from|Check '.*?' failed at) \S+:\d+:\s*")
_MOST_WORDS = 500  # in characters: it may list every operator of a graph


class OpenVino(BoundBackend):
    """The graph compiled for one face and for any number, each bound to buffers that stay.

    With a free number of faces alone, one face took 2 to 12 % longer.
    """

    name = "openvino"
    flavour = Flavour.CPU

    def __init__(self, one: CompiledModel, several: CompiledModel, manifest: Manifest) -> None:
        outputs = {port.any_name: tuple(port.shape)[1:] for port in one.outputs}
        super().__init__(manifest.size, outputs)
        self._one, self._several = one, several

    @classmethod
    def open(cls, bundle: Bundle, flavour: Flavour, options: OpenOptions) -> OpenVino:
        """Compile the graph for the CPU, with that many threads."""
        library = require("openvino", "openvino")
        manifest = bundle.manifest
        if manifest.precision is Precision.INT8:
            _check_sums(flavour.member)
        settings = dict(_SETTINGS)
        if options.threads is not None:
            settings["INFERENCE_NUM_THREADS"] = options.threads
        try:
            model = _read(bundle.graph(flavour), manifest, flavour.member)
            core = library.Core()
            several = core.compile_model(model, "CPU", settings)
            model.reshape({"pixels": [1, manifest.size, manifest.size, 3]})
            one = core.compile_model(model, "CPU", settings)
        except EdgeferError:
            raise
        except Exception as error:  # its exceptions have no common base
            raise _ours(error, flavour.member) from error
        return cls(one, several, manifest)

    def _bind_fronts(self, count: int, fronts: Mapping[str, Floats]) -> InferRequest:
        tensor = require("openvino", "openvino").Tensor
        request = (self._one if count == 1 else self._several).create_infer_request()
        for name, front in {"pixels": self._pixels[:count], **fronts}.items():
            request.set_tensor(name, tensor(front, shared_memory=True))
        return request

    def _infer(self, call: InferRequest) -> None:
        call.infer(share_outputs=True)

    @staticmethod
    def _ours(error: Exception, what: str) -> EdgeferError:
        return _ours(error, what)

    def close(self) -> None:
        """Free both graphs; OpenVINO keeps a thread for the next ones."""
        self._bound.clear()
        del self._one, self._several


def _read(graph: bytes, manifest: Manifest, name: str) -> Model:
    """The graph as OpenVINO's model, held to the contract.

    By its reader of ONNX: left the choice, OpenVINO takes other formats too, which nothing here
    has looked into.
    """
    frontend = require("openvino", "openvino").frontend.FrontEndManager().load_by_framework("onnx")
    model: Model = frontend.convert(frontend.load(io.BytesIO(graph)))
    inputs, outputs = map(_described, model.inputs), map(_described, model.outputs)
    check_contract(inputs, outputs, manifest, name)
    return model


def _described(port: ConstOutput) -> Described:
    sides = () if port.partial_shape.rank.is_dynamic else tuple(port.partial_shape)
    shape = tuple(None if side.is_dynamic else side.get_length() for side in sides)
    kind = port.element_type.get_type_name()
    return port.any_name, _KINDS.get(kind, kind), shape


def _check_sums(name: str) -> None:
    """Raise MachineError where pairs of INT8 products are added in 16 bits, which saturate.

    OpenVINO has no slower kernels for that, as ONNX Runtime has; a sum of the largest values
    comes out as half of what it is.
    """
    if not read_machine().adds_int8_exactly:
        msg = (
            f"{name} in INT8: expected a CPU with VNNI, as OpenVINO adds INT8 exactly with it "
            "alone, found one without; use the backend onnxruntime"
        )
        raise MachineError(msg)


def _ours(error: Exception, what: str) -> EdgeferError:
    """The error of ours for one of OpenVINO's, with its own message."""
    version = require("openvino", "openvino").__version__.split("-")[0]
    found = _SOURCE.sub("", reason(error))[:_MOST_WORDS]
    if isinstance(error, MemoryError) or "bad_alloc" in found:
        return MachineError(f"{what}: OpenVINO {version} ran out of memory ({found})")
    return BundleError(f"{what}: OpenVINO {version} refused it ({found})")
