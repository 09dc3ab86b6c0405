"""The options that choose a variant of a network, alike in every command that has them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from edgefer.zoo.registry import Choices

SizeOption = Annotated[
    int | None, typer.Option(metavar="PIXELS", help="Side of the faces; the network's by default.")
]
WithoutOption = Annotated[
    str | None,
    typer.Option(metavar="PART,...", help="Parts to leave out, as in the papers' ablations."),
]
ScaleOrderOption = Annotated[
    str | None,
    typer.Option(
        metavar="forward|bidirectional",
        help="The second multi-scale pass of ma-net; published weights need forward.",
    ),
]


def read_choices(size: int | None, without: str | None, scale_order: str | None) -> Choices:
    """The choices that the options stand for; InputError for a scale order that there is not."""
    from edgefer.zoo.registry import Choices, ScaleOrder

    parts = None if without is None else frozenset(part.strip() for part in without.split(","))
    order = None if scale_order is None else ScaleOrder.parse(scale_order)
    return Choices(size=size, without=parts, scale_order=order)
