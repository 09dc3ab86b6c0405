"""Tries a library in a process of its own: one that is broken may crash, hang, or print.

`python -m edgefer.runtime.trial MODULE` prints one JSON document, and nothing else gets there.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edgefer.errors import MachineError, reason
from edgefer.imports import require
from edgefer.runtime.child_process import leave, take_output
from edgefer.runtime.cuda import Cuda, find_cuda
from edgefer.runtime.tensorrt_library import Edition, TensorRT, open_library

_CUDA_PROVIDER = "CUDAExecutionProvider"
# What every trial runs: values, those below zero made zero, added to themselves.
_VALUES = np.array([[-1, 2, -3, 4]], np.float32)
_ANSWERS = np.array([[0, 4, 0, 8]], np.float32)
# The same as ONNX, opset 17: values -> Relu -> Add -> answers.
_TWO_LAYERS = (
    b'\x08\x08\x12\x00:x\n\x18\n\x06values\x12\x08positive"\x04Relu\n"\n\x08positive\n\x08positive'
    b'\x12\x07answers"\x03Add\x12\x03twoZ\x18\n\x06values\x12\x0e\n\x0c\x08\x01\x12\x08\n\x02\x08'
    b"\x01\n\x02\x08\x04b\x19\n\x07answers\x12\x0e\n\x0c\x08\x01\x12\x08\n\x02\x08\x01\n\x02\x08"
    b"\x04B\x04\n\x00\x10\x11"
)


@dataclass(frozen=True)
class LibraryTrial:
    """What a library did with a network of two layers; None where it was not tried.

    `place` is the file that was imported, `builds` whether TensorRT made an engine, `runs` whether
    the GPU gave the right answers.
    """

    module: str
    version: str | None = None
    place: str | None = None
    builds: bool | None = None
    runs: bool | None = None
    dla_cores: int | None = None
    detail: str = ""


@dataclass(frozen=True)
class CudaTrial:
    """The first GPU as CUDA describes it, or in `detail` why it does not; memory is in bytes."""

    library: str | None = None
    device: str | None = None
    capability: str | None = None
    cuda: str | None = None
    free: int | None = None
    total: int | None = None
    detail: str = ""


def try_cuda() -> CudaTrial:
    """Ask the first device for its facts."""
    try:
        cuda = find_cuda()
        with cuda.current():
            device = cuda.device()
            free, total = cuda.memory()
    except Exception as error:  # a broken library raises anything
        return CudaTrial(detail=_why(error))
    return CudaTrial(
        library=cuda.name,
        device=device.name,
        capability=".".join(map(str, device.capability)),
        cuda=".".join(map(str, device.driver)),
        free=free,
        total=total,
    )


def try_tensorrt(edition: Edition) -> LibraryTrial:
    """Build an engine of two layers, and run it where there is a GPU."""
    trial = LibraryTrial(edition.module, runs=False)
    try:
        tensorrt = open_library(edition)
    except Exception as error:  # a broken library raises anything
        return replace(trial, builds=False, detail=_why(error))
    trial = replace(trial, version=tensorrt.version, place=tensorrt.library.__file__)
    try:
        cuda = find_cuda()
    except Exception as error:
        return _build_only(tensorrt, trial, _why(error))
    try:
        with cuda.current():
            plan, cores = _build(tensorrt, "CURRENT")
            trial = replace(trial, builds=True, dla_cores=cores)
            _check(_run(tensorrt, plan, cuda))
    except Exception as error:
        built = (
            "builds engines, does not run them" if trial.builds else "builds no engine for this GPU"
        )
        return replace(trial, builds=bool(trial.builds), detail=f"{built}: {_why(error)}")
    return replace(trial, runs=True, detail="builds and runs engines")


def _build_only(tensorrt: TensorRT, trial: LibraryTrial, no_cuda: str) -> LibraryTrial:
    """Without a GPU TensorRT-RTX builds for another, and TensorRT does not build."""
    try:
        _build(tensorrt, "SM86")
    except Exception as error:
        why = _why(error)
        if tensorrt.edition is Edition.TENSORRT:
            why = f"{no_cuda}; its log: {why}"
        return replace(trial, builds=False, detail=f"builds no engines: {why}")
    return replace(trial, builds=True, detail=f"builds engines, does not run them: {no_cuda}")


def try_onnxruntime() -> LibraryTrial:
    """Run two layers on ONNX Runtime's CUDA provider: being listed does not mean that it works."""
    trial = LibraryTrial("onnxruntime", runs=False)
    try:
        library = require("onnxruntime", "cpu")
        trial = replace(trial, version=library.__version__, place=library.__file__)
        if _CUDA_PROVIDER not in library.get_available_providers():
            msg = f"this ONNX Runtime was built without {_CUDA_PROVIDER}"
            raise MachineError(msg)
        find_cuda()
        if hasattr(library, "preload_dlls"):  # what pip brought, where the loader does not look
            library.preload_dlls()
        session = library.InferenceSession(_TWO_LAYERS, providers=[_CUDA_PROVIDER])
        used = session.get_providers()
        if _CUDA_PROVIDER not in used:
            msg = f"{_CUDA_PROVIDER} does not load; ONNX Runtime took {', '.join(used)} instead"
            raise MachineError(msg)
        _check(session.run(None, {"values": _VALUES})[0])
    except Exception as error:  # its exceptions have no common base
        return replace(trial, detail=_why(error))
    return replace(trial, runs=True, detail=f"ran two layers with {_CUDA_PROVIDER}")


def _build(tensorrt: TensorRT, target: str) -> tuple[Any, int | None]:
    """An engine's bytes, `target` being for TensorRT-RTX; and the number of DLA cores."""
    library = tensorrt.library
    try:
        builder = library.Builder(tensorrt.logger)
    except TypeError as error:  # what pybind11 raises where a factory gives nothing
        raise MachineError(tensorrt.log()) from error
    network = builder.create_network(tensorrt.network_flags())
    values = network.add_input("values", library.float32, _VALUES.shape)
    relu = network.add_activation(values, library.ActivationType.RELU).get_output(0)
    added = network.add_elementwise(relu, relu, library.ElementWiseOperation.SUM).get_output(0)
    added.name = "answers"
    network.mark_output(added)
    config = builder.create_builder_config()
    if tensorrt.edition is Edition.RTX:
        config.num_compute_capabilities = 1
        config.set_compute_capability(getattr(library.ComputeCapability, target), 0)
    plan = builder.build_serialized_network(network, config)
    if plan is None:
        raise MachineError(tensorrt.log())
    cores = None if tensorrt.edition is Edition.RTX else getattr(builder, "num_DLA_cores", None)
    return plan, cores


def _run(tensorrt: TensorRT, plan: Any, cuda: Cuda) -> NDArray[np.float32]:
    """The engine's answers. Nothing is freed: the process ends."""
    runtime = tensorrt.library.Runtime(tensorrt.logger)
    engine = runtime.deserialize_cuda_engine(plan)
    context = engine.create_execution_context() if engine is not None else None
    if context is None:
        raise MachineError(tensorrt.log())
    answers, size = np.zeros_like(_ANSWERS), _ANSWERS.nbytes
    stream = cuda.create_stream()
    source, target = cuda.allocate(size), cuda.allocate(size)
    cuda.copy_in(source, _VALUES.ctypes.data, size, stream)
    bound = context.set_tensor_address("values", source)
    bound = context.set_tensor_address("answers", target) and bound
    if not bound or not context.execute_async_v3(stream):
        raise MachineError(tensorrt.log())
    cuda.copy_out(answers.ctypes.data, target, size, stream)
    cuda.synchronize(stream)
    return answers


def _check(answers: NDArray[np.float32]) -> None:
    if not np.array_equal(answers, _ANSWERS):
        msg = f"two layers: expected {_ANSWERS.tolist()}, found {answers.tolist()}"
        raise MachineError(msg)


def _why(error: Exception) -> str:
    if isinstance(error, (MachineError, OSError)):
        return reason(error, 400)
    return f"{type(error).__name__}: {reason(error, 400)}"


TRIALS: dict[str, Callable[[], LibraryTrial | CudaTrial]] = {
    "cuda": try_cuda,
    "onnxruntime": try_onnxruntime,
    **{edition.module: partial(try_tensorrt, edition) for edition in Edition},
}


def _main() -> None:
    answers = take_output()
    json.dump(asdict(TRIALS[sys.argv[1]]()), answers)
    answers.close()
    leave()


if __name__ == "__main__":
    _main()
