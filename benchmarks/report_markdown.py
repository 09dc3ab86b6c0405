"""The report as Markdown, for an issue: the same tables, nothing drawn."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from edgefer.benchmarks.report_blocks import (
    Beside,
    Block,
    Note,
    Record,
    Section,
    Table,
)
from edgefer.benchmarks.report_sections import make_report

# An issue of GitHub ends at 65,536 characters, so what is folded in HTML is cut.
_MOST_FOLDED = 40


def markdown_report(record: Record) -> str:
    """The report of a record as `check_record` takes it; InputError for an unreadable histogram.

    Texts of the record are shown as they are: nothing in them is a link, a picture or a tag.
    """
    report = make_report(record)
    lines = [f"# edgefer benchmark: {escaped(report.title)}", "", f"{escaped(report.about)}.", ""]
    for section in report.sections:
        lines += _section(section)
    return "\n".join(lines).rstrip() + "\n"


def escaped(text: str) -> str:
    """`text` without a meaning in Markdown or HTML."""
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*_\[\]|~])", r"\\\1", text)


def _section(section: Section) -> Iterator[str]:
    yield from (f"## {section.title}", "", section.lead, "")
    for block in section.blocks:
        yield from _block(block)


def _block(block: Block) -> Iterator[str]:
    if isinstance(block, Note):
        text = escaped(block.text)
        yield from (f"**{text}**" if block.loud else text, "")
    elif isinstance(block, Table):
        yield from _table(block)
    elif isinstance(block, Beside):
        for one in block.blocks:
            yield from _block(one)


def _table(table: Table) -> Iterator[str]:
    rows = table.rows[:_MOST_FOLDED] if table.folded else table.rows
    if table.caption:
        yield from (f"{escaped(table.caption)}.", "")
    yield _row(map(escaped, table.columns))
    yield _row("---:" if right else "---" for right in table.numeric())
    for number, row in enumerate(rows):
        if number in table.groups:
            yield _row((f"**{escaped(table.groups[number])}**", *("" for _ in table.columns[1:])))
        yield _row(escaped(cell.text) for cell in row)
    if len(rows) < len(table.rows):
        yield from ("", f"… and {len(table.rows) - len(rows):,} rows more.")
    yield ""


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
