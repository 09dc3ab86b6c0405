"""A bundle loaded into a backend and checked against its golden faces."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from math import isfinite
from pathlib import Path
from threading import Lock

import numpy as np

from edgefer.bundle import Bundle, read_bundle
from edgefer.errors import BundleError, CheckFailed, InputError
from edgefer.golden import Probabilities
from edgefer.manifest import Flavour
from edgefer.progress import Progress, silent
from edgefer.runtime.backend import MOST_FACES, Backend, Floats, OnMismatch, OpenOptions, Pixels
from edgefer.runtime.device_array import DeviceFaces
from edgefer.runtime.selection import Chosen, among, check_options, choose, parse_flavour

_PROBABILITIES = ("probabilities",)
_FEW = 256
_DEFAULTS = OpenOptions()


def load(
    path: str | Path,
    *,
    backend: str = "auto",
    threads: int | None = None,
    flavour: Flavour | str | None = None,
    on_mismatch: OnMismatch | str = OnMismatch.REBUILD,
    dla: int | None = None,
    mapped: bool = False,
    progress: Progress = silent,
) -> Session:
    """Open a bundle, check every hash in it, and let it answer its own golden faces.

    `backend` is a name, or "auto" for the first that can run here; `threads` (None: all cores) is
    for the CPU; `flavour` is the graph to run, "gpu" or "cpu" (None: the one for the backend).

    On a CPU with ONNX Runtime and OpenVINO, "auto" loads both, calls them in turns for about half a
    second, and keeps OpenVINO where it is at least 5 % faster. That costs seconds and the memory
    of both while it lasts: name a backend to save it.

    The others are for TensorRT, which needs an engine built on this device: that takes seconds to
    minutes, once, with `progress`. `on_mismatch="error"` builds none and raises instead, for a
    service that must not stop for it: `edgefer build` has done it before. `dla` is the number of a
    DLA core; `mapped` lets a Jetson's GPU read the pixels where the CPU wrote them.

    Raises InputError for a wrong option or a file that is not there, BundleError for a bundle that
    is not intact, MachineError where this machine cannot run it, CheckFailed where its answers are
    not those of its export.
    """
    check_options(path, backend, threads)
    wanted = parse_flavour(flavour)
    options = OpenOptions(threads, OnMismatch.parse(on_mismatch), None, dla, mapped, progress)
    bundle = read_bundle(Path(path))
    return open_bundle(bundle, path, among(backend, options), wanted, options)


def open_bundle(
    bundle: Bundle,
    path: str | Path,
    backends: Sequence[str],
    flavour: Flavour | None = None,
    options: OpenOptions = _DEFAULTS,
) -> Session:
    """A bundle that has been read from `path`, loaded as `load` does it by the first that can."""
    try:
        return Session(bundle, choose(bundle, backends, flavour, options))
    except BundleError as error:
        msg = f"{path}: {error}"
        raise BundleError(msg) from error


class Session:
    """A network ready to run. Close it, or use it as a context manager.

    `backend` is the name of the library that runs it, `why` says how it was chosen and opened, and
    `passed_over` has the reason for each other one that was tried. `engine` describes the engine
    that runs, None for libraries without one.

    Threads may share it; they take turns: for several at once, load a session for each. A fork may
    not: load the bundle in the new process.
    """

    def __init__(self, bundle: Bundle, chosen: Chosen) -> None:
        self.manifest = bundle.manifest
        self.id = bundle.id
        self.labels = bundle.manifest.labels
        self.size = bundle.manifest.size
        self.backend = chosen.backend.name
        self.flavour = chosen.flavour
        self.why = chosen.why
        self.passed_over = chosen.passed_over
        self.engine = chosen.backend.engine
        self._backend: Backend | None = chosen.backend
        self._face = (self.size, self.size, 3)
        self._lock = Lock()
        self._process = os.getpid()

    def run(self, faces: Pixels | object) -> Probabilities:
        """Faces uint8 [n, size, size, 3], RGB, to float32 [n, labels], an array of your own.

        With TensorRT the faces may be on the GPU: anything with `__cuda_array_interface__` or
        DLPack, contiguous, which is then not copied through the host.

        Raises InputError for another shape or type, or where the session is closed; CheckFailed
        where the answer is not finite; RuntimeLost where the process has to start again.
        """
        (probabilities,) = self._run(faces, _PROBABILITIES)
        return probabilities

    def answers(self, faces: Pixels | object) -> dict[str, Floats]:
        """Every output of the graph by its name: `probabilities`, and what the network adds.

        Faces and errors are those of `run`, and each output is float32 [n, ...].
        """
        return dict(zip(self.manifest.outputs, self._run(faces, self.manifest.outputs)))

    def _run(self, faces: Pixels | object, names: tuple[str, ...]) -> list[Floats]:
        self._check_process()
        with self._lock:
            if self._backend is None:
                msg = "this session is closed; load the bundle again"
                raise InputError(msg)
            answers = self._turns(self._backend, faces, names)
        for name, answer in zip(names, answers):
            if not _is_finite(answer):
                msg = f"{self.backend} gave {name} that are not finite; run edgefer doctor"
                raise CheckFailed(msg)
        return answers

    def _turns(
        self, backend: Backend, faces: Pixels | object, names: tuple[str, ...]
    ) -> list[Floats]:
        """As many faces at a time as the backend takes, from the host or from the GPU."""
        given = faces if isinstance(faces, np.ndarray) else backend.on_device(faces)
        if given is None or given.dtype != np.uint8 or given.shape[1:] != self._face:
            raise InputError(self._unusable(faces if given is None else given))
        count = given.shape[0]
        answers = [np.empty((count, *backend.outputs[name]), np.float32) for name in names]
        for start in range(0, count, MOST_FACES):
            turn = slice(start, min(start + MOST_FACES, count))
            if isinstance(given, np.ndarray):
                found = backend.run(given[turn])
            else:
                found = backend.run_device(given, start, turn.stop - start)
            for name, answer in zip(names, answers):
                answer[turn] = found[name]
        return answers

    def stages(self, faces: Pixels) -> Iterator[str]:
        """Run up to 16 faces, and give the name of each stage as it ends, for whoever times them.

        Nothing where the backend cannot tell its stages apart.
        """
        with self._lock:
            if self._backend is not None:
                yield from self._backend.stages(faces[:MOST_FACES])

    def close(self) -> None:
        """Free the backend; again is no error."""
        # What a fork inherits has lost its threads: freeing it crashes, and the parent's is the
        # parent's to free.
        if os.getpid() != self._process:
            return
        with self._lock:
            backend, self._backend = self._backend, None
            if backend is not None:
                backend.close()

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _check_process(self) -> None:
        if os.getpid() != self._process:
            msg = (
                f"this session was loaded in process {self._process}, found process {os.getpid()}, "
                "a fork of it; load the bundle there"
            )
            raise InputError(msg)

    def _unusable(self, faces: object) -> str:
        found = type(faces).__name__
        if isinstance(faces, (np.ndarray, DeviceFaces)):
            found = f"{faces.dtype} {list(faces.shape)}"
        return f"faces: expected uint8 [n, {self.size}, {self.size}, 3], RGB, found {found}"


def _is_finite(answer: Floats) -> bool:
    """Whether all of it are numbers. Of few, Python's sum tells in a third of numpy's time."""
    if answer.size <= _FEW:
        return isfinite(sum(answer.ravel().tolist()))
    return bool(np.isfinite(answer).all())
