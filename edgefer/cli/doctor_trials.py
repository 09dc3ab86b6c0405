"""What doctor tries, and what came of it: backends, the detector, libraries in child processes."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any

from edgefer.cli.output import NO_DATA
from edgefer.errors import EdgeferError

if TYPE_CHECKING:
    from edgefer.bundle import Bundle
    from edgefer.runtime.backend import Backend
    from edgefer.runtime.trial import CudaTrial, LibraryTrial

# In seconds for all together, our choice: a Jetson loads TensorRT's builder from an SD card.
_PATIENCE = 60
# Backends that build an engine, or start a GPU, when they are opened: the library's own trial is
# the evidence for them.
_EVIDENCE = {
    "tensorrt": "tensorrt",
    "tensorrt-rtx": "tensorrt_rtx_bindings",
    "onnxruntime-cuda": "onnxruntime",
}


@dataclass(frozen=True)
class Trial:
    """What became of trying something; `works` is None where it could not be tried."""

    name: str
    works: bool | None
    detail: str

    @property
    def verdict(self) -> str:
        """The same for a table."""
        return {True: "runs", False: "does not run", None: NO_DATA}[self.works]


class Children:
    """Trials in processes of their own, all at once; those still there at the end are killed."""

    def __init__(self, modules: Iterable[str]) -> None:
        self._deadline = time.monotonic() + _PATIENCE
        self._processes = {module: _start(module) for module in modules}

    def __enter__(self) -> Children:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: object, trace: TracebackType | None
    ) -> None:
        for process in self._processes.values():
            process.kill()
            process.wait()
            if process.stdout is not None:
                process.stdout.close()

    def cuda(self) -> CudaTrial:
        """What CUDA says of the first GPU; to be asked once, as the others."""
        from edgefer.runtime.trial import CudaTrial

        found, problem = self._answer("cuda")
        return CudaTrial(detail=problem) if found is None else CudaTrial(**found)

    def libraries(self) -> dict[str, LibraryTrial]:
        """The trials of the other modules."""
        return {name: self._library(name) for name in self._processes if name != "cuda"}

    def _library(self, module: str) -> LibraryTrial:
        from edgefer.runtime.trial import LibraryTrial

        found, problem = self._answer(module)
        if found is None:
            return LibraryTrial(module, runs=False, detail=problem)
        return LibraryTrial(**found)

    def _answer(self, module: str) -> tuple[dict[str, Any] | None, str]:
        """The child's document, or None and what happened to the child."""
        from edgefer.runtime.child_process import how_it_ended

        process = self._processes[module]
        try:
            # one that has ended is read even if another took all the time
            left = max(0.5, self._deadline - time.monotonic())
            output, _ = process.communicate(timeout=left)
            document: dict[str, Any] = json.loads(output)
        except subprocess.TimeoutExpired:
            return None, f"did not end within {_PATIENCE} s"
        except ValueError:
            ended = how_it_ended(process.returncode)
            return None, f"{ended} when it was tried; install it again"
        return document, ""


def _start(module: str) -> subprocess.Popen[bytes]:
    from edgefer.runtime.child_process import command, environment

    return subprocess.Popen(
        command("edgefer.runtime.trial", module),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment(),
    )


def children_to_try() -> list[str]:
    """`cuda`, the TensorRTs that are installed, and what else is evidence for a backend."""
    from edgefer.runtime.selection import BACKENDS
    from edgefer.runtime.tensorrt_library import Edition, is_installed

    editions = [edition.module for edition in Edition if is_installed(edition)]
    others = ["onnxruntime"] if "onnxruntime-cuda" in BACKENDS else []
    return ["cuda", *editions, *others]


def open_backends() -> dict[str, Trial]:
    """Every backend that opens at once, with the default network."""
    from edgefer.runtime.selection import BACKENDS

    return {name: _try_backend(find()) for name, find in BACKENDS.items() if name not in _EVIDENCE}


def judge_backends(
    opened: Mapping[str, Trial], libraries: Mapping[str, LibraryTrial]
) -> list[Trial]:
    """All backends, in their order: those that were opened, and the others by their libraries."""
    from edgefer.runtime.selection import BACKENDS

    return [opened.get(name) or _judge(name, libraries) for name in BACKENDS]


def _judge(name: str, libraries: Mapping[str, LibraryTrial]) -> Trial:
    module = _EVIDENCE[name]
    if module not in libraries:
        return Trial(name, False, f"{module} is not installed")
    return Trial(name, libraries[module].runs, libraries[module].detail)


def _try_backend(backend: type[Backend]) -> Trial:
    import numpy as np

    from edgefer.runtime.backend import OpenOptions

    graph = _shipped_graph()
    if graph is None:
        return Trial(backend.name, None, "the default network is not in this installation")
    bundle = _bundle_of(graph)
    size = bundle.manifest.size
    try:
        opened = backend.open(bundle, backend.flavour, OpenOptions())
        try:
            answer = opened.run(np.zeros((1, size, size, 3), np.uint8))["probabilities"]
            right = bool(abs(float(answer.sum()) - 1) < 1e-3)
        finally:
            opened.close()
    except Exception as error:  # a broken library raises anything
        return Trial(backend.name, False, _reason(error))
    network = bundle.manifest.network
    found = f"ran {network}" if right else f"{network} gave probabilities that do not add up to 1"
    return Trial(backend.name, right, found)


def _shipped_graph() -> bytes | None:
    from edgefer.assets import read_asset
    from edgefer.zoo.registry import DEFAULT_NETWORK

    return read_asset(f"{DEFAULT_NETWORK}.onnx")


def _bundle_of(graph: bytes) -> Bundle:
    """The default network as every flavour: enough of a bundle to open a backend with."""
    from edgefer.bundle import Bundle
    from edgefer.manifest import Flavour, Manifest
    from edgefer.zoo.registry import DEFAULT_NETWORK, NETWORKS

    network = NETWORKS[DEFAULT_NETWORK]
    manifest = Manifest.bare(network.name, network.size, network.labels)
    return Bundle(manifest, {flavour.member: graph for flavour in Flavour})


def list_providers() -> list[str] | None:
    """ONNX Runtime's execution providers, as it lists them; None where it does not load."""
    from edgefer.imports import require

    try:
        return list(require("onnxruntime", "cpu").get_available_providers())
    except Exception:  # the trial of the backend has the reason
        return None


def try_detector() -> Trial:
    """The face detector that would be used, on a black frame."""
    import numpy as np

    from edgefer.runtime.detector import find_detector

    try:
        detector = find_detector()
        detector.find(np.zeros((64, 64, 3), np.uint8))
    except Exception as error:  # a broken OpenCV raises anything
        return Trial("none", False, _reason(error))
    better = "" if detector.name == "yunet" else "; --fetch-detector brings YuNet, which is better"
    return Trial(detector.name, True, f"{detector.name}{better}")


def _reason(error: Exception) -> str:
    return str(error) if isinstance(error, EdgeferError) else f"{type(error).__name__}: {error}"
