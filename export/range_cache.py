"""Calibration tables that were made before, in the user's cache folder.

What is read has to be of the same graph, faces and options, made by the same libraries; anything
else is passed over. Without a folder that can be written to, nothing is kept.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from edgefer.calibration.calibrators import CalibrationOptions
from edgefer.calibration.table import CalibrationTable
from edgefer.data.faces import FaceSet
from edgefer.errors import EdgeferError
from edgefer.export.graph import SourceGraph
from edgefer.files import read_bytes, sha256, write_atomically
from edgefer.manifest import json_object
from edgefer.runtime.cache import cache_folder
from edgefer.versions import installed

# Of what is computed: to be raised with every change that moves a range.
_ALGORITHM = 1
# Those that have a part in it, under the names they are installed by.
_LIBRARIES = (
    "numpy",
    "onnxruntime",
    "onnxruntime-gpu",
    "opencv-python",
    "opencv-python-headless",
)
_LIMIT = 1 << 26


@dataclass(frozen=True)
class Request:
    """All that a table depends on. `data_sha256` is of the faces that set the ranges, `judges` of
    those by which auto chooses.
    """

    graph: str
    data: str
    data_sha256: str
    faces: int
    drawn: bool
    judges: str | None
    options: dict[str, Any]
    algorithm: int
    versions: dict[str, str]

    @classmethod
    def of(
        cls,
        graph: SourceGraph,
        chosen: FaceSet,
        judges: FaceSet | None,
        options: CalibrationOptions,
    ) -> Request:
        """The request for ranges of `graph` from `chosen`."""
        return cls(
            graph=graph.sha256,
            data=chosen.name,
            data_sha256=chosen.digest(),
            faces=len(chosen),
            drawn=chosen.drawn,
            judges=judges.digest() if judges else None,
            options={**asdict(options), "calibrator": str(options.calibrator)},
            algorithm=_ALGORITHM,
            versions=installed(_LIBRARIES),
        )

    def to_json(self) -> bytes:
        """The same request always gives the same bytes."""
        return json.dumps(asdict(self), sort_keys=True).encode()

    def answered_by(self, table: CalibrationTable) -> bool:
        """Whether a table is of this graph and these faces."""
        return (table.graph, table.data, table.data_sha256, table.faces, table.drawn) == (
            self.graph,
            self.data,
            self.data_sha256,
            self.faces,
            self.drawn,
        )


def cached(request: Request, make: Callable[[], CalibrationTable]) -> CalibrationTable:
    """The table that was kept for `request`, or what `make` gives, which is then kept."""
    try:
        path = cache_folder() / "calibration" / f"{sha256(request.to_json())}.json"
    except EdgeferError:  # no home folder
        return make()
    table = _read(path, request)
    if table is None:
        table = make()
        _keep(path, request, table)
    return table


def _read(path: Path, request: Request) -> CalibrationTable | None:
    """The table at `path`; None where there is none, or another or a damaged file."""
    try:
        kept = json_object(read_bytes(path, "a kept calibration table", _LIMIT))
        data = str(kept["table"]).encode()
        asked = json.dumps(kept["request"], sort_keys=True).encode()
        if asked != request.to_json() or kept["sha256"] != sha256(data):
            return None
        table = CalibrationTable.from_json(data, str(path))
    except (EdgeferError, KeyError, ValueError):
        return None
    return table if request.answered_by(table) else None


def _keep(path: Path, request: Request, table: CalibrationTable) -> None:
    data = table.to_json()
    entry = {"request": asdict(request), "table": data.decode(), "sha256": sha256(data)}
    with suppress(OSError, EdgeferError):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_atomically(path, json.dumps(entry, indent=1, sort_keys=True).encode())
