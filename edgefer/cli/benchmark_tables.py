"""A record of `edgefer benchmark` as tables that fit a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from edgefer.cli.output import NO_DATA, facts, note, one_line, percent, show, table

_TIMES = ("", "p50", "p90", "p99", "max")
_FACTS = ("load", "first answer", "graph", "memory", "energy", "accuracy", "agrees")

Result = Mapping[str, Any]
Record = Mapping[str, Any]


def show_record(record: Record) -> None:
    """Print what ran where, a table for each scenario and number of threads, and the checks."""
    show(facts(_where(record)))
    results: Sequence[Result] = record["results"]
    for (scenario, threads), group in groupby(results, _heat):
        these = list(group)
        faces = these[0]["batch"]
        framed = scenario == "end-to-end"
        query = "a frame" if framed else f"{faces} face{'s' * (faces > 1)}"
        cores = f"{threads} thread{'s' * (threads > 1)}"
        title = f"{scenario}: milliseconds for {query}, {cores}"
        columns = (*_TIMES, "frames/s" if framed else "faces/s", "of first")
        rows = [_times(result) for result in these]
        show(table(columns, rows, title=title, numbers=columns[1:]))
        for remark in _remarks(these):
            show(one_line(remark))
    for threads in dict.fromkeys(result["threads"] for result in results):
        first: dict[str, Result] = {}
        for result in results:
            if result["threads"] == threads:
                first.setdefault(result["name"], result)
        _show_facts(threads, [*first.values()], record)
    _note_validity(record)


def _heat(result: Result) -> tuple[str, int]:
    return result["scenario"], result["threads"]


def _where(record: Record) -> list[tuple[str, object]]:
    results, machine = record["results"], record["machine"]
    devices = sorted({f"{result['device']}, by {result['backend']}" for result in results})
    versions = ", ".join(f"{name} {version}" for name, version in record["versions"].items())
    return [
        ("device", "; ".join(devices)),
        ("system", f"{machine['system']}, {machine['cores']} cores"),
        ("versions", versions),
        ("measuring", f"{record['measuring_us']:.2f} us a query"),
    ]


def _times(result: Result) -> tuple[object, ...]:
    latency, ratio = result["latency_ms"], result["ratio"]
    share = "1.00" if ratio is None else f"{ratio['median']:.3f}"
    times = [_short(latency[key]) for key in ("p50", "p90", "p99", "max")]
    return (result["name"], *times, f"{result['throughput']:,.0f}", share)


def _show_facts(threads: int, results: Sequence[Result], record: Record) -> None:
    """A table of what does not depend on the scenario; columns without any data are named below."""
    rows = [dict(zip(_FACTS, _facts(result, record))) for result in results]
    told = [name for name in _FACTS if any(row[name] != NO_DATA for row in rows)]
    columns = ("", *told)
    cells = [(one["name"], *(row[name] for name in told)) for one, row in zip(results, rows)]
    title = f"Cold start in milliseconds, and what else there is; threads: {threads}"
    show(table(columns, cells, title=title, numbers=told))
    untold = [name for name in _FACTS if name not in told]
    if untold:
        show(f"{NO_DATA}: {', '.join(untold)}")


def _facts(result: Result, record: Record) -> tuple[str, ...]:
    begun, memory, energy = result["start_s"], result["memory_bytes"], result["energy"]
    graph, agreement = result["bytes"]["graph"], result["agreement"]
    right = [one["accuracy"] for one in record["accuracy"] if one["name"] == result["name"]]
    return (
        *(_short(begun[key] * 1e3) for key in ("load", "first_answer")),
        f"{graph / 1e6:.2f} MB" if graph else NO_DATA,
        f"{memory['peak'] / 1e6:.0f} MB" if memory else NO_DATA,
        f"{energy['per_query_mj']:.2f} mJ" if energy else NO_DATA,
        percent(right[0], 2) if right else NO_DATA,
        percent(agreement) if agreement is not None else NO_DATA,
    )


_WORDS = {"no difference": "no difference from", "inconclusive": "inconclusive against"}


def _remarks(results: Sequence[Result]) -> Iterator[str]:
    """One line for each thing that a number alone does not tell."""
    for result in results:
        name, ratio = result["name"], result["ratio"]
        if ratio is not None:
            low, high = ratio["low"], ratio["high"]
            between = "too few turns" if low is None else f"{low:.3f} to {high:.3f}, 95 %"
            words = _WORDS.get(ratio["verdict"], f"{ratio['verdict']} than")
            yield f"{name}: {words} {ratio['to']} ({between})"
        if result["cached"] is not None and result["cached"]["found"]:
            yield f"{name}: answers come from a cache: its times are not those of new faces"
        if result["overtaken"]:
            yield f"{name}: {result['overtaken']:,} frames were overtaken by a newer one"
        if result["rate"]:
            yield f"{name}: {result['rate']:,.1f} queries a second came at random"
    unstable = [one for one in results if one["stability"]["stable"] is False]
    for result in unstable:
        yield f"unstable: {result['name']}: {result['stability']['reason']}"


def _note_validity(record: Record) -> None:
    telemetry = record["telemetry"]
    for reason in telemetry["reasons"]:
        note(f"this run is not valid: {reason}")


def _short(milliseconds: float | None) -> str:
    if milliseconds is None:
        return NO_DATA
    return f"{milliseconds:.3f}" if milliseconds < 10 else f"{milliseconds:.1f}"
