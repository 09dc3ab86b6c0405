"""`edgefer doctor`: what this machine can do, found by trying."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from edgefer.cli.output import (
    NO_DATA,
    JsonOption,
    facts,
    note,
    print_json,
    progress_bar,
    show,
    table,
)
from edgefer.errors import EdgeferError, MachineError

if TYPE_CHECKING:
    from edgefer.bundle import Bundle
    from edgefer.cli.libraries import Finding
    from edgefer.machine import Machine
    from edgefer.runtime.backend import Backend


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


@dataclass(frozen=True)
class Report:
    """All that doctor found."""

    edgefer: str
    machine: Machine
    libraries: list[Finding]
    backends: list[Trial]
    detector: Trial
    cache: str


def doctor(
    fetch_detector: Annotated[
        bool,
        typer.Option("--fetch-detector", help="Download the YuNet face detector first (230 kB)."),
    ] = False,
    json: JsonOption = False,
) -> None:
    """Show what this machine can do, found by trying.

    Every backend runs the default network once. The status is 0 where one of them can, else 3.

    \b
    Example:
      edgefer doctor
      edgefer doctor --fetch-detector
    """
    if fetch_detector:
        _fetch()
    report = _examine()
    if json:
        print_json(report)
    else:
        _show(report)
    if not any(trial.works for trial in report.backends):
        reasons = "; ".join(f"{trial.name}: {trial.detail}" for trial in report.backends)
        msg = f"no backend runs here: {reasons}"
        raise MachineError(msg)


def _fetch() -> None:
    from edgefer.runtime import fetch

    with progress_bar() as progress:
        path = fetch.fetch_detector(progress)
    note(f"fetched the face detector: {path}")


def _examine() -> Report:
    from edgefer import __version__
    from edgefer.cli.libraries import find_libraries
    from edgefer.machine import read_machine
    from edgefer.runtime.cache import cache_folder

    machine = read_machine()
    return Report(
        __version__,
        machine,
        find_libraries(machine),
        list(_try_backends()),
        _try_detector(),
        str(cache_folder()),
    )


def _try_backends() -> Iterator[Trial]:
    from edgefer.runtime.session import BACKENDS

    graph = _shipped_graph()
    for name, backend in BACKENDS.items():
        if graph is None:
            yield Trial(name, None, "the default network is not in this installation")
        else:
            yield _try_backend(backend, _bundle_of(graph))


def _try_backend(backend: type[Backend], bundle: Bundle) -> Trial:
    import numpy as np

    size = bundle.manifest.size
    try:
        opened = backend.open(bundle, backend.flavour, None)
        try:
            answer = opened.run(np.zeros((1, size, size, 3), np.uint8))["probabilities"]
            right = bool(abs(float(answer.sum()) - 1) < 1e-3)
        finally:
            opened.close()
    except Exception as error:  # a broken library raises anything
        return Trial(backend.name, False, _reason(error))
    network = bundle.manifest.network
    found = f"ran {network}" if right else f"{network} gave probabilities that do not add up to 1"
    return Trial(backend.name, right, f"{found}{_providers(backend.name)}")


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


def _providers(backend: str) -> str:
    if backend != "onnxruntime":
        return ""
    from edgefer.imports import require

    providers = require("onnxruntime", "cpu").get_available_providers()
    return f"; providers: {', '.join(providers)}"


def _try_detector() -> Trial:
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


def _show(report: Report) -> None:
    show(facts(_machine_facts(report)))
    columns = ("library", "version", "install with")
    rows = (
        (found.name, found.version or "missing", found.install or "") for found in report.libraries
    )
    show(table(columns, rows, title="Optional libraries"))
    columns = ("backend", "here", "found")
    rows = ((trial.name, trial.verdict, trial.detail) for trial in report.backends)
    show(table(columns, rows, title="Backends, tried"))


def _machine_facts(report: Report) -> Iterator[tuple[str, object]]:
    machine = report.machine
    yield "edgefer", report.edgefer
    yield "Python", machine.python
    yield "system", machine.system
    yield "processor", f"{machine.cpu or 'unknown'} ({machine.architecture}, {machine.cores} cores)"
    yield "INT8 instructions", ", ".join(machine.int8_instructions) or "none known"
    if machine.memory is not None:
        yield "memory", f"{machine.memory / 2**30:.1f} GiB"
    if machine.jetson:
        yield "Jetson", machine.jetson
        yield "Jetson Linux", machine.l4t or "unknown"
    if machine.nvidia_driver:
        yield "NVIDIA GPUs", ", ".join(machine.gpus) or "none"
        yield "NVIDIA driver", machine.nvidia_driver
    yield "face detector", report.detector.detail
    yield "cache folder", report.cache
