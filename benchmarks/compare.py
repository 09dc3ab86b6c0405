"""Bundles side by side: size, latency, and how often they agree with the first.

python -m edgefer.benchmarks.compare fer-lite-fp32.edgefer fer-lite-int8.edgefer
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from edgefer.accuracy import agreement
from edgefer.benchmarks.accuracy import probabilities
from edgefer.benchmarks.latency import Latency, Ratio, measure, ratio
from edgefer.data.drawn import drawn_faces
from edgefer.errors import EdgeferError, InputError
from edgefer.runtime.session import Session, load

FACES = 256
_COLUMNS = "{:<28} {:>10} {:>10} {:>10} {:>8} {:>8}"


@dataclass(frozen=True)
class Compared:
    """One bundle beside the first: sizes in bytes, latency of one face, shares 0 to 1.

    `graph` is the size of the graph that ran; a bundle holds two. `agreement` is the share of
    drawn faces with the same winner as the first bundle's.
    """

    path: Path
    bundle: int
    graph: int
    latency: Latency
    ratio: Ratio
    agreement: float


def compare(paths: Sequence[Path], faces: int = FACES, seconds: float = 3.0) -> list[Compared]:
    """Compare bundles on `faces` drawn faces, each timed in turns for `seconds`.

    Raises what `load` raises, and InputError where the bundles do not answer with the same labels.
    """
    with ExitStack() as stack:
        sessions = [stack.enter_context(load(path)) for path in paths]
        _require_same_labels(paths, sessions)
        drawn = drawn_faces(faces)
        answers = [probabilities(session, drawn) for session in sessions]
        latencies = measure(sessions, seconds=seconds)
    return [
        Compared(
            path=path,
            bundle=path.stat().st_size,
            graph=session.manifest.files[session.flavour.member].size,
            latency=latency,
            ratio=ratio(latency, latencies[0]),
            agreement=agreement(answer, answers[0]),
        )
        for path, session, latency, answer in zip(paths, sessions, latencies, answers)
    ]


def _require_same_labels(paths: Sequence[Path], sessions: Sequence[Session]) -> None:
    first = sessions[0].labels
    for path, session in zip(paths, sessions):
        if session.labels != first:
            msg = (
                f"{path}: expected the labels of {paths[0]} ({', '.join(first)}), "
                f"found {', '.join(session.labels)}"
            )
            raise InputError(msg)


def table(rows: Sequence[Compared], faces: int = FACES) -> str:
    """The comparison as text of 80 columns."""
    lines = [_COLUMNS.format("bundle", "file", "graph", "median", "ratio", "agrees")]
    lines += [
        _COLUMNS.format(
            _name(row.path),
            f"{row.bundle / 1e6:.2f} MB",
            f"{row.graph / 1e6:.2f} MB",
            f"{row.latency.median:.2f} ms",
            f"{row.ratio.median:.2f}",
            f"{row.agreement:.1%}",
        )
        for row in rows
    ]
    lines.append(f"One face a call; agreement with {_name(rows[0].path)} on {faces} drawn faces.")
    return "\n".join(lines)


def _name(path: Path) -> str:
    """The name of a file, of which a terminal may not take every byte."""
    return path.name.encode(errors="replace").decode()


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the comparison of the bundles named on the command line; gives the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m edgefer.benchmarks.compare",
        description="Compare bundles with the first: size, latency, agreement on drawn faces.",
    )
    parser.add_argument("first", type=Path, help="the bundle to compare with")
    parser.add_argument("others", type=Path, nargs="+", help="the bundles to compare")
    chosen = parser.parse_args(arguments)
    try:
        print(table(compare([chosen.first, *chosen.others])))
    except EdgeferError as error:
        print(f"edgefer: {error}", file=sys.stderr)
        return error.exit_status
    return 0


if __name__ == "__main__":
    sys.exit(main())
