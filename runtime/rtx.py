"""TensorRT-RTX: desktop GPUs, with engines that were built ahead of time or are built here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edgefer.runtime.engine_cache import EngineCache
from edgefer.runtime.private_files import read_hashed, write_hashed
from edgefer.runtime.tensorrt_library import Edition
from edgefer.runtime.trt import TensorRTBackend
from edgefer.runtime.trt_engine import LoadedEngine


class TensorRTRTX(TensorRTBackend):
    """The same with kernels that are compiled as they load, and kept for the next time."""

    name = "tensorrt-rtx"
    edition = Edition.RTX

    def _configure(self, engine: LoadedEngine) -> Any:
        library = engine.tensorrt.library
        config = engine.engine.create_runtime_config()
        # we capture the copies too; and kernels that are exchanged later would change latencies
        config.cuda_graph_strategy = library.CudaGraphStrategy.DISABLED
        strategies = library.DynamicShapesKernelSpecializationStrategy
        config.dynamic_shapes_kernel_specialization_strategy = strategies.EAGER
        self._kernels = config.create_runtime_cache()
        kept = read_hashed(self._kernel_file)
        if kept is not None:
            self._kernels.deserialize(kept)  # False for those of another device: then it is empty
        self._kept = kept or b""
        config.set_runtime_cache(self._kernels)
        return config

    def _settled(self) -> None:
        kernels = bytes(self._kernels.serialize())
        if kernels != self._kept:
            write_hashed(self._kernel_file, kernels)

    @property
    def _kernel_file(self) -> Path:
        return EngineCache().folder / f"{self.engine.sha256[:32]}.kernels"
