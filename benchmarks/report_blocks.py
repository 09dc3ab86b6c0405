"""What a report is made of: sections of tables, charts and notes.

The HTML and the Markdown report show the same sections; Markdown leaves out what is drawn.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

Record: TypeAlias = Mapping[str, Any]

NO_DATA = "no data"  # never 0


@dataclass(frozen=True)
class Cell:
    """What stands in a table.

    `figure` is the place in the record of the figure that the text shows, such as
    `results.0.latency_ms.p50`. `bar` and `shade` are shares of 0 to 1, drawn beneath the text.
    """

    text: str
    figure: str = ""
    is_number: bool = False
    bar: float | None = None
    shade: float | None = None


@dataclass(frozen=True)
class Table:
    """Rows of cells under columns; the first cell of a row says what the row is of.

    `folded` opens on demand: the numbers of a chart. `heat` is a matrix, with narrow columns;
    `plain` needs no headings where two columns speak for themselves. `groups` are headings
    between the rows, each by the number of the row that it stands above.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    caption: str = ""
    folded: bool = False
    heat: bool = False
    plain: bool = False
    groups: Mapping[int, str] = field(default_factory=dict)

    def numeric(self) -> list[bool]:
        """Which columns have figures: they are set flush right, but not beside a plain name."""
        columns = range(len(self.columns))
        return [
            not self.plain and any(row[column].is_number for row in self.rows) for column in columns
        ]


@dataclass(frozen=True)
class Chart:
    """A drawing, as the text of an SVG; a `wide` one scrolls where there is no room for it."""

    svg: str
    caption: str = ""
    wide: bool = False


@dataclass(frozen=True)
class Legend:
    """Which style is whose: pairs of its number in `report_charts` and a name.

    It shows lines with marks, or `filled` areas.
    """

    entries: Sequence[tuple[int, str]]
    filled: bool = False


@dataclass(frozen=True)
class Note:
    """A paragraph; a `loud` one has to be seen before anything else is read."""

    text: str
    loud: bool = False


@dataclass(frozen=True)
class Tile:
    """One contender at a glance: its style, its name, the figure that counts, and what else."""

    style: int
    name: str
    value: Cell
    about: Sequence[str]


@dataclass(frozen=True)
class Tiles:
    """Tiles side by side; a table below has the same figures."""

    tiles: Sequence[Tile]
    caption: str


@dataclass(frozen=True)
class Beside:
    """Blocks that stand side by side where there is room."""

    blocks: Sequence[Table | Chart]


Block: TypeAlias = "Table | Chart | Legend | Note | Tiles | Beside"


@dataclass(frozen=True)
class Section:
    """A chapter; `lead` says in one sentence what to read off it."""

    key: str
    title: str
    lead: str
    blocks: Sequence[Block]


def words(value: object) -> Cell:
    """A cell of text; None is no data."""
    return Cell(NO_DATA if value is None else str(value))


def figure(
    record: Record, show: Callable[[Any], str], *place: str | int, bar: float | None = None
) -> Cell:
    """The figure at that place of the record, as `show` has it; no data where it is null."""
    value = at(record, *place)
    text = NO_DATA if value is None else show(value)
    return Cell(text, ".".join(map(str, place)), is_number=True, bar=bar)


def at(record: Record, *place: str | int) -> Any:
    """What stands at that place; None where that, or what it would be in, is null."""
    value: Any = record
    for step in place:
        if value is None:
            return None
        value = value[step]
    return value


def facts(pairs: Sequence[tuple[str, Cell]], caption: str) -> Table:
    """A table of two columns: what, and its value."""
    return Table(
        ("what", "value"), [(Cell(what), value) for what, value in pairs], caption, plain=True
    )
