"""What the commands print: results on standard output, everything else on standard error."""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edgefer.progress import Progress, silent

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

NO_DATA = "no data"  # never 0
_REDRAWN_S = 0.2

JsonOption = Annotated[
    bool, typer.Option("--json", help="Print JSON on standard output and nothing else there.")
]


def one_line(text: str) -> str:
    """`text` folded to one line; what could steer a terminal becomes a question mark."""
    return "".join(c if c.isprintable() else "?" for c in " ".join(text.split()))


def percent(share: float | None, digits: int = 1) -> str:
    """A share of 0 to 1 as per cent; None is no data."""
    return NO_DATA if share is None else f"{share:.{digits}%}"


def print_json(document: object) -> None:
    """Print one JSON document as one line.

    Dataclasses become objects, enums their values, numpy arrays lists; a number that is not
    finite becomes null, since JSON has no word for it.
    """
    sys.stdout.write(json.dumps(_plain(document), allow_nan=False) + "\n")
    sys.stdout.flush()


def write_json(path: Path, document: object, what: str) -> None:
    """Write a document as JSON of several lines, whole or not at all, and say so."""
    from edgefer.files import write_atomically

    text = json.dumps(_plain(document), indent=1, allow_nan=False)
    write_atomically(path, text.encode() + b"\n")
    note(f"{what}: {path}")


def _plain(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    if is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(_plain(key)): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, Path):
        return str(value)
    if hasattr(value, "tolist"):  # numpy, which is not imported for this
        return _plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def table(
    columns: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    title: str | None = None,
    numbers: Collection[str] = (),
) -> Table:
    """A table for `show`; the columns named in `numbers` are set flush right.

    Cells are shown as they are: brackets in them are no markup, and long ones are folded.
    """
    from rich.text import Text

    made = _bare_table(title)
    for column in columns:
        right = column in numbers
        made.add_column(Text(column), justify="right" if right else "left", overflow="fold")
    for row in rows:
        made.add_row(*(Text(one_line(str(cell))) for cell in row))
    if not made.rows:
        made.add_row("none")
    return made


def facts(pairs: Iterable[tuple[str, object]], *, title: str | None = None) -> Table:
    """A table of two columns without a heading: what, and its value."""
    made = table(("", ""), pairs, title=title)
    made.show_header = False
    made.columns[0].style = "cyan"
    made.columns[0].no_wrap = True
    return made


def _bare_table(title: str | None) -> Table:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    heading = None if title is None else f"\n{title}"
    return Table(
        title=heading, title_justify="left", title_style="bold", box=SIMPLE_HEAD, show_edge=False
    )


def show(renderable: RenderableType) -> None:
    """Print on standard output: a text as it is, a table to fit the terminal, or 80 columns."""
    from rich.console import Console

    console = Console(highlight=False, markup=False, emoji=False)
    with console.capture() as captured:
        console.print(renderable, soft_wrap=isinstance(renderable, str))
    # rich would exit with 1, "a check did not hold", where nobody reads
    sys.stdout.write(captured.get())
    sys.stdout.flush()


def note(text: str) -> None:
    """Print one line on standard error; where that is full or gone, nobody can be told."""
    try:
        print(one_line(text), file=sys.stderr, flush=True)
    except BrokenPipeError:
        raise
    except OSError:
        pass


@contextmanager
def progress_bar(*, threaded: bool = True) -> Iterator[Progress]:
    """A bar on standard error for each phase, gone when the work is; silent without a terminal.

    Without a thread it is drawn when it is called: a thread would disturb what is timed.
    """
    if not sys.stderr.isatty():
        yield silent
        return
    from rich.console import Console
    from rich.progress import Progress as Bars

    # rich would print what goes to standard output on standard error, above the bar: that is right
    # only where both are the terminal
    console, shared = Console(stderr=True), sys.stdout.isatty()
    with Bars(
        console=console, transient=True, redirect_stdout=shared, auto_refresh=threaded
    ) as bars:
        tasks: dict[str, Any] = {}
        drawn = -math.inf

        def advance(phase: str, done: int, total: int) -> None:
            nonlocal drawn
            if phase not in tasks:
                tasks[phase] = bars.add_task(one_line(phase), total=None)
            bars.update(tasks[phase], completed=done, total=total or None)
            if not threaded and time.monotonic() > drawn + _REDRAWN_S:
                bars.refresh()
                drawn = time.monotonic()

        yield advance
