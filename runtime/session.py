"""A bundle loaded into a backend and checked against its golden faces."""

from __future__ import annotations

import os
from pathlib import Path
from threading import Lock

import numpy as np

from edgefer.bundle import Bundle, read_bundle
from edgefer.errors import BundleError, CheckFailed, InputError, MachineError
from edgefer.golden import Golden, Probabilities
from edgefer.machine import MOST_THREADS
from edgefer.manifest import Flavour, Precision
from edgefer.runtime.backend import MOST_FACES, Backend, Floats, Pixels
from edgefer.runtime.external_data import refuse_external_data
from edgefer.runtime.ort import OnnxRuntime

_PROBABILITIES = ("probabilities",)

# In the order in which `auto` tries them.
BACKENDS: dict[str, type[Backend]] = {backend.name: backend for backend in (OnnxRuntime,)}


def load(
    path: str | Path,
    *,
    backend: str = "auto",
    threads: int | None = None,
    flavour: Flavour | str | None = None,
) -> Session:
    """Open a bundle, check every hash in it, and let it answer its own golden faces.

    `backend` is a name, or "auto" for the first that can run here; `threads` (None: all cores) is
    for the CPU; `flavour` is the graph to run, "gpu" or "cpu" (None: the one for the backend).

    Raises InputError for a wrong option or a file that is not there, BundleError for a bundle that
    is not intact, MachineError where this machine cannot run it, CheckFailed where its answers are
    not those of its export.
    """
    _check_options(path, backend, threads)
    wanted = _parse_flavour(flavour)
    bundle = read_bundle(Path(path))
    try:
        golden = bundle.golden()
        opened, chosen, why = _open(bundle, backend, wanted, threads)
    except BundleError as error:
        msg = f"{path}: {error}"
        raise BundleError(msg) from error
    session = Session(bundle, opened, chosen, why)
    try:
        _check_itself(session, golden)
    except BaseException:
        session.close()
        raise
    return session


class Session:
    """A network ready to run. Close it, or use it as a context manager.

    Threads may share it; they take turns. A fork may not: load the bundle in the new process.
    """

    def __init__(self, bundle: Bundle, backend: Backend, flavour: Flavour, why: str) -> None:
        self.manifest = bundle.manifest
        self.id = bundle.id
        self.labels = bundle.manifest.labels
        self.size = bundle.manifest.size
        self.backend = backend.name
        self.flavour = flavour
        self.why = why
        self._backend: Backend | None = backend
        self._face = (self.size, self.size, 3)
        self._lock = Lock()
        self._process = os.getpid()

    def run(self, faces: Pixels) -> Probabilities:
        """Faces uint8 [n, size, size, 3], RGB, to float32 [n, labels], an array of your own.

        Raises InputError for another shape or type, or where the session is closed; CheckFailed
        where the answer is not finite.
        """
        (probabilities,) = self._run(faces, _PROBABILITIES)
        return probabilities

    def answers(self, faces: Pixels) -> dict[str, Floats]:
        """Every output of the graph by its name: `probabilities`, and what the network adds.

        Faces and errors are those of `run`, and each output is float32 [n, ...].
        """
        return dict(zip(self.manifest.outputs, self._run(faces, self.manifest.outputs)))

    def _run(self, faces: Pixels, names: tuple[str, ...]) -> list[Floats]:
        if (
            not isinstance(faces, np.ndarray)
            or faces.dtype != np.uint8
            or faces.shape[1:] != self._face
        ):
            raise InputError(self._unusable(faces))
        self._check_process()
        with self._lock:
            if self._backend is None:
                msg = "this session is closed; load the bundle again"
                raise InputError(msg)
            shapes = self._backend.outputs
            answers = [np.empty((len(faces), *shapes[name]), np.float32) for name in names]
            for start in range(0, len(faces), MOST_FACES):
                turn = slice(start, start + MOST_FACES)
                found = self._backend.run(faces[turn])
                for name, answer in zip(names, answers):
                    answer[turn] = found[name]
        for name, answer in zip(names, answers):
            if not np.isfinite(answer).all():
                msg = f"{self.backend} gave {name} that are not finite; run edgefer doctor"
                raise CheckFailed(msg)
        return answers

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
        if isinstance(faces, np.ndarray):
            found = f"{faces.dtype} {list(faces.shape)}"
        return f"faces: expected uint8 [n, {self.size}, {self.size}, 3], RGB, found {found}"


def _check_options(path: object, backend: object, threads: object) -> None:
    if not isinstance(path, (str, os.PathLike)):
        msg = f"bundle: expected the name of a file, found {type(path).__name__}"
        raise InputError(msg)
    if backend not in ("auto", *BACKENDS):
        msg = f"backend '{backend}': expected auto or one of {', '.join(BACKENDS)}"
        raise InputError(msg)
    if threads is None:
        return
    if not isinstance(threads, int) or not 1 <= threads <= MOST_THREADS:
        msg = f"threads: expected a whole number of 1 to {MOST_THREADS:,}, found {threads!r:.40}"
        raise InputError(msg)


def _parse_flavour(flavour: Flavour | str | None) -> Flavour | None:
    try:
        return None if flavour is None else Flavour(flavour)
    except ValueError as error:
        msg = f"flavour '{flavour}': expected one of {', '.join(Flavour)}"
        raise InputError(msg) from error


def _open(
    bundle: Bundle, name: str, flavour: Flavour | None, threads: int | None
) -> tuple[Backend, Flavour, str]:
    """The backend of that name, or the first that this machine can run; its flavour; and why."""
    if name != "auto":
        backend, chosen = _open_one(bundle, BACKENDS[name], flavour, threads)
        return backend, chosen, "asked for by name" + _remark(bundle, chosen)
    passed_over: list[str] = []
    for candidate in BACKENDS.values():
        try:
            backend, chosen = _open_one(bundle, candidate, flavour, threads)
        except MachineError as error:
            passed_over.append(f"; not {candidate.name}: {error}")
            continue
        why = "the first that runs here"
        return backend, chosen, why + _remark(bundle, chosen) + "".join(passed_over)
    msg = "no backend can run this bundle here" + "".join(passed_over)
    raise MachineError(msg)


def _open_one(
    bundle: Bundle, kind: type[Backend], flavour: Flavour | None, threads: int | None
) -> tuple[Backend, Flavour]:
    chosen = flavour or kind.flavour
    refuse_external_data(bundle.graph(chosen), chosen.member)
    return kind.open(bundle, chosen, threads), chosen


def _remark(bundle: Bundle, flavour: Flavour) -> str:
    if bundle.manifest.precision is Precision.FP16 and flavour is Flavour.CPU:
        return f"; {flavour.member} is FP32, as CPU kernels gain nothing from FP16"
    return ""


def _check_itself(session: Session, golden: Golden) -> None:
    """Raise CheckFailed where the golden faces get other answers than at export."""
    answer = session.run(golden.faces)
    difference = float(np.abs(answer - golden.expected[session.flavour]).max())
    tolerance = golden.tolerance[session.flavour]
    if not difference <= tolerance:
        msg = (
            f"self-check of {session.flavour.member} on {session.backend}: expected probabilities "
            f"within {tolerance:.2g} of those at export, found them off by {difference:.2g} "
            f"on {len(answer)} golden faces; do not use this bundle on this machine"
        )
        raise CheckFailed(msg)
