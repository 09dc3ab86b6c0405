"""`edgefer benchmark`: how fast bundles are, compared in one run."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edgefer.cli.engines import BackendOption
from edgefer.cli.output import JsonOption, facts, note, print_json, progress_bar, show, table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edgefer.benchmarks.machine import Setting
    from edgefer.progress import Progress

_TIMES = ("bundle", "threads", "median", "p90", "p99", "faces/s", "of first")
_STARTS = ("bundle", "threads", "load", "first answer", "calls", "untimed")


def benchmark(
    bundles: Annotated[
        list[Path], typer.Argument(metavar="BUNDLE...", help="The first is compared with.")
    ],
    backend: BackendOption = "auto",
    threads: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Of the CPU; one and all by default.")
    ] = None,
    batch: Annotated[int, typer.Option(min=1, help="Faces a call.")] = 1,
    duration: Annotated[
        float,
        typer.Option(metavar="SECONDS", min=0.01, help="For each bundle and number of threads."),
    ] = 3.0,
    output: Annotated[
        Path | None, typer.Option(metavar="FILE.json", help="Write the record there too.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Measure the latency and throughput of bundles on drawn faces.

    Several bundles take turns in one run, so "of first" compares them: 0.50 is half the time.

    \b
    Example:
      edgefer benchmark fer-lite-fp32.edgefer fer-lite-int8.edgefer
    """
    from edgefer.benchmarks.machine import read_setting
    from edgefer.files import check_writable

    if output is not None:
        check_writable(output)
    setting = read_setting()
    counts = [threads] if threads else sorted({1, setting.machine.cores})
    results: list[dict[str, Any]] = []
    with progress_bar() as progress:
        for count in counts:
            results += _measure(bundles, backend, count, batch, duration, progress)
    for result in results:
        result["device"] = setting.device(result["backend"])
    record = {**asdict(setting), "batch": batch, "duration": duration, "results": results}
    if output is not None:
        _write(output, record)
    if json:
        print_json(record)
    else:
        _show(setting, batch, results)


def _measure(
    bundles: Sequence[Path],
    backend: str,
    threads: int,
    batch: int,
    duration: float,
    progress: Progress,
) -> list[dict[str, Any]]:
    """One result for each bundle, with that many threads."""
    from edgefer.benchmarks.latency import measure, ratio, start
    from edgefer.runtime.session import load

    progress("loading", 0, 0)
    # imports the libraries and builds what is missing, which is no bundle's cost
    load(bundles[0], backend=backend, progress=progress).close()
    with ExitStack() as stack:
        sessions, starts = [], []
        for path in bundles:
            session, begun = start(path, backend=backend, threads=threads, batch=batch)
            sessions.append(stack.enter_context(session))
            starts.append(begun)
        progress("loading", 1, 1)
        phase = f"threads: {threads}"
        latencies = measure(sessions, batch, duration, lambda _, *steps: progress(phase, *steps))
        return [
            {
                "bundle": path.name,
                "id": session.id,
                "network": session.manifest.network,
                "precision": session.manifest.precision,
                "backend": session.backend,
                "flavour": session.flavour,
                "threads": threads,
                "start_s": asdict(begun),
                "latency_ms": asdict(latency),
                "ratio_to_first": asdict(ratio(latency, latencies[0])),
            }
            for path, session, begun, latency in zip(bundles, sessions, starts, latencies)
        ]


def _write(path: Path, record: dict[str, Any]) -> None:
    from json import dumps

    from edgefer.files import write_atomically

    write_atomically(path, dumps(record, indent=1, allow_nan=False).encode() + b"\n")
    note(f"record: {path}")


def _show(setting: Setting, batch: int, results: Sequence[dict[str, Any]]) -> None:
    devices = sorted({f"{result['device']}, by {result['backend']}" for result in results})
    versions = ", ".join(f"{name} {version}" for name, version in setting.versions.items())
    show(
        facts(
            [
                ("device", "; ".join(devices)),
                ("system", f"{setting.machine.system}, {setting.machine.cores} cores"),
                ("versions", versions),
            ]
        )
    )
    title = f"Milliseconds for a call with {batch} face{'s' if batch > 1 else ''}"
    rows: list[tuple[object, ...]] = []
    starts: list[tuple[object, ...]] = []
    for result in results:
        latency, begun = result["latency_ms"], result["start_s"]
        name = (result["bundle"], result["threads"])
        times = [_short(latency[key]) for key in ("median", "p90", "p99")]
        share = f"{result['ratio_to_first']['median']:.2f}"
        rows.append((*name, *times, f"{latency['throughput']:,.0f}", share))
        first = [f"{begun[key] * 1e3:.1f}" for key in ("load", "first_answer")]
        starts.append((*name, *first, latency["calls"], latency["warm_up"]))
    show(table(_TIMES, rows, title=title, numbers=_TIMES[1:]))
    show(table(_STARTS, starts, title="Milliseconds of a cold start", numbers=_STARTS[1:]))


def _short(milliseconds: float) -> str:
    return f"{milliseconds:.3f}" if milliseconds < 10 else f"{milliseconds:.1f}"
