"""`edgefer benchmark`: how fast, how accurate and how stable bundles are, compared in one run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from edgefer.cli.benchmark_run import Outputs, Wanted, names, run_benchmark
from edgefer.cli.broken import SkipBrokenOption
from edgefer.cli.output import JsonOption
from edgefer.errors import InputError


def benchmark(
    bundles: Annotated[
        list[Path], typer.Argument(metavar="BUNDLE...", help="The first is compared with.")
    ],
    backend: Annotated[
        str, typer.Option(metavar="NAME,...", help="Inference libraries; auto: the one for here.")
    ] = "auto",
    against: Annotated[
        str | None,
        typer.Option(
            metavar="PEER,...", help="onnxruntime, openvino, torch, torch-cuda, trtexec or X.onnx."
        ),
    ] = None,
    scenario: Annotated[
        str,
        typer.Option(
            metavar="NAME,...", help="single, multi, offline, server, camera, end-to-end, or all."
        ),
    ] = "single",
    threads: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Of the CPU; one and all by default.")
    ] = None,
    batch: Annotated[int, typer.Option(min=1, help="Faces a query.")] = 1,
    duration: Annotated[
        float, typer.Option(metavar="SECONDS", min=0.01, help="Each is timed for, at least.")
    ] = 3.0,
    queries: Annotated[int, typer.Option(min=1, help="Each is asked, at least.")] = 100,
    streams: Annotated[int, typer.Option(min=1, help="Cameras of multi.")] = 4,
    rate: Annotated[
        float | None, typer.Option(metavar="QPS", help="Queries a second of server.")
    ] = None,
    fps: Annotated[float, typer.Option(help="Frames a second of camera.")] = 30.0,
    bound: Annotated[
        float | None, typer.Option(metavar="MS", help="What p99 has to keep; else status 1.")
    ] = None,
    data: Annotated[
        str | None, typer.Option(metavar="DATA", help="Faces with labels: KIND:PATH[@SPLIT].")
    ] = None,
    frames: Annotated[
        str | None, typer.Option(metavar="FILE", help="A picture or video for end-to-end.")
    ] = None,
    detector: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A YuNet model to find faces with.")
    ] = None,
    weights: Annotated[
        str | None, typer.Option(metavar="FILE", help="Of torch, where they do not ship.")
    ] = None,
    memory: Annotated[bool, typer.Option("--memory", help="Measure the memory of each.")] = False,
    estimate: Annotated[
        str | None, typer.Option(metavar="DEVICE,...", help="Do not run: estimate for these.")
    ] = None,
    record: Annotated[
        list[Path] | None,
        typer.Option(metavar="RECORD.json", help="A board's record that refines --estimate."),
    ] = None,
    compare: Annotated[
        bool, typer.Option("--compare", help="Compare two records: OLD.json NEW.json.")
    ] = False,
    suite: Annotated[
        str | None, typer.Option(metavar="jetson", help="All that a board can be asked.")
    ] = None,
    modes: Annotated[
        str | None, typer.Option(metavar="MODE,...", help="Power modes that the suite is to see.")
    ] = None,
    report: Annotated[
        Path | None, typer.Option(metavar="FILE.html|.md", help="Write a report to send on.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option(metavar="FILE.json", help="Write the record there too.")
    ] = None,
    skip_broken: SkipBrokenOption = False,
    json: JsonOption = False,
) -> None:
    """Measure bundles: latency, throughput, stability, accuracy, energy.

    All take turns in one run, so that ratios mean something. A latency counts from when a query
    came. --compare tells whether a new record is slower than an old one, --estimate what a board
    that is not here might do.

    \b
    Example:
      edgefer benchmark fer-lite-fp32.edgefer fer-lite-int8.edgefer
      edgefer benchmark fer-lite-int8.edgefer --against torch --report out.html
      edgefer benchmark fer-lite-int8.edgefer --scenario camera --duration 60
      edgefer benchmark fer-lite-int8.edgefer --estimate orin-nano-super
      edgefer benchmark --compare old.json new.json
    """
    _refuse_idle({"--modes": (modes, suite), "--record": (record, estimate)})
    if compare:
        from edgefer.cli.benchmark_compare import compare_records

        return compare_records(bundles, json)
    if estimate is not None:
        from edgefer.cli.benchmark_estimate import show_estimates

        return show_estimates(bundles, estimate, record or [], json, output)
    wanted = Wanted(
        bundles=bundles,
        backends=names(backend),
        against=against,
        scenarios=scenario,
        threads=threads,
        length=(duration, queries),
        numbers={"batch": batch, "streams": streams, "rate": rate, "fps": fps, "bound": bound},
        data=data,
        skip_broken=skip_broken,
        frames=frames,
        detector=detector,
        weights=weights,
        memory=memory,
    )
    outputs = Outputs(output, report, json)
    if suite is None:
        return run_benchmark(wanted, outputs)
    from edgefer.cli.benchmark_suite import run_suite

    return run_suite(suite, names(modes or ""), wanted, outputs)


def _refuse_idle(options: Mapping[str, tuple[object, object]]) -> None:
    """Raise InputError for an option without the one that it is for."""
    for name, (given, needed) in options.items():
        if given and not needed:
            wanted = {"--modes": "--suite jetson", "--record": "--estimate DEVICE"}[name]
            msg = f"{name}: expected it with {wanted}, found it alone"
            raise InputError(msg)
