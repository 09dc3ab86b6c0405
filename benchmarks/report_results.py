"""The results of a record: which compare with each other, and what belongs to one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from edgefer.benchmarks.report_blocks import NO_DATA, Cell, Legend, Record, Table, figure
from edgefer.benchmarks.report_figures import percent


def with_threads(threads: int) -> str:
    """A number of threads in words."""
    return f"{threads} thread{'' if threads == 1 else 's'}"


def setup(result: Record) -> str:
    """The scenario and the threads of a result, in words."""
    return f"{result['scenario']}, {with_threads(result['threads'])}"


def grouped(record: Record) -> dict[str, list[int]]:
    """The places of the results that compare: those of one scenario and number of threads."""
    groups: dict[str, list[int]] = {}
    for place, result in enumerate(record["results"]):
        groups.setdefault(setup(result), []).append(place)
    return groups


def group_title(record: Record, group: Sequence[int]) -> str:
    """What the results of a group have in common, in words."""
    results = [record["results"][place] for place in group]
    title = f"{setup(results[0])}, {faces_in_words(results)}"
    rate = results[0]["rate"]
    return title if rate is None else f"{title}, {rate:,.1f} queries a second"


def faces_in_words(results: Sequence[Record]) -> str:
    """How much a query is: a frame where the faces are found first."""
    if results[0]["scenario"] == "end-to-end":
        return "a frame a query"
    batches = sorted({result["batch"] for result in results})
    return "1 face a query" if batches == [1] else f"{' or '.join(map(str, batches))} faces a query"


def styles(record: Record) -> dict[str, int]:
    """The contenders in the order in which they first appear, each with its style in charts."""
    names = dict.fromkeys(result["name"] for result in record["results"])
    return {name: style for style, name in enumerate(names)}


def legend(record: Record) -> Legend:
    """Which line and mark is whose."""
    return Legend([(style, name) for name, style in styles(record).items()])


def simplest(record: Record) -> list[int]:
    """The results of the scenario that compares best: single faces, on the fewest threads."""
    groups = grouped(record).values()
    results = record["results"]
    return min(
        groups,
        key=lambda places: (
            results[places[0]]["scenario"] != "single",
            results[places[0]]["threads"],
        ),
    )


def result_table(
    record: Record,
    columns: Sequence[str],
    row: Callable[[int], Iterable[Cell]],
    caption: str,
    *,
    shown: Callable[[Record], bool] = lambda result: True,
    folded: bool = False,
) -> Table:
    """A row for each of the results to be shown, under the heading of those it compares with.

    `row` makes the cells after the name, from a result's place.
    """
    rows: list[tuple[Cell, ...]] = []
    headings = {}
    for group in grouped(record).values():
        chosen = [place for place in group if shown(record["results"][place])]
        if chosen:
            headings[len(rows)] = group_title(record, group)
        rows += [(Cell(record["results"][place]["name"]), *row(place)) for place in chosen]
    return Table(("name", *columns), rows, caption, folded=folded, groups=headings)


def size_key(result: Record) -> str:
    """Which of its sizes counts: of the engine or graph that ran, or else of the bundle."""
    sizes = ("engine", "graph", "bundle")
    return next((key for key in sizes if result["bytes"][key] is not None), "bundle")


def accuracy_of(record: Record, name: str) -> Cell:
    """The accuracy of that contender, or no data."""
    for place, entry in enumerate(record["accuracy"]):
        if entry["name"] == name:
            return figure(record, percent, "accuracy", place, "accuracy")
    return Cell(NO_DATA, is_number=True)


def missing(record: Record, what: str) -> str:
    """Why there is no data of that, where the record says so."""
    for text in record["not_measured"]:
        name, _, reason = text.partition(":")
        if name == what:
            return no_data(reason)
    return no_data("the record has none")


def no_data(reason: str) -> str:
    """That there is none and why, of a reason that may say so itself."""
    return f"{NO_DATA}: {bare(reason)}"


def bare(reason: str) -> str:
    """A reason without the words that there is no data."""
    return reason.strip().removeprefix(f"{NO_DATA}:").strip() or "no reason was given"
