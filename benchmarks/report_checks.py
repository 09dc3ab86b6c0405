"""Why the figures can be believed: what was checked while the clock ran, and what it found."""

from __future__ import annotations

from collections.abc import Iterator

from edgefer.benchmarks.report_blocks import (
    NO_DATA,
    Block,
    Cell,
    Note,
    Record,
    Section,
    Table,
    facts,
    figure,
)
from edgefer.benchmarks.report_figures import (
    count,
    microseconds,
    millijoules,
    percent,
    ratio,
    small,
    watts,
    yes_or_no,
)
from edgefer.benchmarks.report_results import result_table

# Queries of these come by themselves, whether somebody has time for them or not.
_PACED = ("server", "camera")


def checks_section(record: Record) -> Section:
    """Answers, stability, what measuring costs, bounds and energy, one table each."""
    scenarios = {result["scenario"] for result in record["results"]}
    blocks: list[Block] = [_measuring(record), _answers(record)]
    if scenarios.intersection(_PACED):
        blocks.append(
            Note(
                "In the scenarios server and camera a latency counts from the scheduled arrival of "
                "its query, not from when somebody had time for it: a stall makes all those late "
                "that came meanwhile (no coordinated omission)."
            )
        )
    if any(map(_is_bounded, record["results"])):
        blocks.append(_bounds(record))
    blocks.append(_energy(record))
    return Section(
        "checks",
        "Checks",
        "Differences should be small, nothing cached, every result stable, and measuring cheap "
        "beside the shortest p50.",
        blocks,
    )


def _measuring(record: Record) -> Table:
    kernel = f"reference kernel {record['reference']['name']}, median"
    return facts(
        [
            ("measuring costs a query", figure(record, microseconds, "measuring_us")),
            ("telemetry's share of the time", figure(record, percent, "telemetry", "cost")),
            (kernel, figure(record, microseconds, "reference", "median_us")),
            ("windows with the kernel", figure(record, count, "reference", "windows")),
        ],
        "What measuring costs, and a kernel that is the same in every run",
    )


def _answers(record: Record) -> Table:
    columns = (
        "kept",
        "differs by",
        "holds",
        "right",
        "agrees",
        "same face",
        "cached",
        "stable",
        "spread",
        "drift",
    )
    limits = sorted({result["stability"]["limit"] for result in record["results"]})
    caption = (
        "Answers kept while the clock ran, and the most that a probability was off; agrees: on how "
        "many faces with the first contender; same face: its time again and again, over that of "
        "ever other faces. Spread and drift of the windows' medians may be "
        f"{' or '.join(f'{limit:.0%}' for limit in limits)}"
    )
    return result_table(record, columns, lambda place: _answer(record, place), caption)


def _answer(record: Record, place: int) -> Iterator[Cell]:
    here = ("results", place)
    yield figure(record, count, *here, "answers", "sampled")
    yield figure(record, small, *here, "answers", "largest_difference")
    yield figure(record, yes_or_no, *here, "answers", "hold")
    yield figure(record, percent, *here, "answers", "right")
    yield figure(record, percent, *here, "agreement")
    yield figure(record, ratio, *here, "cached", "ratio")
    yield figure(record, yes_or_no, *here, "cached", "found")
    yield figure(record, yes_or_no, *here, "stability", "stable")
    yield figure(record, percent, *here, "stability", "spread")
    yield figure(record, percent, *here, "stability", "drift")


def _bounds(record: Record) -> Table:
    columns = ("bound", "held", "frames overtaken by a newer one")
    caption = "Bounds on the latency, and frames of a camera"
    return result_table(
        record, columns, lambda place: _bound(record, place), caption, shown=_is_bounded
    )


def _is_bounded(result: Record) -> bool:
    return result["bound"] is not None or result["overtaken"] is not None


def _bound(record: Record, place: int) -> Iterator[Cell]:
    bound = record["results"][place]["bound"]
    asked = f"{bound['ms']:g} ms at p{bound['percentile']:g}" if bound else "none asked for"
    yield Cell(asked)
    yield figure(record, yes_or_no, "results", place, "bound", "held")
    yield figure(record, count, "results", place, "overtaken")


def _energy(record: Record) -> Table:
    found = [result["energy"] for result in record["results"] if result["energy"]]
    covers = dict.fromkeys(
        f"{energy['covers']}, {'by its meter' if energy['metered'] else 'integrated over time'}"
        for energy in found
    )
    columns = ("energy a query", "mean power", "at rest", "rest taken off", "why not")
    caption = f"Energy: {'; '.join(covers) or NO_DATA}"
    return result_table(record, columns, lambda place: _drawn(record, place), caption)


def _drawn(record: Record, place: int) -> Iterator[Cell]:
    here = ("results", place, "energy")
    yield figure(record, millijoules, *here, "per_query_mj")
    yield figure(record, watts, *here, "mean_watts")
    yield figure(record, watts, *here, "idle_watts")
    yield figure(record, yes_or_no, *here, "idle_subtracted")
    yield Cell(record["results"][place]["energy_reason"] or "")
