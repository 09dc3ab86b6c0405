"""Where it was measured, and what was not."""

from __future__ import annotations

from collections.abc import Iterator

from edgefer.benchmarks.report_blocks import (
    Cell,
    Note,
    Record,
    Section,
    Table,
    facts,
    figure,
    words,
)
from edgefer.benchmarks.report_figures import percent, size
from edgefer.benchmarks.report_results import bare, setup, styles

_SETTINGS = {
    "duration": "seconds for each, at least",
    "queries": "queries for each, at least",
    "batch": "faces a query",
    "streams": "cameras of multi",
    "rate": "queries a second of server",
    "fps": "frames a second of camera",
    "bound_ms": "bound in ms",
    "threads": "threads",
    "faces": "asked about",
}


def environment_section(record: Record) -> Section:
    """The machine, the versions, the settings, and who told of the machine."""
    return Section(
        "environment",
        "Environment",
        "Figures of two runs compare only where all of this is alike, and even then less well "
        "than those of one run.",
        (
            _machine(record),
            _versions(record),
            _settings(record),
            _backends(record),
            _telemetry(record),
        ),
    )


def _machine(record: Record) -> Table:
    rows = []
    for name in record["machine"]:
        show = size if name.startswith("memory") else _listed
        rows.append((name.replace("_", " "), figure(record, show, "machine", name)))
    return facts(rows, "Machine")


def _versions(record: Record) -> Table:
    rows = [(name, words(version)) for name, version in record["versions"].items()]
    return facts([("revision", words(record["revision"])), *rows], "Versions")


def _settings(record: Record) -> Table:
    rows = []
    for name, what in _SETTINGS.items():
        cell = figure(record, _listed, "settings", name)
        given = record["settings"][name] is not None
        rows.append((what, cell if given else Cell("not given", cell.figure)))
    return facts(rows, "Settings")


def _listed(value: object) -> str:
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value)) or "none"
    return f"{value:,}" if isinstance(value, (int, float)) else str(value)


def _backends(record: Record) -> Table:
    rows = list(
        dict.fromkeys(
            (
                result["name"],
                result["backend"],
                result["flavour"] or "",
                result["device"],
                result["why"],
            )
            for result in record["results"]
        )
    )
    columns = ("name", "backend", "graph", "device", "why")
    return Table(columns, [tuple(map(Cell, row)) for row in rows], "Who computed")


def _telemetry(record: Record) -> Table:
    telemetry = record["telemetry"]
    modes = dict.fromkeys(mode for mode in telemetry["series"]["power_mode"] or () if mode)
    rows = [
        ("told by", Cell(telemetry["provider"], "telemetry.provider")),
        ("power modes seen", words(", ".join(modes) or None)),
        ("share of the time", figure(record, percent, "telemetry", "cost")),
        *((f"not {name}", words(why)) for name, why in telemetry["passed_over"].items()),
    ]
    return facts(rows, "Telemetry")


def not_measured_section(record: Record) -> Section:
    """Everything that is no data, with its reason: the first, where several are given."""
    gaps: dict[str, Cell] = {}
    for what, why in _gaps(record):
        gaps.setdefault(what, why)
    rows = [(Cell(what), why) for what, why in gaps.items()]
    return Section(
        "not-measured",
        "What was not measured",
        "No data is never zero: what stands here was not measured, and why.",
        [Table(("what", "why"), rows) if rows else Note("Nothing is missing.")],
    )


def _gaps(record: Record) -> Iterator[tuple[str, Cell]]:
    for number, text in enumerate(record["not_measured"]):
        what, _, why = text.partition(":")
        yield what, Cell(bare(why), f"not_measured.{number}")
    for place, result in enumerate(record["results"]):
        yield from _gaps_of(result, f"results.{place}")
    for place, bundle in enumerate(record["bundles"]):
        if bundle["missing"]:
            yield f"layers of {bundle['name']}", Cell(bundle["missing"], f"bundles.{place}.missing")
    known = {entry["name"] for entry in record["accuracy"]}
    for name in styles(record):
        if known and name not in known:
            yield f"accuracy of {name}", Cell("it was not asked about labelled faces")


def _gaps_of(result: Record, place: str) -> Iterator[tuple[str, Cell]]:
    who = f"{result['name']} ({setup(result)})"
    for what in ("memory", "energy"):
        reason = result[f"{what}_reason"]
        if reason:
            yield what, Cell(bare(reason), f"{place}.{what}_reason")
    few = [name for name, value in result["latency_ms"].items() if value is None]
    if few:
        listed = ", ".join(few).replace("_", ".")
        queries = f"{result['latency_ms']['queries']:,} queries are too few"
        yield f"{listed} of {who}", Cell(queries)
    if result["stability"]["stable"] is None:
        told = Cell(result["stability"]["reason"], f"{place}.stability.reason")
        yield f"stability of {who}", told
