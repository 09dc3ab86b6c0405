"""The options of ranges, repairs and the gate, alike in every command that has them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgefer.cli.output import note

if TYPE_CHECKING:
    from edgefer.calibration.calibrators import CalibrationOptions
    from edgefer.calibration.repairs import Repair
    from edgefer.calibration.table import CalibrationTable
    from edgefer.data.broken import Broken
    from edgefer.data.faces import FaceSet
    from edgefer.export.spec import Spec
    from edgefer.progress import Progress

_TABLE_LIMIT = 64 << 20

NetworkArgument = Annotated[
    str,
    typer.Argument(
        metavar="NETWORK|MODEL.onnx|PACKAGE.MODULE:FACTORY",
        help="What `edgefer models` lists, or a network of yours with --spec.",
    ),
]
WeightsOption = Annotated[
    str | None, typer.Option(help="A weights file, or random:SEED for tests.")
]
CalibrationOption = Annotated[
    str | None,
    typer.Option(metavar="DATA", help="Faces for the ranges: KIND:PATH[@SPLIT]; train split."),
]
CalibratorOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="min-max, percentile, mse, entropy, or auto: the best on faces held back.",
    ),
]
CalibrationFacesOption = Annotated[
    int | None,
    typer.Option(metavar="N", min=1, help="Faces that set the ranges; 512 by default."),
]
RangesOption = Annotated[
    Path | None,
    typer.Option("--ranges", metavar="FILE.json", help="Ranges that `edgefer calibrate` wrote."),
]
RepairOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAME,...",
        help="equalisation, rounding, bias-correction; or all.",
    ),
]
SpecOption = Annotated[
    Path | None,
    typer.Option(metavar="FILE.toml", help="What a network that is not ours takes and gives."),
]
AllowDrawnOption = Annotated[
    bool, typer.Option("--allow-drawn", help="Let drawn faces (`synthetic`) set the ranges.")
]


def check_outputs(outputs: Sequence[Path | None], *inputs: str | Path | None) -> None:
    """Refuse what cannot be written, and what would take the place of an input, or of another."""
    from edgefer.errors import InputError
    from edgefer.files import check_writable

    given = {Path(path).resolve() for path in inputs if path is not None}
    for path in filter(None, outputs):
        if path.resolve() in given:
            msg = f"{path}: expected a file of its own, found another of the command's; rename it"
            raise InputError(msg)
        check_writable(path)
        given.add(path.resolve())


def read_calibration(
    calibrator: str | None, faces: int | None, hold_back: bool = False
) -> CalibrationOptions:
    """The options for the ranges; InputError for a calibrator that there is not."""
    from edgefer.calibration.calibrators import CalibrationOptions, Calibrator

    standard = CalibrationOptions()
    return CalibrationOptions(
        calibrator=Calibrator.parse(calibrator) if calibrator else standard.calibrator,
        faces=faces or standard.faces,
        hold_back=hold_back,
    )


def read_repairs(names: str | None) -> tuple[Repair, ...]:
    """The repairs, none without names; InputError for one that there is not."""
    from edgefer.calibration.repairs import Repair

    return () if names is None else Repair.parse_list(names)


def read_spec_file(path: Path | None) -> Spec | None:
    """The spec, where there is one; InputError names what is wrong in it."""
    if path is None:
        return None
    from edgefer.export.spec import read_spec

    return read_spec(path)


def read_table(path: Path) -> CalibrationTable:
    """The ranges of a file; InputError where it is something else."""
    from edgefer.calibration.table import CalibrationTable
    from edgefer.files import read_bytes

    found = read_bytes(path, "ranges in JSON", _TABLE_LIMIT)
    return CalibrationTable.from_json(found, str(path))


def read_setting_faces(
    data: str, options: CalibrationOptions, broken: Broken, progress: Progress
) -> FaceSet:
    """The faces that are to set ranges; what speaks against them is noted."""
    from edgefer.calibration.chosen import concerns
    from edgefer.data.source import read_data

    faces = read_data(data, "train", broken, progress)
    # drawn ones are refused, or the user knows
    for concern in () if faces.drawn else concerns(faces, options):
        note(concern)
    return faces


def read_both(
    calibration: str | None,
    evaluation: str | None,
    options: CalibrationOptions,
    broken: Broken,
    progress: Progress,
) -> tuple[FaceSet | None, FaceSet | None]:
    """The faces that are to set ranges and those of the gate, where they are named.

    Faces in both are left out of the first where what is broken is to be skipped.
    """
    from edgefer.data.faces import without_duplicates
    from edgefer.data.source import read_data

    judging = read_data(evaluation, "valid", broken, progress) if evaluation else None
    if calibration is None:
        return None, judging
    setting = read_setting_faces(calibration, options, broken, progress)
    if judging is not None and broken.skip:
        setting, dropped = without_duplicates(setting, judging)
        if dropped:
            note(f"{dropped} faces of {setting.name} are left out: {judging.name} has them too")
    return setting, judging
