"""Where `edgefer run` writes its annotated pictures, and whether it does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edgefer.cli.annotate import annotate
from edgefer.cli.output import note
from edgefer.cli.sources import Frame, Picture, Source
from edgefer.errors import InputError
from edgefer.files import check_writable, write_atomically
from edgefer.imports import require
from edgefer.labels import Expression

if TYPE_CHECKING:
    from edgefer.runtime.recognizer import Reading

_SUFFIX = ".edgefer.png"


@dataclass(frozen=True)
class Target:
    """The file of one annotated picture; `required` where the user named the folder."""

    path: Path
    required: bool

    def write(
        self, frame: Frame, readings: Sequence[Reading], labels: Sequence[Expression]
    ) -> Path | None:
        """The file, if it was written.

        Without readings only an older one is written over: it would show the faces of another run.
        """
        if not readings and not self.path.is_file():
            return None
        _, encoded = require("cv2", "cpu").imencode(".png", annotate(frame, readings, labels))
        try:
            write_atomically(self.path, encoded.tobytes())
        except InputError as error:
            if self.required:
                raise
            note(f"annotated picture not written: {error}")
            return None
        return self.path


def find_targets(sources: Sequence[Source], folder: Path | None) -> dict[Path, Target]:
    """The target of each picture, in `folder` or beside it; InputError where two have the same.

    Only a folder that the user named has to be writable: beside a picture without a face nothing
    is written.
    """
    targets: dict[Path, Target] = {}
    for picture in dict.fromkeys(source for source in sources if isinstance(source, Picture)):
        path = (folder or picture.path.parent) / f"{picture.path.stem}{_SUFFIX}"
        if folder is not None:
            check_writable(path)
        if any(path == other.path for other in targets.values()):
            msg = (
                f"{path}: two of the pictures would be written there; run one of them with "
                "another --output"
            )
            raise InputError(msg)
        targets[picture.path] = Target(path, required=folder is not None)
    return targets
