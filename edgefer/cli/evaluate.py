"""`edgefer evaluate`: how often a bundle is right."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgefer.cli.broken import SkipBrokenOption, note_left_out
from edgefer.cli.engines import BackendOption
from edgefer.cli.output import (
    JsonOption,
    facts,
    note,
    percent,
    print_json,
    progress_bar,
    show,
    table,
)
from edgefer.manifest import Flavour

if TYPE_CHECKING:
    from edgefer.accuracy import Accuracy

_COLUMNS = ("expression", "faces", "precision", "recall", "F1")
# Enough of an expression's name to head a column.
_HEAD = 3


def evaluate(
    bundle: Annotated[Path, typer.Argument(metavar="BUNDLE", help="The bundle to measure.")],
    data: Annotated[
        str,
        typer.Option(metavar="DATA", help="Faces with labels: KIND:PATH[@SPLIT]; valid split."),
    ],
    backend: BackendOption = "auto",
    flavour: Annotated[
        Flavour | None, typer.Option(help="The graph; by default the one for the backend.")
    ] = None,
    threads: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Of the CPU; all cores by default.")
    ] = None,
    skip_broken: SkipBrokenOption = False,
    json: JsonOption = False,
) -> None:
    """Measure a bundle on labelled faces: accuracy, macro-F1, each expression, confusion.

    An expression without faces is shown as "no data" and is not in the macro-F1.

    \b
    Example:
      edgefer evaluate fer-lite-int8.edgefer --data ferplus:fer2013
    """
    from edgefer.benchmarks import accuracy
    from edgefer.data.broken import Broken
    from edgefer.data.source import read_data
    from edgefer.runtime.session import load

    broken = Broken(skip_broken)
    with (
        progress_bar() as progress,
        load(
            bundle, backend=backend, threads=threads, flavour=flavour, progress=progress
        ) as session,
    ):
        given = read_data(data, "valid", broken, progress)
        faces = given.relabelled(session.labels)
        found = accuracy.evaluate(session, faces, progress)
    note_left_out(broken)
    unmeasured = len(given) - len(faces)
    if unmeasured:
        note(f"{unmeasured} of {len(given)} faces are not measured: the bundle lacks their label")
    about = {
        "bundle": bundle,
        "id": session.id,
        "backend": session.backend,
        "why": session.why,
        "flavour": session.flavour,
        "threads": threads,
        "data": faces.name,
    }
    if json:
        from edgefer.benchmarks.machine import read_setting

        setting = read_setting()
        digest = {"name": faces.name, "faces": len(faces), "sha256": faces.digest()}
        where = {"device": setting.device(session.backend), **asdict(setting)}
        left_out = {"left_out": broken.left_out, "unmeasured": unmeasured}
        print_json({**where, **about, "data": digest, **left_out, "accuracy": found})
    else:
        _show(about, found)


def _show(about: dict[str, object], found: Accuracy) -> None:
    figures = [
        ("bundle", about["bundle"]),
        ("ran on", f"{about['backend']}, {about['flavour']}.onnx ({about['why']})"),
        ("data", f"{found.faces} faces of {about['data']}"),
        ("accuracy", f"{found.accuracy:.2%}"),
        ("macro-F1", f"{found.macro_f1:.2%}"),
        ("mean confidence", f"{found.confidence:.2%}"),
    ]
    show(facts(figures))
    rows = (
        (one.label, one.support, percent(one.precision), percent(one.recall), percent(one.f1))
        for one in found.classes
    )
    show(table(_COLUMNS, rows, title="Each expression", numbers=_COLUMNS[1:]))
    heads = [label[:_HEAD] for label in found.labels]
    confusion = ((label, *row) for label, row in zip(found.labels, found.confusion.tolist()))
    title = "Confusion: a row for each label, a column for each answer"
    show(table(("", *heads), confusion, title=title, numbers=heads))
