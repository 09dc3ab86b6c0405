"""`--skip-broken`: what of a data set cannot be used is left out, and told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from edgefer.cli.output import note

if TYPE_CHECKING:
    from edgefer.data.broken import Broken

_NAMED = 20

SkipBrokenOption = Annotated[
    bool,
    typer.Option(
        "--skip-broken", help="Leave out what cannot be read of the data, and say what it was."
    ),
]


def note_left_out(broken: Broken) -> None:
    """How much was left out and the first of it, on standard error; nothing where all was used."""
    messages = broken.left_out
    for message in messages[:_NAMED]:
        note(f"left out: {message}")
    if len(messages) > _NAMED:
        note(f"and {len(messages) - _NAMED:,} more, {len(messages):,} in all; --json lists them")
