"""`edgefer calibrate`: the ranges of a network, and what INT8 does to each of its layers."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edgefer.cli.broken import SkipBrokenOption, note_left_out
from edgefer.cli.choices import ScaleOrderOption, SizeOption, WithoutOption, read_choices
from edgefer.cli.output import NO_DATA, JsonOption, facts, print_json, progress_bar, show, table
from edgefer.cli.quantisation import (
    AllowDrawnOption,
    CalibrationFacesOption,
    CalibratorOption,
    NetworkArgument,
    RepairOption,
    SpecOption,
    WeightsOption,
    check_outputs,
    read_calibration,
    read_repairs,
    read_setting_faces,
    read_spec_file,
)

if TYPE_CHECKING:
    from edgefer.calibration.table import CalibrationTable
    from edgefer.data.faces import FaceSet
    from edgefer.export.graph import SourceGraph
    from edgefer.export.quantise import Int8Options
    from edgefer.export.sensitivity import LayerSensitivity
    from edgefer.progress import Progress

_FACES = 256  # to measure sensitivity on
_COLUMNS = ("layer", "mult-adds", "KL", "flips", "saved here", "Orin, est.")


def calibrate(
    network: NetworkArgument,
    data: Annotated[
        str, typer.Option(metavar="DATA", help="Faces: KIND:PATH[@SPLIT]; their train split.")
    ],
    weights: WeightsOption = None,
    spec: SpecOption = None,
    calibrator: CalibratorOption = None,
    calibration_faces: CalibrationFacesOption = None,
    repair: RepairOption = None,
    allow_drawn: AllowDrawnOption = False,
    sensitivity: Annotated[
        bool,
        typer.Option("--sensitivity", help="What INT8 costs and saves at each layer."),
    ] = False,
    picture: Annotated[
        Path | None,
        typer.Option(metavar="FILE.svg", help="The sensitivity; NETWORK-layers.svg by default."),
    ] = None,
    size: SizeOption = None,
    without: WithoutOption = None,
    scale_order: ScaleOrderOption = None,
    skip_broken: SkipBrokenOption = False,
    output: Annotated[
        Path | None,
        typer.Option(metavar="FILE.json", help="The ranges, for `edgefer export --ranges`."),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Find the ranges of a network's activations for INT8.

    With --sensitivity each layer is measured: alone in INT8 on faces that set no range (the mean
    KL divergence from FP32, the winners that change), and how much time its INT8 saves here; for
    TensorRT on a Jetson Orin Nano Super there is an estimate.

    \b
    Example:
      edgefer calibrate fer-lite --data ferplus:fer2013 --calibrator auto
      edgefer calibrate fer-lite --data ferplus:fer2013 --sensitivity
    """
    from edgefer.data.broken import Broken
    from edgefer.export.quantise import Int8Options, refuse_drawn
    from edgefer.export.source import find_source
    from edgefer.files import write_atomically

    repairs = read_repairs(repair)
    _check_options(sensitivity, picture, output, repair if repairs else None)
    ranges = read_calibration(calibrator, calibration_faces, hold_back=sensitivity)
    options = Int8Options(ranges, repairs)
    choices, described = read_choices(size, without, scale_order), read_spec_file(spec)
    check_outputs([output, picture], network, weights, spec)
    started, broken = time.perf_counter(), Broken(skip_broken)
    with progress_bar() as progress:
        progress("network", 0, 0)
        graph = find_source(network, weights, choices, described).graph
        if sensitivity:
            picture = picture or Path(f"{graph.network}-layers.svg")
            check_outputs([output, picture], network, weights, spec)
        faces = read_setting_faces(data, ranges, broken, progress)
        refuse_drawn(faces, graph.network, allow_drawn)
        found = _found(graph, options, faces, sensitivity, progress)
    note_left_out(broken)
    found["seconds"] = time.perf_counter() - started
    if picture is not None:
        found["picture"] = picture
        write_atomically(picture, _drawn(found))
    if output is not None:
        write_atomically(output, found["table"].to_json())
    if json:
        print_json({**found, "left_out": broken.left_out})
    else:
        _show(found, output)


def _check_options(
    sensitivity: bool, picture: Path | None, output: Path | None, repair: str | None
) -> None:
    """Refuse what would have no effect."""
    from edgefer.errors import InputError

    if picture is not None and not sensitivity:
        msg = f"--picture {picture}: it shows the sensitivity; give --sensitivity too"
        raise InputError(msg)
    if repair is not None and (not sensitivity or output is not None):
        msg = (
            f"--repair {repair}: shows the sensitivity with repairs; give --sensitivity, and no "
            "--output: the ranges of a repaired network are of no use without it"
        )
        raise InputError(msg)


def _found(
    graph: SourceGraph,
    options: Int8Options,
    faces: FaceSet,
    sensitivity: bool,
    progress: Progress,
) -> dict[str, Any]:
    """The table, and with `sensitivity` the layers."""
    from edgefer.calibration.chosen import held_back
    from edgefer.export import sensitivity as layers
    from edgefer.export.quantise import prepare
    from edgefer.machine import read_machine

    int8 = prepare(graph, None, options, faces, progress)
    found: dict[str, Any] = {"network": graph.network, "table": int8.table}
    if sensitivity:
        judges = held_back(faces, options.calibration, progress).balanced(_FACES)
        found["faces"] = len(judges)
        pixels = judges.pixels(graph.size)
        found["layers"] = layers.sensitivity(
            int8.source, int8.table, pixels, int8.repairs, progress=progress
        )
        found["device"] = read_machine().processor
        found["estimate_for"] = layers.DEVICE
    return found


def _drawn(found: dict[str, Any]) -> bytes:
    from edgefer.cli.layer_picture import draw_layers

    return draw_layers(found["network"], found["layers"], found["faces"], found["device"])


def _show(found: dict[str, Any], output: Path | None) -> None:
    ranges: CalibrationTable = found["table"]
    rows: list[tuple[str, object]] = [
        ("network", found["network"]),
        ("calibrator", ranges.calibrator),
        ("faces", f"{ranges.faces} of {ranges.data}"),
        ("ranges", f"{len(ranges.ranges)} activations"),
        ("near FP16's end", ", ".join(ranges.beyond_fp16) or "none"),
    ]
    for name, divergence in ranges.tried.items():
        rows.append((f"tried {name}", f"KL {divergence:.2g} from FP32 on faces held back"))
    if output is not None:
        rows.append(("written", output))
    if "layers" in found:
        where = f"one thread of {found['device']}; estimate for {found['estimate_for']}"
        rows += [("picture", found["picture"]), ("saved", where)]
    show(facts([*rows, ("took", f"{found['seconds']:.1f} s")]))
    if "layers" in found:
        title = f"Each layer alone in INT8, on {found['faces']} faces that set no range"
        layers: tuple[LayerSensitivity, ...] = found["layers"]
        show(table(_COLUMNS, map(_row, layers), title=title, numbers=_COLUMNS[1:]))


def _row(layer: LayerSensitivity) -> tuple[str, ...]:
    from edgefer.cli.layer_picture import short_name

    return (
        short_name(layer.layer),
        f"{layer.share:.1%}",
        f"{layer.divergence:.1e}",
        str(layer.flips),
        NO_DATA if layer.saved is None else f"{round(layer.saved)} us",
        f"{layer.estimate:.1f} us",
    )
