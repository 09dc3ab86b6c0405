"""Engines that were built on this device, each beside a sidecar that says what it depends on.

An engine is code: it is taken only from a folder that nobody else can write to, only if its bytes
have the hash in its sidecar, and only if everything it depends on is as it was.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from json import dumps
from pathlib import Path

from edgefer.errors import BundleError, MachineError
from edgefer.files import sha256
from edgefer.progress import Progress, silent
from edgefer.runtime.backend import OnMismatch
from edgefer.runtime.cache import cache_folder
from edgefer.runtime.engine_sidecar import Sidecar, What, Where
from edgefer.runtime.private_files import (
    Untrusted,
    private_folder,
    read_private,
    write_private,
)

_WAITING = "waiting for another process that builds this engine"


@dataclass(frozen=True)
class Engine:
    """An engine whose bytes have the hash of its sidecar, and where it came from, in words."""

    plan: bytes
    sidecar: Sidecar
    origin: str


@dataclass(frozen=True)
class Asked:
    """The engine that is wanted; `workspace` None takes one that was built with any.

    `passed_over` says why each engine that lay elsewhere was not taken.
    """

    what: What
    where: Where
    workspace: int | None = None
    on_mismatch: OnMismatch = OnMismatch.REBUILD
    passed_over: tuple[str, ...] = ()


# Builds an engine: its bytes, and the sidecar that describes them.
Build = Callable[[], tuple[bytes, Sidecar]]


class EngineCache:
    """The engines of one user on one machine."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or cache_folder() / "engines"

    def path(self, asked: Asked) -> Path:
        """Where that engine is kept; its name is a hash of everything it depends on."""
        both = dumps([asdict(asked.what), asdict(asked.where)], sort_keys=True)
        return self.folder / f"{sha256(both.encode())[:32]}.engine"

    def get(self, asked: Asked, build: Build, progress: Progress = silent) -> Engine:
        """The engine, from the cache or built once, however many processes ask at the same time.

        Raises MachineError where there is none that fits and `asked` forbids to build one,
        and whatever `build` raises.
        """
        path = self.path(asked)
        refused = self._prepare(asked)
        found = None if refused else self._read(path, asked)
        if isinstance(found, Engine):
            return found
        refused = refused or found
        if asked.on_mismatch is OnMismatch.ERROR:
            raise self._missing(asked, refused or self._no_engine(asked))
        with self._lock(path, progress):
            found = self._read(path, asked)  # another process may have built it meanwhile
            if isinstance(found, Engine):
                return found
            why = refused or found or self._no_engine(asked)
            _remove_parts(path)
            plan, sidecar = build()
            try:
                write_private(path, plan)
                write_private(path.with_suffix(".json"), sidecar.to_json())
            except MachineError as error:  # it runs all the same
                why = f"{why}; not kept: {error}"
        return Engine(plan, sidecar, f"built now: {'; '.join((why, *asked.passed_over))}")

    def _prepare(self, asked: Asked) -> str | None:
        """Make the folder private; where it was not, nothing in it can be trusted any more."""
        try:
            private_folder(self.folder)
        except Untrusted as error:
            if asked.on_mismatch is OnMismatch.ERROR:
                raise self._missing(asked, str(error)) from error
            self.folder.chmod(0o700)
            for path in filter(Path.is_file, self.folder.iterdir()):
                path.unlink()
            return str(error)
        return None

    def _read(self, path: Path, asked: Asked) -> Engine | str | None:
        """The engine; why it was refused, in words; or None where there is nothing."""
        try:
            plan = read_private(path)
            described = read_private(path.with_suffix(".json"))
            if plan is None or described is None:
                return None
            sidecar = Sidecar.from_json(described)
        except (Untrusted, BundleError) as error:
            return str(error)
        if not sidecar.is_of(plan):
            return f"{path.name}: its bytes are not those that its sidecar names"
        if sidecar.what != asked.what:
            return f"{path.name}: its sidecar is that of another engine"
        unlike = sidecar.where.unlike(asked.where)
        if unlike:
            return f"{path.name}: {'; '.join(unlike)}"
        if asked.workspace not in (None, sidecar.workspace):
            return f"its workspace was {sidecar.workspace >> 20} MiB, not {asked.workspace >> 20}"
        return Engine(plan, sidecar, "from the cache")

    def _no_engine(self, asked: Asked) -> str:
        """Why there is none: what has changed since the last one like it, if there was one."""
        for path in sorted(self.folder.glob("*.json"), key=_age):
            try:
                sidecar = Sidecar.from_json(read_private(path) or b"")
            except (Untrusted, BundleError):
                continue
            if sidecar.what == asked.what:
                return "; ".join(sidecar.where.unlike(asked.where)) or f"{path.stem}: has no engine"
        return "there was none yet"

    def _missing(self, asked: Asked, why: str) -> MachineError:
        msg = (
            f"no engine for this device in {self.folder} ({'; '.join((why, *asked.passed_over))}), "
            f"and on_mismatch is '{OnMismatch.ERROR}'; run: edgefer build BUNDLE"
        )
        return MachineError(msg)

    @contextmanager
    def _lock(self, path: Path, progress: Progress) -> Iterator[None]:
        """One process at a time for each engine; the kernel frees the lock of one that dies."""
        import fcntl  # Windows has none, and runs bundles on its CPU without this

        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            handle = os.open(path.with_suffix(".lock"), flags, 0o600)
        except OSError as error:
            msg = (
                f"{self.folder}: cannot keep an engine there ({error.strerror}); set XDG_CACHE_HOME"
            )
            raise MachineError(msg) from error
        with os.fdopen(handle, "rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                progress(_WAITING, 0, 0)
                fcntl.flock(file, fcntl.LOCK_EX)
                progress(_WAITING, 1, 1)
            except OSError as error:
                msg = f"{self.folder}: cannot be locked ({error.strerror}); set XDG_CACHE_HOME"
                raise MachineError(msg) from error
            yield


def _age(path: Path) -> float:
    try:
        return -path.stat().st_mtime
    except OSError:
        return 0.0


def _remove_parts(path: Path) -> None:
    """What a process that was killed while it held the lock left half-written."""
    for part in path.parent.glob(f"{path.stem}.*.tmp"):
        part.unlink(missing_ok=True)
