"""`edgefer build`: the engine of a bundle, on this device or ahead of time for others."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgefer.cli.engines import DlaOption, note_backend
from edgefer.cli.output import NO_DATA, JsonOption, facts, print_json, progress_bar, show

if TYPE_CHECKING:
    from edgefer.export.ahead import Ahead
    from edgefer.runtime.engine_sidecar import Sidecar
    from edgefer.runtime.session import Session

_MIB = 1 << 20


def build(
    bundle: Annotated[Path, typer.Argument(metavar="BUNDLE", help="The bundle to build for.")],
    target: Annotated[
        str | None,
        typer.Option(
            metavar="GPU,...",
            help="Build ahead of time: rtx-ampere, rtx-ada, rtx-blackwell, or rtx-turing alone.",
        ),
    ] = None,
    backend: Annotated[
        str, typer.Option(help="tensorrt or tensorrt-rtx; auto takes the first that runs here.")
    ] = "auto",
    workspace: Annotated[
        int | None,
        typer.Option(metavar="MIB", min=1, help="The most memory a layer may use; 1024."),
    ] = None,
    dla: DlaOption = None,
    output: Annotated[
        Path | None,
        typer.Option(help="With --target: the bundle with the engine; NAME-rtx.edgefer."),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Build a bundle's engine: for this device, or with --target for GPUs that are not here.

    On this device the engine goes into the cache, so that no later start has to build it, and it
    has to answer the bundle's golden faces. With --target it goes into a new bundle.

    \b
    Example:
      edgefer build fer-lite-int8.edgefer
      edgefer build lite-fp16.edgefer --target rtx-ampere,rtx-ada,rtx-blackwell
    """
    started = time.perf_counter()
    if target is not None:
        _refuse_for_targets(backend, workspace, dla)
        path = output or Path(f"{bundle.stem}-rtx.edgefer")
        made = _build_ahead(bundle, target, path)
        seconds = time.perf_counter() - started
        print_json(_ahead_document(made, path, seconds)) if json else _show_ahead(
            made, path, seconds
        )
        return
    if output is not None:
        _refuse("--output", output, "an engine for this device goes into the cache")
    with _opened(bundle, backend, workspace, dla) as session:
        seconds = time.perf_counter() - started
        print_json(_here_document(session, seconds)) if json else _show_here(session, seconds)


def _refuse_for_targets(backend: str, workspace: int | None, dla: int | None) -> None:
    given = {"--backend": backend, "--workspace": workspace, "--dla": dla}
    for option, value in given.items():
        if value not in (None, "auto"):
            _refuse(option, value, "it is for an engine of this device, --target for others")


def _refuse(option: str, value: object, why: str) -> None:
    from edgefer.errors import InputError

    msg = f"{option} {value}: {why}; leave one out"
    raise InputError(msg)


def _build_ahead(bundle: Path, names: str, path: Path) -> Ahead:
    from edgefer.bundle import read_bundle
    from edgefer.errors import InputError
    from edgefer.export.ahead import build_ahead, read_targets
    from edgefer.files import check_writable

    found = read_bundle(bundle)
    targets = read_targets(names, bundle.name)
    check_writable(path)
    if path.exists() and path.samefile(bundle):
        msg = f"--output {path}: is the bundle itself; give another"
        raise InputError(msg)
    with progress_bar() as progress:
        made = build_ahead(found, targets, progress)
        made.bundle.write(path)
    return made


def _opened(bundle: Path, backend: str, workspace: int | None, dla: int | None) -> Session:
    """A session with the engine that runs here; MachineError where no library builds one."""
    from edgefer.bundle import read_bundle
    from edgefer.errors import InputError
    from edgefer.runtime.backend import OpenOptions
    from edgefer.runtime.selection import ENGINES, among
    from edgefer.runtime.session import open_bundle

    if backend not in ("auto", *ENGINES):
        msg = f"--backend {backend}: expected auto, {' or '.join(ENGINES)}, which need an engine"
        raise InputError(msg)
    found = read_bundle(bundle)
    with progress_bar() as progress:
        size = None if workspace is None else workspace * _MIB
        options = OpenOptions(workspace=size, dla=dla, progress=progress)
        names = tuple(name for name in among(backend, options) if name in ENGINES)
        return open_bundle(found, bundle, names, options=options)


def _ahead_document(made: Ahead, path: Path, seconds: float) -> dict[str, object]:
    return {
        "path": path,
        "id": made.bundle.id,
        "targets": made.targets,
        "seconds": seconds,
        "engine": made.sidecar,
        "fp16_bytes": made.fp16_size,
        "advice": made.advice,
    }


def _show_ahead(made: Ahead, path: Path, seconds: float) -> None:
    rows: list[tuple[str, object]] = [("bundle", path), ("engine for", ", ".join(made.targets))]
    rows += _engine_facts(made.sidecar)
    if made.fp16_size is not None:
        rows.append(("the same in FP16", f"{made.fp16_size:,} bytes"))
    if made.advice is not None:
        rows.append(("advice", made.advice))
    show(facts([*rows, ("took", f"{seconds:.1f} s")]))


def _here_document(session: Session, seconds: float) -> dict[str, object]:
    return {
        "backend": session.backend,
        "why": session.why,
        "passed_over": session.passed_over,
        "seconds": seconds,
        "engine": session.engine,
    }


def _show_here(session: Session, seconds: float) -> None:
    assert session.engine is not None
    note_backend(session)
    rows = [("backend", session.backend), *_engine_facts(session.engine)]
    show(facts([*rows, ("golden faces", "answered as at export"), ("took", f"{seconds:.1f} s")]))


def _engine_facts(sidecar: Sidecar) -> Iterator[tuple[str, object]]:
    where, found = sidecar.where, sidecar.precisions
    yield "precision", sidecar.what.precision
    yield "TensorRT", f"{sidecar.what.edition} {where.version}"
    yield "compute capability", ", ".join(where.capabilities)
    if where.device is not None:
        yield "device", where.device
    yield "engine", f"{sidecar.size:,} bytes of sha256 {sidecar.sha256[:12]}…"
    layers = ", ".join(f"{count} in {kind}" for kind, count in (found or {}).items())
    yield "layers", layers or f"{NO_DATA}: only a GPU tells what the engine runs"
    if sidecar.off_dla:
        yield "not on the DLA", ", ".join(sidecar.off_dla)
