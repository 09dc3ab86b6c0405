"""`edgefer doctor`: what this machine can do, found by trying."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from edgefer.cli.doctor_trials import (
    Children,
    Trial,
    children_to_try,
    judge_backends,
    list_providers,
    open_backends,
    try_detector,
)
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
from edgefer.errors import MachineError

if TYPE_CHECKING:
    from edgefer.cli.doctor_cache import CacheFolder
    from edgefer.cli.libraries import Finding
    from edgefer.machine import Machine
    from edgefer.runtime.trial import CudaTrial, LibraryTrial


@dataclass(frozen=True)
class Report:
    """All that doctor found; `providers` are ONNX Runtime's, None where it does not load."""

    edgefer: str
    machine: Machine
    libraries: list[Finding]
    backends: list[Trial]
    tensorrt: list[LibraryTrial]
    cuda: CudaTrial
    providers: list[str] | None
    detector: Trial
    cache: CacheFolder
    warnings: list[str]


def doctor(
    fetch_detector: Annotated[
        bool,
        typer.Option("--fetch-detector", help="Download the YuNet face detector first (230 kB)."),
    ] = False,
    json: JsonOption = False,
) -> None:
    """Show what this machine can do, found by trying.

    A backend runs the default network once; TensorRT builds two layers and runs them, in a process
    of its own. The status is 0 where a backend can run here, else 3.

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
    from edgefer.cli.doctor_cache import read_cache
    from edgefer.cli.doctor_warnings import find_warnings
    from edgefer.cli.libraries import find_libraries
    from edgefer.machine import read_machine
    from edgefer.runtime.cache import cache_folder

    machine, cache = read_machine(), read_cache(cache_folder())
    with Children(children_to_try()) as children:
        # meanwhile the children work
        opened, detector, providers = open_backends(), try_detector(), list_providers()
        cuda, libraries = children.cuda(), children.libraries()
    return Report(
        edgefer=__version__,
        machine=machine,
        libraries=find_libraries(machine),
        backends=judge_backends(opened, libraries),
        tensorrt=[trial for name, trial in libraries.items() if name != "onnxruntime"],
        cuda=cuda,
        providers=providers,
        detector=detector,
        cache=cache,
        warnings=list(find_warnings(machine, libraries.get("tensorrt"), cache)),
    )


def _show(report: Report) -> None:
    show(facts(_machine_facts(report)))
    columns = ("library", "version", "install with")
    rows = (
        (found.name, found.version or "missing", found.install or "") for found in report.libraries
    )
    show(table(columns, rows, title="Optional libraries"))
    if report.tensorrt:
        columns = ("library", "version", "found")
        tried = (
            (trial.module, trial.version or NO_DATA, trial.detail) for trial in report.tensorrt
        )
        show(table(columns, tried, title="TensorRT, tried with two layers"))
    columns = ("backend", "here", "found")
    rows = ((trial.name, trial.verdict, trial.detail) for trial in report.backends)
    show(table(columns, rows, title="Backends, tried"))
    if report.warnings:
        show(table(("warning",), ((warning,) for warning in report.warnings), title=""))


def _machine_facts(report: Report) -> Iterator[tuple[str, object]]:
    machine = report.machine
    yield "edgefer", report.edgefer
    yield "Python", machine.python
    yield "system", machine.system
    yield "processor", f"{machine.cpu or 'unknown'} ({machine.architecture}, {machine.cores} cores)"
    yield "INT8 instructions", ", ".join(machine.int8_instructions) or "none known"
    yield "memory", _memory(machine.memory_available, machine.memory)
    if machine.jetson:
        yield "Jetson", machine.jetson
        yield "Jetson Linux", machine.l4t or NO_DATA
        yield "JetPack", machine.jetpack or NO_DATA
        yield "power mode", machine.power_mode or NO_DATA
    if machine.nvidia_driver:
        yield "NVIDIA GPUs", ", ".join(machine.gpus) or "none"
        yield "NVIDIA driver", machine.nvidia_driver
    yield from _cuda_facts(report)
    yield "ONNX Runtime", NO_DATA if report.providers is None else ", ".join(report.providers)
    yield "face detector", report.detector.detail
    yield "cache folder", report.cache.path
    engines = f"{report.cache.engines}, {report.cache.size / 2**20:.1f} MiB"
    yield "engines in it", engines if report.cache.engines else "none"


def _cuda_facts(report: Report) -> Iterator[tuple[str, object]]:
    cuda = report.cuda
    if cuda.device is None:
        yield "CUDA", cuda.detail
    else:
        yield "CUDA", f"{cuda.device}, compute capability {cuda.capability}"
        yield "driver's CUDA", f"{cuda.cuda}, asked through {cuda.library}"
        yield "GPU memory", _memory(cuda.free, cuda.total)
    cores = [trial.dla_cores for trial in report.tensorrt if trial.dla_cores is not None]
    if report.machine.jetson or cores:
        yield "DLA cores", max(cores, default=NO_DATA)


def _memory(free: int | None, total: int | None) -> str:
    if total is None:
        return NO_DATA
    known = NO_DATA if free is None else f"{free / 2**30:.1f}"
    return f"{known} of {total / 2**30:.1f} GiB free"
