"""Which expressions are taken for which: a matrix and the recalls for each precision."""

from __future__ import annotations

from collections.abc import Iterator

from edgefer.benchmarks.report_blocks import (
    Beside,
    Block,
    Cell,
    Note,
    Record,
    Section,
    Table,
    figure,
)
from edgefer.benchmarks.report_figures import count, percent
from edgefer.benchmarks.report_results import missing


def confusion_section(record: Record) -> Section:
    """The confusion matrices beside each other, and the recall of each label."""
    blocks: list[Block] = [Note(f"Accuracy: {missing(record, 'accuracy')}.")]
    if record["accuracy"]:
        matrices = [_matrix(record, place) for place in range(len(record["accuracy"]))]
        blocks = [_totals(record), Beside(matrices), *_recalls(record)]
    return Section(
        "confusion",
        "Confusion matrices",
        "A row is what a face shows, a column what was answered: most of each row should be on "
        "the diagonal, and in every precision alike.",
        blocks,
    )


def _totals(record: Record) -> Table:
    rows = [
        (
            Cell(entry["name"]),
            Cell(entry["precision"]),
            Cell(entry["data"]),
            figure(record, count, "accuracy", place, "faces"),
            figure(record, percent, "accuracy", place, "accuracy"),
            figure(record, percent, "accuracy", place, "macro_f1"),
        )
        for place, entry in enumerate(record["accuracy"])
    ]
    return Table(("name", "precision", "data", "faces", "accuracy", "macro-F1"), rows)


def _matrix(record: Record, place: int) -> Table:
    entry = record["accuracy"][place]
    rows = []
    for row, label in enumerate(entry["labels"]):
        counts = entry["confusion"][row]
        whole = sum(counts)
        shades = [number / whole if whole else None for number in counts]
        cells = (
            Cell(f"{number:,}", f"accuracy.{place}.confusion.{row}.{column}", True, shade=shade)
            for column, (number, shade) in enumerate(zip(counts, shades))
        )
        rows.append((Cell(label), *cells))
    caption = f"{entry['name']}, {entry['precision']}, {entry['faces']:,} faces"
    return Table(("", *entry["labels"]), rows, caption, heat=True)


def _recalls(record: Record) -> Iterator[Table]:
    """One table for those with the same labels, and a column for each."""
    groups: dict[tuple[str, ...], list[int]] = {}
    for place, entry in enumerate(record["accuracy"]):
        groups.setdefault(tuple(entry["labels"]), []).append(place)
    for labels, places in groups.items():
        rows = [
            (
                Cell(label),
                *(
                    figure(
                        record,
                        percent,
                        "accuracy",
                        place,
                        "recall",
                        row,
                        bar=record["accuracy"][place]["recall"][row],
                    )
                    for place in places
                ),
            )
            for row, label in enumerate(labels)
        ]
        entries = [record["accuracy"][place] for place in places]
        columns = [f"{entry['name']}, {entry['precision']}" for entry in entries]
        caption = "Recall: the share of the faces of an expression that is found"
        yield Table(("expression", *columns), rows, caption)
