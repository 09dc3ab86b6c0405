"""The options of ranges, repairs and the gate, alike in every command that has them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from edgefer.cli.output import note

if TYPE_CHECKING:
    from edgefer.calibration.calibrators import CalibrationOptions
    from edgefer.data.broken import Broken
    from edgefer.data.faces import FaceSet
    from edgefer.progress import Progress

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
RepairOption = Annotated[
    str,
    typer.Option(
        metavar="NAME,...",
        help="equalisation, rounding, bias-correction; or all.",
    ),
]
AllowDrawnOption = Annotated[
    bool, typer.Option("--allow-drawn", help="Let drawn faces (`synthetic`) set the ranges.")
]


@dataclass(frozen=True)
class Faces:
    """The faces for ranges and those for the gate, where they were named."""

    calibration: FaceSet | None
    evaluation: FaceSet | None


def read_calibration(calibrator: str | None, faces: int | None) -> CalibrationOptions:
    """The options for the ranges; InputError for a calibrator that there is not."""
    from edgefer.calibration.calibrators import CalibrationOptions, Calibrator

    standard = CalibrationOptions()
    return CalibrationOptions(
        calibrator=Calibrator.parse(calibrator) if calibrator else standard.calibrator,
        faces=faces or standard.faces,
    )


def read_faces(
    calibration: str | None,
    evaluation: str | None,
    options: CalibrationOptions,
    broken: Broken,
    progress: Progress,
) -> Faces:
    """Read what is named, and note what speaks against it.

    Faces in both sets are left out of the calibration where what is broken is to be skipped.
    """
    from edgefer.calibration.chosen import concerns
    from edgefer.data.faces import without_duplicates
    from edgefer.data.source import read_data

    setting = read_data(calibration, "train", broken, progress) if calibration else None
    judging = read_data(evaluation, "valid", broken, progress) if evaluation else None
    if setting is not None:
        if judging is not None and broken.skip:
            setting, dropped = without_duplicates(setting, judging)
            if dropped:
                note(f"{dropped} faces of {setting.name} are left out: {judging.name} has them too")
        for concern in concerns(setting, options):
            note(concern)
    return Faces(setting, judging)
