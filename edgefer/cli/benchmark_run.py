"""What `edgefer benchmark` does with its options: a plan, a run, tables, a record, a report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgefer.cli.benchmark_tables import show_record
from edgefer.cli.broken import note_left_out
from edgefer.cli.output import note, print_json, progress_bar, write_json
from edgefer.errors import CheckFailed, InputError

if TYPE_CHECKING:
    from edgefer.benchmarks.plan import Plan
    from edgefer.data.faces import FaceSet
    from edgefer.progress import Progress
    from edgefer.runtime.backend import Pixels

_FRAMES = 64  # our choice: enough to differ, and not much memory
_ALL = "all"
_REPORTS = (".html", ".md")


@dataclass(frozen=True)
class Wanted:
    """The options of a measurement as they were given."""

    bundles: Sequence[Path]
    backends: Sequence[str]
    against: str | None
    scenarios: str
    threads: int | None
    length: tuple[float, int]
    numbers: Mapping[str, Any]
    data: str | None
    skip_broken: bool
    frames: str | None
    detector: Path | None
    weights: str | None
    memory: bool


@dataclass(frozen=True)
class Outputs:
    """Where a record goes: a file, a report, and standard output as JSON."""

    record: Path | None
    report: Path | None
    json: bool

    def check(self) -> None:
        """Raise InputError now for a file that could not be written in the end."""
        from edgefer.files import check_writable

        if self.report is not None and self.report.suffix not in _REPORTS:
            msg = f"report {self.report}: expected a name that ends in {' or '.join(_REPORTS)}"
            raise InputError(msg)
        for path in filter(None, (self.record, self.report)):
            check_writable(path)

    def write(self, record: Mapping[str, Any]) -> None:
        """Write and print it."""
        if self.record is not None:
            write_json(self.record, record, "record")
        if self.report is not None:
            write_report(self.report, record)
        if self.json:
            print_json(record)
        else:
            show_record(record)


def names(text: str) -> list[str]:
    """What stands between the commas, each once."""
    return list(dict.fromkeys(filter(None, map(str.strip, text.split(",")))))


def run_benchmark(wanted: Wanted, outputs: Outputs) -> None:
    """Measure, write, print; CheckFailed where a bound was not kept or answers were wrong."""
    from edgefer.benchmarks.measure import measure

    outputs.check()
    with progress_bar(threaded=False) as progress:
        record = measure(make_plan(wanted, progress), progress)
    outputs.write(record)
    require_checks(record)


def make_plan(wanted: Wanted, progress: Progress) -> Plan:
    """The plan of these options, with the faces and frames that they name."""
    from edgefer.benchmarks.peers import parse_peers
    from edgefer.benchmarks.plan import Plan
    from edgefer.benchmarks.scenarios import Scenario
    from edgefer.benchmarks.turns import Length
    from edgefer.machine import read_machine

    frames = read_frames(wanted.frames) if wanted.frames else []
    scenarios = [Scenario.parse(name) for name in names(wanted.scenarios) if name != _ALL]
    if _ALL in names(wanted.scenarios):
        scenarios = [one for one in Scenario if frames or one is not Scenario.END_TO_END]
    threads = wanted.threads
    return Plan(
        bundles=wanted.bundles,
        backends=wanted.backends or ("auto",),
        peers=parse_peers(wanted.against) if wanted.against else (),
        weights=wanted.weights,
        threads=[threads] if threads else sorted({1, read_machine().cores}),
        scenarios=scenarios,
        length=Length(*wanted.length),
        faces=_read_faces(wanted.data, wanted.skip_broken, progress) if wanted.data else None,
        frames=frames,
        detector=wanted.detector,
        memory=wanted.memory,
        **wanted.numbers,
    )


def _read_faces(data: str, skip_broken: bool, progress: Progress) -> FaceSet:
    from edgefer.data.broken import Broken
    from edgefer.data.source import read_data

    broken = Broken(skip_broken)
    faces = read_data(data, "valid", broken, progress)
    note_left_out(broken)
    return faces


def read_frames(name: str) -> list[Pixels]:
    """The frames of a picture, or the first of a video or a camera."""
    from edgefer.cli.sources import Picture, find_source

    source = find_source(name)
    if isinstance(source, Picture):
        return [source.frame()]
    return [frame for _, frame in islice(source.frames(), _FRAMES)]


def write_report(path: Path, record: Mapping[str, Any]) -> None:
    """Write the report that the name's ending asks for."""
    from edgefer.benchmarks.report_html import html_report
    from edgefer.benchmarks.report_markdown import markdown_report
    from edgefer.files import write_atomically

    make = html_report if path.suffix == ".html" else markdown_report
    write_atomically(path, make(record).encode())
    note(f"report: {path}")


def require_checks(record: Mapping[str, Any]) -> None:
    """Raise CheckFailed where a bound was not kept, or an answer did not hold under the clock."""
    faults = []
    for result in record["results"]:
        bound, answers = result["bound"], result["answers"]
        where = f"{result['name']}, {result['scenario']}"
        if bound is not None and bound["held"] is not True and result["peer"] is None:
            p99 = result["latency_ms"]["p99"]
            found = f"found {p99:.3f} ms" if p99 else "found too few queries to tell"
            threads = f"threads: {result['threads']}"
            faults.append(f"{where}: expected p99 within {bound['ms']} ms, {found} ({threads})")
        if answers is not None and not answers["hold"]:
            faults.append(
                f"{where}: expected the same answers while the clock ran, found them off by "
                f"{answers['largest_difference']:.2g}; do not believe its times"
            )
    if faults:
        raise CheckFailed("; ".join(faults))
