"""ONNX Runtime on the GPU of a desktop that has no TensorRT."""

from __future__ import annotations

import ctypes
import io
from contextlib import redirect_stdout
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from edgefer.bundle import Bundle
from edgefer.errors import MachineError, MissingDependency, reason
from edgefer.imports import require
from edgefer.machine import read_machine
from edgefer.manifest import Flavour, Manifest, Precision
from edgefer.runtime.backend import OpenOptions
from edgefer.runtime.ort import OnnxRuntime, open_session

if TYPE_CHECKING:
    from onnxruntime import InferenceSession, IOBinding, OrtValue

_KERNELS = "libonnxruntime_providers_cuda.so"
# Both packages are the same folder: beside the other, neither works.
_FOR_DESKTOP = "run: pip uninstall onnxruntime, then pip install 'edgefer[cuda]'"
_FOR_JETSON = (
    "install the onnxruntime-gpu that is built for this JetPack: pip's has no CUDA for a Jetson"
)


class OnnxRuntimeCuda(OnnxRuntime):
    """One InferenceSession whose input is on the GPU, in memory allocated once a batch size.

    Q/DQ pairs run as float there: INT8 answers as elsewhere, and gains nothing.
    """

    name = "onnxruntime-cuda"
    flavour = Flavour.GPU
    # The tests put a CPU's here.
    provider: ClassVar[str] = "CUDAExecutionProvider"
    device: ClassVar[str] = "cuda"
    # TF32 would cut FP32 down to ten bits, more than the self-check of an FP32 bundle allows. By
    # default each convolution times every algorithm for each batch size: 110 s to load
    # lnl-attennet in FP16 on an H200, where a second is enough. The first device is the default
    # too; where it is named, ONNX Runtime warns of a plugin that it does not have.
    settings: ClassVar[dict[str, str]] = {
        "use_tf32": "0",
        "cudnn_conv_algo_search": "HEURISTIC",
    }

    def __init__(self, session: InferenceSession, manifest: Manifest) -> None:
        super().__init__(session, manifest)
        self._on_device: dict[int, OrtValue] = {}
        if manifest.precision is Precision.INT8:
            self.notes = ("ONNX Runtime computes INT8 in float on a GPU, which is no faster",)

    @classmethod
    def open(cls, bundle: Bundle, flavour: Flavour, options: OpenOptions) -> OnnxRuntimeCuda:
        """Load the graph on the CUDA provider."""
        library = cls._find_library()
        # CPU kernels alone were wrong about rounding FP16 before 1.30: nothing to check here. One
        # thread: those of a pool would only wait for the GPU, and keep the CPU busy with it.
        session = open_session(library, bundle, flavour, (cls.provider, cls.settings), 1)
        return cls(session, bundle.manifest)

    def _bind_pixels(self, binding: IOBinding, count: int) -> None:
        values = require("onnxruntime", "cuda").OrtValue
        shape = self._pixels[:count].shape
        value = values.ortvalue_from_shape_and_type(shape, np.uint8, self.device, 0)
        binding.bind_ortvalue_input("pixels", value)
        self._on_device[count] = value

    def _send(self, count: int) -> None:
        self._on_device[count].update_inplace(self._pixels[:count])

    def close(self) -> None:
        """Free the memory of the GPU, and the session."""
        self._bound.clear()
        self._on_device.clear()
        super().close()

    @classmethod
    def _find_library(cls) -> ModuleType:
        """ONNX Runtime, if it has the provider and the provider's kernels load."""
        jetson = read_machine().jetson is not None
        try:
            library = require("onnxruntime", "cuda")
        except MissingDependency as error:
            if not jetson:
                raise
            msg = f"onnxruntime is not installed; {_FOR_JETSON}"
            raise MissingDependency(msg) from error
        found = library.get_available_providers()
        if cls.provider not in found:
            advice = _FOR_JETSON if jetson else _FOR_DESKTOP
            msg = (
                f"ONNX Runtime {library.__version__}: expected one with {cls.provider}, found "
                f"{', '.join(found)}; {advice}"
            )
            raise MissingDependency(msg)
        if hasattr(library, "preload_dlls"):
            with redirect_stdout(io.StringIO()):  # it prints what it does not find
                library.preload_dlls()
        _check_kernels(library, jetson)
        return library


def _check_kernels(library: ModuleType, jetson: bool) -> None:
    """Raise MachineError where the CUDA kernels do not load: ONNX Runtime would take the CPU."""
    kernels = Path(library.__file__ or "").parent / "capi" / _KERNELS
    if not kernels.is_file():
        return
    try:
        ctypes.CDLL(str(kernels))
    except OSError as error:
        found = reason(error)
        if "libcuda.so" in found:
            advice = "install the NVIDIA driver"
        elif jetson:
            advice = "install JetPack's CUDA and cuDNN"
        else:
            advice = "run: pip install 'onnxruntime-gpu[cuda,cudnn]'"
        version = library.__version__
        msg = f"ONNX Runtime {version}: its CUDA kernels do not load ({found}); {advice}"
        raise MachineError(msg) from error
