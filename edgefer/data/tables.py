"""Lists of faces in text files, read a line at a time: the largest have 400,000."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import TextIO

from edgefer.data.broken import Broken
from edgefer.errors import InputError, reason
from edgefer.files import check_readable

_SHOWN = 80  # characters of a line that a message shows


@contextmanager
def open_list(path: Path) -> Iterator[TextIO]:
    """The open text of a list; InputError where it is absent or is no UTF-8."""
    check_readable(path, "a list of faces")
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            yield file
    except (OSError, UnicodeError, csv.Error) as error:
        msg = f"{path}: expected a list of faces in UTF-8, cannot read it ({reason(error)})"
        raise InputError(msg) from error


def read_table(
    table: Path, columns: Sequence[str], broken: Broken, bare: Sequence[str] = ()
) -> Iterator[tuple[str, list[str]]]:
    """Each row of a comma-separated list: where it stands, `FILE:LINE`, and its `columns`.

    Blanks around names and values are dropped. A list without a heading is taken to have the
    columns `bare`. A row that is too short is `broken`.
    """
    with open_list(table) as file:
        rows = _numbered(file)
        first = next(rows, (1, []))
        names = [name.strip() for name in first[1]]
        if not set(columns) <= set(names):
            if not bare or len(names) != len(bare):
                msg = f"{table}: expected the columns {', '.join(columns)}, found {shown(first[1])}"
                raise InputError(msg)
            names, rows = list(bare), chain([first], rows)
        places = [names.index(name) for name in columns]
        for line, row in rows:
            where = f"{table}:{line}"
            if len(row) > max(places):
                yield where, [row[place].strip() for place in places]
            elif row:
                broken.found(f"{where}: expected {len(names)} values, found {shown(row)}")


def shown(values: Sequence[str]) -> str:
    """What was found, on one line and short enough for a message."""
    text = " ".join(", ".join(values).split())
    return f"'{text[:_SHOWN]}...'" if len(text) > _SHOWN else f"'{text}'"


def _numbered(file: TextIO) -> Iterator[tuple[int, list[str]]]:
    """Each row with the number of its first line."""
    reader = csv.reader(file)
    line = 1
    for row in reader:
        yield line, row
        line = reader.line_num + 1
