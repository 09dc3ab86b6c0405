"""OpenVINO as its documentation has it for latency: static shapes, one stream."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgefer.benchmarks.peer import Peer
from edgefer.bundle import Bundle
from edgefer.data.faces import Pixels
from edgefer.errors import MachineError, reason
from edgefer.imports import require
from edgefer.manifest import Flavour

_ANSWERS = "probabilities"


class BareOpenVino(Peer):
    """A bundle's cpu.onnx on the CPU plugin, compiled once for each number of faces."""

    kind = "openvino"
    name = "openvino (bare)"

    def __init__(self, bundle: Bundle, path: Path, threads: int) -> None:
        """Compile it for one face; MachineError with OpenVINO's message where it does not."""
        library = require("openvino", "openvino")
        self._version = library.__version__
        self._core: Any = library.Core()
        self._graph = bundle.graph(Flavour.CPU)
        self._size = bundle.manifest.size
        self._options = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_NUM_THREADS": threads,
            # What is FP32 in the graph: some CPUs would compute it in BF16 or FP16.
            "INFERENCE_PRECISION_HINT": "f32",
        }
        self._compiled: dict[int, Any] = {1: self._compile(1)}
        self.note = f"{Flavour.CPU.member} of {path.name}, latency hint, static batch"
        self.graph_bytes = len(self._graph)

    def run(self, faces: Pixels) -> NDArray[np.float32]:
        """The first call with another number of faces compiles the graph for it."""
        count = len(faces)
        if count not in self._compiled:
            self._compiled[count] = self._compile(count)
        found: NDArray[np.float32] = self._compiled[count](faces)[_ANSWERS]
        return found

    def close(self) -> None:
        """Free the compiled graphs."""
        self._compiled.clear()
        self._core = None

    def _compile(self, count: int) -> Any:
        try:
            model = self._core.read_model(self._graph)
            model.reshape({"pixels": [count, self._size, self._size, 3]})
            return self._core.compile_model(model, "CPU", self._options)
        except RuntimeError as error:
            member = Flavour.CPU.member
            msg = f"{member}: OpenVINO {self._version} refused it ({reason(error, 400)})"
            raise MachineError(msg) from error
