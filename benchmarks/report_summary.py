"""The first page: whether the run counts, what ran where, and who was faster."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from edgefer.benchmarks.report_blocks import (
    NO_DATA,
    Block,
    Cell,
    Note,
    Record,
    Section,
    Table,
    Tile,
    Tiles,
    facts,
    figure,
    words,
)
from edgefer.benchmarks.report_figures import millijoules, milliseconds, ratio, size, small
from edgefer.benchmarks.report_ratios import ratio_chart
from edgefer.benchmarks.report_results import (
    accuracy_of,
    group_title,
    result_table,
    setup,
    simplest,
    size_key,
    styles,
)


def summary_section(record: Record) -> Section:
    """Warnings, the contenders at a glance, the ratios as a chart, and the table of results."""
    return Section(
        "summary",
        "Summary",
        "A ratio is a time over that of the first contender in the same run: below 1 is faster, "
        "and there is a verdict only where its whole interval lies beyond the margin.",
        (
            *_warnings(record),
            *_at_a_glance(record),
            _run(record),
            *ratio_chart(record),
            _table(record),
        ),
    )


def _warnings(record: Record) -> Iterator[Block]:
    """One for each kind of doubt."""
    telemetry = record["telemetry"]
    doubts = {"invalid": telemetry["reasons"] if telemetry["valid"] is False else []}
    for result in record["results"]:
        who, answers = f"{result['name']} ({setup(result)})", result["answers"]
        if answers and not answers["hold"]:
            off = small(answers["largest_difference"])
            doubts.setdefault("wrong while the clock ran", []).append(f"{who}: off by {off}")
        if result["cached"] and result["cached"]["found"]:
            doubts.setdefault("answers from a cache, not of new faces", []).append(who)
    for doubt, found in doubts.items():
        if found:
            yield Note(f"{doubt}: {'; '.join(found)}", loud=True)
    yield from _instability(record["results"])
    if telemetry["valid"] is None:
        why = telemetry["unchecked"][-1] if telemetry["unchecked"] else NO_DATA
        yield Note(f"Whether the machine held still is not known: {why}.")


def _instability(results: Sequence[Record]) -> Iterator[Note]:
    """The worst of those that were not stable; section Checks has each."""
    unstable = [one for one in results if one["stability"]["stable"] is False]
    if unstable:
        worst = max(unstable, key=lambda one: one["stability"]["spread"])
        said = f"{worst['name']} ({setup(worst)}): {worst['stability']['reason']}"
        which = "" if len(unstable) == 1 else f"{len(unstable)} of {len(results)}, the worst "
        yield Note(f"unstable: {which}{said}", loud=True)


def _at_a_glance(record: Record) -> Iterator[Block]:
    places, style = simplest(record), styles(record)
    tiles = []
    for place in places:
        result, here = record["results"][place], ("results", place)
        value = figure(record, milliseconds, *here, "latency_ms", "p50")
        accuracy = accuracy_of(record, result["name"])
        bytes_ = figure(record, size, *here, "bytes", size_key(result))
        about = [_ratio_in_words(result), f"accuracy {accuracy.text}", f"size {bytes_.text}"]
        tiles.append(Tile(style[result["name"]], result["name"], value, about))
    yield Tiles(tiles, f"Median latency: {group_title(record, places)}")


def _ratio_in_words(result: Record) -> str:
    found = result["ratio"]
    if found is None:
        return "the measure of the others"
    return f"{ratio(found['median'])} of {found['to']}: {found['verdict']}"


def _run(record: Record) -> Table:
    devices: dict[str, dict[str, None]] = {}
    for result in record["results"]:
        devices.setdefault(result["device"], {})[result["backend"]] = None
    where = (f"{device}, by {' and '.join(backends)}" for device, backends in devices.items())
    scenarios = dict.fromkeys(result["scenario"] for result in record["results"])
    return facts(
        (
            ("on", words("; ".join(where))),
            ("scenarios", words(", ".join(scenarios))),
            ("asked about", words(record["settings"]["faces"])),
        ),
        "What ran where",
    )


def _table(record: Record) -> Table:
    columns = (
        "precision",
        "backend",
        "p50",
        "p99",
        "ratio",
        "95 % interval",
        "verdict",
        "accuracy",
        "size",
        "energy",
    )
    caption = (
        "Results. Size is that of the engine or graph that ran; p50, p99 and energy are of a "
        "query, whatever its number of faces"
    )
    return result_table(record, columns, lambda place: _row(record, place), caption)


def _row(record: Record, place: int) -> Iterator[Cell]:
    result, here = record["results"][place], ("results", place)
    yield words(result["precision"])
    yield words(result["backend"])
    yield figure(record, milliseconds, *here, "latency_ms", "p50")
    yield figure(record, milliseconds, *here, "latency_ms", "p99")
    yield from _comparison(record, place)
    yield accuracy_of(record, result["name"])
    yield figure(record, size, *here, "bytes", size_key(result))
    yield figure(record, millijoules, *here, "energy", "per_query_mj")


def _comparison(record: Record, place: int) -> Iterator[Cell]:
    """Ratio, interval and verdict; the first is what the others are compared with."""
    found = record["results"][place]["ratio"]
    if found is None:
        yield from (Cell("1", is_number=True), Cell("", is_number=True), Cell("first"))
        return
    yield figure(record, ratio, "results", place, "ratio", "median")
    interval = NO_DATA
    if found["low"] is not None and found["high"] is not None:
        interval = f"{ratio(found['low'])} to {ratio(found['high'])}"
    yield Cell(interval, is_number=True)
    yield Cell(found["verdict"])
