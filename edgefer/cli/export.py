"""`edgefer export`: a network in, a bundle out."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgefer.cli.broken import SkipBrokenOption, note_left_out
from edgefer.cli.choices import ScaleOrderOption, SizeOption, WithoutOption, read_choices
from edgefer.cli.output import JsonOption, facts, print_json, progress_bar, show

if TYPE_CHECKING:
    from edgefer.bundle import Bundle


def export(
    network: Annotated[
        str, typer.Argument(metavar="NETWORK|MODEL.onnx", help="What `edgefer models` lists.")
    ] = "fer-lite",
    precision: Annotated[str, typer.Option(help="fp32, fp16 or int8.")] = "int8",
    weights: Annotated[
        str | None, typer.Option(help="A weights file, or random:SEED for tests.")
    ] = None,
    calibration: Annotated[
        str | None,
        typer.Option(metavar="DATA", help="Faces for the ranges of INT8: KIND:PATH[@SPLIT]."),
    ] = None,
    allow_drawn: Annotated[
        bool, typer.Option("--allow-drawn", help="Let `--calibration synthetic` set the ranges.")
    ] = False,
    size: SizeOption = None,
    without: WithoutOption = None,
    scale_order: ScaleOrderOption = None,
    skip_broken: SkipBrokenOption = False,
    output: Annotated[
        Path | None, typer.Option(help="The bundle; NETWORK-PRECISION.edgefer by default.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Export a network to a bundle, checked against FP32.

    \b
    Example:
      edgefer export --precision int8
      edgefer export --weights mine.safetensors --calibration folder:faces
    """
    from edgefer.data.broken import Broken
    from edgefer.errors import InputError
    from edgefer.export.pipeline import export_bundle, find_source
    from edgefer.files import check_writable
    from edgefer.manifest import Precision

    wanted = Precision.parse(precision)
    if calibration and wanted is not Precision.INT8:
        msg = f"--calibration {calibration}: only int8 has ranges, found --precision {wanted}"
        raise InputError(msg)
    choices = read_choices(size, without, scale_order)
    if output is not None:
        check_writable(output)
    started, broken = time.perf_counter(), Broken(skip_broken)
    with progress_bar() as progress:
        faces = None
        if calibration:
            from edgefer.data.source import read_data

            faces = read_data(calibration, "train", broken, progress)
        progress("network", 0, 0)
        source = find_source(network, weights, choices)
        bundle = export_bundle(source, wanted, faces, allow_drawn=allow_drawn, progress=progress)
        path = output or Path(f"{source.graph.network}-{wanted}.edgefer")
        bundle.write(path)
    seconds = time.perf_counter() - started
    note_left_out(broken)
    if json:
        fields = {"path": path, "id": bundle.id, "seconds": seconds, "manifest": bundle.manifest}
        print_json({**fields, "left_out": broken.left_out})
    else:
        _show(bundle, path, seconds)


def _show(bundle: Bundle, path: Path, seconds: float) -> None:
    from edgefer.manifest import Flavour

    manifest = bundle.manifest
    rows: list[tuple[str, object]] = [
        ("bundle", path),
        ("network", f"{manifest.network}, {manifest.size}x{manifest.size} pixels"),
        ("precision", manifest.precision),
        ("ranges", manifest.ranges),
    ]
    for flavour in Flavour:
        size = manifest.files[flavour.member].size
        higher = sum(entry.flavour == flavour for entry in manifest.higher_precision)
        rows.append((flavour.member, f"{size:,} bytes, {higher} nodes in higher precision"))
    for check in manifest.parity:
        agreement = f"{check.agreement:.0%} of {check.faces} drawn faces agree"
        rows.append((check.what, f"differs by {check.difference:.2g}, {agreement}"))
    rows += [("accuracy", "no data: run edgefer evaluate"), ("took", f"{seconds:.1f} s")]
    show(facts(rows))
