"""What is on this machine, or a skip that says what is not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edgefer.errors import MachineError, MissingDependency, RuntimeLost
from edgefer.runtime.cuda import Cuda, find_cuda, require_driver
from edgefer.runtime.engine_options import Target
from edgefer.runtime.rtx import TensorRTRTX
from edgefer.runtime.session import Session, load

MIB = 1 << 20


def open_cuda(library: Callable[[], Cuda] = find_cuda) -> Cuda:
    """That CUDA library with a device."""
    try:
        require_driver()
        return library()
    except MachineError as error:
        pytest.skip(str(error))


def open_session(path: Path, backend: str, **options: Any) -> Session:
    """The bundle on that backend; skips where the library or a device that it is for is absent."""
    _require_gpu()
    try:
        return load(path, backend=backend, **options)
    except MissingDependency as error:
        pytest.skip(str(error))
    except (MachineError, RuntimeLost) as error:
        if backend == TensorRTRTX.name and not _has_rtx():
            pytest.skip(f"refused: {error}")
        raise


def free_memory(cuda: Cuda) -> int:
    """What the device has free, in bytes."""
    with cuda.current():
        return cuda.memory()[0]


def slack(cuda: Cuda, discrete: int) -> int:
    """By how much that may change without us: on a Jetson all that runs shares it."""
    with cuda.current():
        return 64 * MIB if cuda.device().integrated else discrete


def _require_gpu() -> None:
    try:
        find_cuda()
    except MissingDependency:  # there is a driver: who needs no CUDA from Python may go on
        pass
    except MachineError as error:
        pytest.skip(str(error))


def _has_rtx() -> bool:
    """Whether TensorRT-RTX is made for this device."""
    cuda = find_cuda()
    with cuda.current():
        capability = ".".join(map(str, cuda.device().capability))
    return capability in {target.capability for target in Target}
