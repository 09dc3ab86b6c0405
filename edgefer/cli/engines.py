"""The options of every command that runs a bundle, alike in each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from edgefer.cli.output import note

if TYPE_CHECKING:
    from edgefer.runtime.session import Session

BackendOption = Annotated[
    str,
    typer.Option(metavar="NAME", help="The inference library; auto: the one for this machine."),
]
OnMismatchOption = Annotated[
    str,
    typer.Option(
        metavar="rebuild|error",
        help="Without a TensorRT engine that fits: build one, or end with status 3.",
    ),
]
DlaOption = Annotated[
    int | None, typer.Option(metavar="CORE", min=0, help="Run on that DLA core of a Jetson.")
]


def note_backend(session: Session) -> None:
    """Say on standard error which library runs, why, and what was passed over."""
    note(f"{session.backend} ({session.why})")
    for why in dict.fromkeys(session.passed_over.values()):
        names = [name for name, other in session.passed_over.items() if other == why]
        note(f"not {', '.join(names)}: {why}")
