"""What a benchmark is to do: the options of `edgefer benchmark`, checked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgefer.benchmarks.scenarios import Scenario
from edgefer.benchmarks.turns import Length
from edgefer.data.faces import FaceSet
from edgefer.errors import InputError
from edgefer.runtime.backend import Pixels

# Our choices: all faces of a query are there before it comes, and so are the times of a turn's; a
# turn of the slowest takes some minutes.
MOST_FACES_A_QUERY = 1024
_RATES = 0.01, 100_000.0


@dataclass(frozen=True)
class Plan:
    """Bundles, each with each backend, and peers; each scenario with each number of threads.

    `batch` is faces a query of `single`, `server` and `camera`, `streams` cameras of `multi`;
    `rate` queries a second of `server` (None: half of what the slowest can do), `fps` frames of
    `camera`; `bound` milliseconds that 99 of a hundred queries have to keep. `faces` have labels,
    or None for drawn ones; `frames` are uint8 [height, width, 3], BGR, for `end-to-end`,
    `detector` is a YuNet model. `memory` measures that of each in a process of its own.
    """

    bundles: Sequence[Path]
    backends: Sequence[str] = ("auto",)
    peers: Sequence[str] = ()
    weights: str | None = None
    threads: Sequence[int] = (1,)
    scenarios: Sequence[Scenario] = (Scenario.SINGLE,)
    length: Length = Length()  # noqa: RUF009  # it is frozen
    batch: int = 1
    streams: int = 4
    rate: float | None = None
    fps: float = 30.0
    bound: float | None = None
    faces: FaceSet | None = None
    frames: Sequence[Pixels] = ()
    detector: Path | None = None
    memory: bool = False

    def __post_init__(self) -> None:
        for name in ("batch", "streams"):
            count = getattr(self, name)
            if not 1 <= count <= MOST_FACES_A_QUERY:
                msg = f"{name}: expected 1 to {MOST_FACES_A_QUERY:,} faces a query, found {count:,}"
                raise InputError(msg)
        for name in ("rate", "fps"):
            number, (least, most) = getattr(self, name), _RATES
            if number is not None and not least <= number <= most:
                msg = f"{name}: expected {least} to {most:,.0f} a second, found {number}"
                raise InputError(msg)
        if self.bound is not None and not 0 < self.bound < float("inf"):
            msg = f"bound: expected milliseconds above 0, found {self.bound}"
            raise InputError(msg)
        if not self.scenarios:
            msg = f"scenario: expected one or more of {', '.join(Scenario)}, found none"
            raise InputError(msg)
        if Scenario.END_TO_END in self.scenarios and not self.frames:
            msg = "scenario end-to-end: expected --frames with a picture or a video, found none"
            raise InputError(msg)

    def settings(self) -> dict[str, Any]:
        """What of it a record keeps."""
        faces = "drawn faces" if self.faces is None else f"faces of {self.faces.name}"
        return {
            "duration": self.length.seconds,
            "queries": self.length.queries,
            "batch": self.batch,
            "streams": self.streams,
            "rate": self.rate,
            "fps": self.fps,
            "bound_ms": self.bound,
            "threads": list(self.threads),
            "faces": faces,
        }
