"""`edgefer export`: a network in, a bundle out."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgefer.cli.broken import SkipBrokenOption, note_left_out
from edgefer.cli.choices import ScaleOrderOption, SizeOption, WithoutOption, read_choices
from edgefer.cli.exported import Exported, read_speed, show_exported, show_lost
from edgefer.cli.output import JsonOption, print_json, progress_bar
from edgefer.cli.quantisation import (
    AllowDrawnOption,
    CalibrationFacesOption,
    CalibrationOption,
    CalibratorOption,
    NetworkArgument,
    RangesOption,
    RepairOption,
    SpecOption,
    WeightsOption,
    check_outputs,
    read_both,
    read_calibration,
    read_repairs,
    read_spec_file,
    read_table,
)

if TYPE_CHECKING:
    from edgefer.export.gate import Limits
    from edgefer.manifest import Precision


def export(
    network: NetworkArgument = "fer-lite",
    precision: Annotated[str, typer.Option(help="fp32, fp16 or int8.")] = "int8",
    weights: WeightsOption = None,
    spec: SpecOption = None,
    calibration: CalibrationOption = None,
    table: RangesOption = None,
    calibrator: CalibratorOption = None,
    calibration_faces: CalibrationFacesOption = None,
    repair: RepairOption = None,
    allow_drawn: AllowDrawnOption = False,
    evaluation: Annotated[
        str | None,
        typer.Option(metavar="DATA", help="Labelled faces for the gate; their valid split."),
    ] = None,
    max_drop: Annotated[
        float | None,
        typer.Option(metavar="POINTS", help="Leave layers high until no more than this is lost."),
    ] = None,
    metric: Annotated[
        str | None, typer.Option(help="What --max-drop is of: accuracy, or macro-f1.")
    ] = None,
    max_confidence_shift: Annotated[
        float | None,
        typer.Option(metavar="SHARE", help="The same for the confidence; 0.05 passes by default."),
    ] = None,
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

    With --evaluation the gate compares accuracy, macro-F1, recall, confidence and winners with
    FP32's; past its limits there is no bundle, and the exit status is 1.

    \b
    Example:
      edgefer export --precision int8
      edgefer export --calibration ferplus:fer2013 --evaluation ferplus:fer2013
      edgefer export --weights mine.safetensors --calibration folder:faces
      edgefer export mine.onnx --spec mine.toml --calibration folder:faces
    """
    from edgefer.data.broken import Broken
    from edgefer.export.pipeline import export_bundle
    from edgefer.export.quantise import Int8Options
    from edgefer.export.source import find_source
    from edgefer.manifest import Precision

    wanted = Precision.parse(precision)
    _check_options(wanted, calibration, table, calibrator, calibration_faces, repair)
    limits = _read_limits(wanted, max_drop, metric, max_confidence_shift, evaluation)
    ranges = read_calibration(calibrator, calibration_faces)
    limited = (max_drop, max_confidence_shift) != (None, None)
    options = Int8Options(ranges, read_repairs(repair), search=limited)
    check_outputs([output], network, weights, spec, table)
    started, broken = time.perf_counter(), Broken(skip_broken)
    with progress_bar() as progress, _losses_shown(json):
        progress("network", 0, 0)
        choices = read_choices(size, without, scale_order)
        source = find_source(network, weights, choices, read_spec_file(spec))
        path = output or Path(f"{source.graph.network}-{wanted}.edgefer")
        check_outputs([path], network, weights, spec, table)
        setting, judging = read_both(calibration, evaluation, ranges, broken, progress)
        source = source if table is None else replace(source, table=read_table(table))
        bundle = export_bundle(
            source,
            wanted,
            setting,
            options=options,
            evaluation=judging,
            limits=limits,
            allow_drawn=allow_drawn,
            progress=progress,
        )
        bundle.write(path)
        speed = read_speed(bundle, source.graph.data)
    note_left_out(broken)
    looked_at = [faces.name for faces in (setting, judging) if faces is not None]
    made = Exported(bundle, path, time.perf_counter() - started, speed, looked_at)
    print_json({**made.document(), "left_out": broken.left_out}) if json else show_exported(made)


def _check_options(
    precision: Precision,
    calibration: str | None,
    table: Path | None,
    calibrator: str | None,
    faces: int | None,
    repair: str | None,
) -> None:
    """Refuse what would have no effect."""
    from edgefer.errors import InputError
    from edgefer.manifest import Precision

    if calibration and table:
        msg = f"--ranges {table}: --calibration {calibration} makes them anew; give one of the two"
        raise InputError(msg)
    wanted = None if repair == "none" else repair
    how = {"--calibrator": calibrator, "--calibration-faces": faces, "--repair": wanted}
    asked = [f"{option} {value}" for option, value in how.items() if value is not None]
    of_int8 = [*asked, f"--ranges {table}"] if table else asked
    if of_int8 and precision is not Precision.INT8:
        msg = f"{of_int8[0]}: only int8 is made with it, found --precision {precision}"
        raise InputError(msg)
    if asked and not calibration:
        msg = f"{asked[0]}: says how faces set the ranges; give --calibration DATA too"
        raise InputError(msg)
    if calibration and precision is Precision.FP32:
        msg = f"--calibration {calibration}: fp32 has no ranges; leave it out"
        raise InputError(msg)


def _read_limits(
    precision: Precision,
    max_drop: float | None,
    metric: str | None,
    shift: float | None,
    evaluation: str | None,
) -> Limits:
    from edgefer.errors import InputError
    from edgefer.export.gate import Limits, Metric
    from edgefer.manifest import Precision

    given = {"--max-drop": max_drop, "--max-confidence-shift": shift, "--metric": metric}
    asked = [option for option, value in given.items() if value is not None]
    if asked and (evaluation is None or precision is Precision.FP32):
        msg = f"{asked[0]}: int8 and fp16 are held to it on faces; give --evaluation DATA too"
        raise InputError(msg)
    standard = Limits()
    return Limits(
        drop=standard.drop if max_drop is None else max_drop,
        metric=Metric.parse(metric) if metric else standard.metric,
        confidence=standard.confidence if shift is None else shift,
    )


@contextmanager
def _losses_shown(json: bool) -> Iterator[None]:
    """Shows what the gate found lost before its error ends the command."""
    from edgefer.export.gate import GateFailed

    try:
        yield
    except GateFailed as failed:
        show_lost(failed, json)
        raise
