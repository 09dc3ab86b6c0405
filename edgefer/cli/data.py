"""`edgefer data`: what a data set has in it, and what it has twice."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from edgefer.cli.broken import SkipBrokenOption, note_left_out
from edgefer.cli.output import JsonOption, facts, print_json, progress_bar, show, table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from edgefer.data.duplicates import Duplicates
    from edgefer.data.faces import FaceSet

_DUPLICATES = ("where", "pictures", "with different labels")


def data(
    data: Annotated[
        str, typer.Argument(metavar="DATA", help="Faces with labels: KIND:PATH[@SPLIT].")
    ],
    skip_broken: SkipBrokenOption = False,
    json: JsonOption = False,
) -> None:
    """Count the faces of a data set and find exact duplicates, in its splits and across them.

    Every picture is read. Duplicates are those of the same pixels; each counts once, however often
    it is there. They are a report and no failure: `edgefer train` leaves out what it also measures.

    \b
    Example:
      edgefer data raf-db:RAF-DB/basic
      edgefer data ferplus:fer2013@valid --json
    """
    from edgefer.data.broken import Broken
    from edgefer.data.duplicates import find_duplicates
    from edgefer.data.source import read_splits

    broken = Broken(skip_broken)
    with progress_bar() as progress:
        splits = read_splits(data, broken, progress)
        duplicates = find_duplicates(splits, progress)
    note_left_out(broken)
    if json:
        print_json(_document(data, splits, duplicates, broken.left_out))
    else:
        _show(data, splits, duplicates, len(broken.left_out))


def _document(
    text: str,
    splits: Mapping[str, FaceSet],
    duplicates: list[Duplicates],
    left_out: list[str],
) -> dict[str, Any]:
    found = {
        name: {
            "name": faces.name,
            "faces": len(faces),
            "sha256": faces.digest(),
            "classes": _counts(faces),
        }
        for name, faces in splits.items()
    }
    return {"data": text, "splits": found, "duplicates": duplicates, "left_out": left_out}


def _show(
    text: str, splits: Mapping[str, FaceSet], duplicates: list[Duplicates], left_out: int
) -> None:
    counts = {name: _counts(faces) for name, faces in splits.items()}
    first = next(iter(counts.values()))
    show(facts([("data", text), ("left out", left_out)]))
    rows = [(label, *(found[label] for found in counts.values())) for label in first]
    rows.append(("in all", *(len(faces) for faces in splits.values())))
    columns = ("expression", *splits)
    show(table(columns, rows, title="Faces", numbers=columns[1:]))
    found = ((_where(one), one.pictures, one.different_labels) for one in duplicates)
    show(table(_DUPLICATES, found, title="Exact duplicates", numbers=_DUPLICATES[1:]))


def _counts(faces: FaceSet) -> dict[str, int]:
    """How many faces each label wins."""
    classes = faces.classes.tolist()
    return {str(label): classes.count(number) for number, label in enumerate(faces.labels)}


def _where(found: Duplicates) -> str:
    if len(found.splits) == 1:
        return f"twice in {found.splits[0]}"
    return f"in {' and '.join(found.splits)}"
