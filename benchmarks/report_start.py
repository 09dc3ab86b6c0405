"""What comes before the first answer, how much memory it takes, and where a query spends time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from edgefer.benchmarks.report_bars import Bar, part_names, stacked
from edgefer.benchmarks.report_blocks import Block, Cell, Note, Record, Section, Table, figure
from edgefer.benchmarks.report_figures import milliseconds, seconds, size
from edgefer.benchmarks.report_results import missing, result_table, setup, with_threads


def start_section(record: Record) -> Section:
    """Cold start apart from warm, peak memory, and the stages of a query."""
    return Section(
        "start",
        "Start and memory",
        "A cold start is paid once, the warm median with every query; libraries were imported "
        "before, and files came from the page cache.",
        (*_starts(record), *_stages(record)),
    )


def _starts(record: Record) -> Iterator[Block]:
    """A bar and a row for each contender and number of threads."""
    first: dict[tuple[str, int], int] = {}
    for place, result in enumerate(record["results"]):
        first.setdefault((result["name"], result["threads"]), place)
    bars = [
        Bar(
            name,
            with_threads(threads),
            {part.replace("_", " "): 1e3 * begun[part] for part in begun},
        )
        for (name, threads), place in first.items()
        if (begun := record["results"][place]["start_s"])
    ]
    if bars:
        yield from stacked(bars, "From a file to the first answer", milliseconds, "milliseconds")
    rows = [
        (
            Cell(name),
            figure(record, str, "results", place, "threads"),
            figure(record, seconds, "results", place, "start_s", "load"),
            figure(record, seconds, "results", place, "start_s", "first_answer"),
            figure(record, milliseconds, "results", place, "latency_ms", "p50"),
            figure(record, size, "results", place, "memory_bytes", "peak"),
            figure(record, size, "results", place, "memory_bytes", "before"),
            *(
                figure(record, size, "results", place, "bytes", kind)
                for kind in ("bundle", "graph", "engine")
            ),
        )
        for (name, _), place in first.items()
    ]
    columns = ("name", "threads", "load", "first answer", "warm p50", "peak memory", "before")
    caption = (
        "Peak memory is that of a process that loads it and answers; before is with its library "
        "imported only"
    )
    yield Table((*columns, "bundle", "graph", "engine"), rows, caption)


def _stages(record: Record) -> Iterator[Block]:
    """A bar and a row for each result whose stages were timed."""
    staged = [result for result in record["results"] if result["stages_ms"]]
    if not staged:
        yield Note(f"Stages: {missing(record, 'stages')}.")
        return
    bars = [Bar(result["name"], setup(result), result["stages_ms"]) for result in staged]
    title = "Where a query spends its time: medians of the stages, and their sum"
    yield from stacked(bars, title, milliseconds)
    stages = part_names(bars)
    yield result_table(
        record,
        stages,
        lambda place: _row(record, place, stages),
        "Medians of the stages",
        shown=lambda result: bool(result["stages_ms"]),
        folded=True,
    )


def _row(record: Record, place: int, stages: Sequence[str]) -> Iterator[Cell]:
    for stage in stages:
        if stage in record["results"][place]["stages_ms"]:
            yield figure(record, milliseconds, "results", place, "stages_ms", stage)
        else:
            yield Cell("", is_number=True)
