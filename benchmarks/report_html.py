"""The report as one HTML file that stands alone: no script, and nothing that is loaded."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from edgefer.benchmarks.report_blocks import (
    Beside,
    Block,
    Cell,
    Chart,
    Legend,
    Note,
    Record,
    Section,
    Table,
    Tile,
    Tiles,
)
from edgefer.benchmarks.report_charts import ink, swatch
from edgefer.benchmarks.report_sections import Report, make_report
from edgefer.benchmarks.report_style import STYLE

# A browser that keeps to this loads and runs nothing, whatever a record has in its texts.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"

_LONG = 24  # letters from which on a cell is as wide as a sentence
_DARK_CELL = 0.7  # from this shade on, the text has the other colour


def html_report(record: Record) -> str:
    """The report of a record as `check_record` takes it; InputError for an unreadable histogram.

    An element with `data-figure="PLACE"` shows the figure that stands at that place of the record.
    """
    report = make_report(record)
    head = (
        '<meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta name="color-scheme" content="light dark">',
        f"<title>{escape(report.title)}: edgefer benchmark</title>",
        f"<style>{STYLE}</style>",
    )
    body = (_header(report), _contents(report.sections), "<main>", *map(_section, report.sections))
    return "\n".join(
        (
            "<!doctype html>",
            '<html lang="en">',
            "<head>",
            *head,
            "</head>",
            "<body>",
            *body,
            "</main>",
            "</body>",
            "</html>\n",
        )
    )


def _header(report: Report) -> str:
    return (
        f'<header><p class="kind">edgefer benchmark</p><h1>{escape(report.title)}</h1>'
        f"<p>{escape(report.about)}</p></header>"
    )


def _contents(sections: Sequence[Section]) -> str:
    links = "".join(
        f'<li><a href="#{section.key}">{escape(section.title)}</a></li>' for section in sections
    )
    return f'<nav aria-label="Contents"><ul>{links}</ul></nav>'


def _section(section: Section) -> str:
    blocks = "\n".join(map(_block, section.blocks))
    return (
        f'<section id="{section.key}">\n<h2>{escape(section.title)}</h2>\n'
        f'<p class="lead">{escape(section.lead)}</p>\n{blocks}\n</section>'
    )


def _block(block: Block) -> str:
    if isinstance(block, Note):
        kind = "loud" if block.loud else "note"
        return f'<p class="{kind}">{escape(block.text)}</p>'
    if isinstance(block, Table):
        return _table(block)
    if isinstance(block, Legend):
        return _legend(block)
    if isinstance(block, Tiles):
        return _figure(
            block.caption, f'<div class="tiles">{"".join(map(_tile, block.tiles))}</div>'
        )
    if isinstance(block, Beside):
        return f'<div class="beside">{"".join(map(_block, block.blocks))}</div>'
    return _chart(block)


def _chart(chart: Chart) -> str:
    kind = "wide" if chart.wide else "panel"
    drawing = _scrolling(chart.svg, chart.caption) if chart.wide else chart.svg
    return _figure(chart.caption, f'<div class="{kind}">{drawing}</div>')


def _legend(legend: Legend) -> str:
    items = "".join(
        f"<li>{swatch(style, filled=legend.filled)} {escape(name)}</li>"
        for style, name in legend.entries
    )
    return f'<ul class="legend">{items}</ul>'


def _tile(tile: Tile) -> str:
    about = "".join(f"<p>{escape(line)}</p>" for line in tile.about)
    return (
        f'<div class="tile {ink(tile.style)}"><p class="of">{escape(tile.name)}</p>'
        f'<p class="value" data-figure="{escape(tile.value.figure)}">{escape(tile.value.text)}</p>'
        f"{about}</div>"
    )


def _table(table: Table) -> str:
    numeric = table.numeric()
    head = "".join(
        f'<th scope="col"{_class("n" if right else "")}><span>{escape(column)}</span></th>'
        for column, right in zip(table.columns, numeric)
    )
    rows = "".join(
        f"{_group(table, number)}<tr>{_cells(row, numeric)}</tr>"
        for number, row in enumerate(table.rows)
    )
    kind = "heat" if table.heat else "plain" if table.plain else "rows"
    caption = f"{table.caption}; the shade is the share of its row" if table.heat else table.caption
    whole = _scrolling(
        f'<table class="{kind}"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>',
        table.caption or table.columns[0],
    )
    if table.folded:
        return f"<details><summary>{escape(table.caption)}</summary>{whole}</details>"
    return _figure(caption, whole)


def _figure(caption: str, content: str) -> str:
    above = f"<figcaption>{escape(caption)}</figcaption>" if caption else ""
    return f"<figure>{above}{content}</figure>"


def _group(table: Table, number: int) -> str:
    """The heading above the row of that number, if there is one."""
    if number not in table.groups:
        return ""
    heading = f'<th scope="rowgroup" colspan="{len(table.columns)}">'
    return f'<tr class="group">{heading}{escape(table.groups[number])}</th></tr>'


def _scrolling(content: str, name: str) -> str:
    """The page itself never scrolls sideways; the keyboard reaches what does."""
    region = f'tabindex="0" role="region" aria-label="{escape(name)}"'
    return f'<div class="scroll" {region}>{content}</div>'


def _cells(row: Sequence[Cell], numeric: Iterable[bool]) -> str:
    first, *others = (_cell(cell, right) for cell, right in zip(row, numeric))
    return f'<th scope="row"{first}</th>' + "".join(f"<td{cell}</td>" for cell in others)


def _cell(cell: Cell, right: bool) -> str:
    """The inside of a cell's tag, and what stands in it."""
    words = escape(cell.text)
    if cell.bar is not None:
        words = f'<span class="share" style="--share:{100 * cell.bar:.1f}%">{words}</span>'
    figure = f' data-figure="{escape(cell.figure)}"' if cell.figure else ""
    if cell.shade is None:
        kind = "n" if right else "long" if len(cell.text) > _LONG else ""
        return f"{_class(kind)}{figure}>{words}"
    kind = "n dark" if cell.shade > _DARK_CELL else "n" if cell.shade else "n none"
    return f'{_class(kind)} style="--shade:{cell.shade:.3f}"{figure}>{words}'


def _class(kind: str) -> str:
    return f' class="{kind}"' if kind else ""
