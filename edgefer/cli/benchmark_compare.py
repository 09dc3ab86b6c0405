"""`edgefer benchmark --compare OLD.json NEW.json`: for the user's CI."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgefer.cli.output import NO_DATA, note, one_line, print_json, show, table
from edgefer.errors import CheckFailed, InputError

if TYPE_CHECKING:
    from edgefer.benchmarks.stored import Changed

_LIMIT = 256 << 20
_COLUMNS = ("", "old ms", "new ms", "ratio", "95 %", "")


def compare_records(paths: Sequence[Path], json: bool) -> None:
    """Print what became slower or faster; CheckFailed where something became slower."""
    from edgefer.benchmarks.difference import Verdict
    from edgefer.benchmarks.stored import compare_stored

    if len(paths) != 2:
        msg = f"compare: expected two records, OLD.json NEW.json, found {len(paths)} files"
        raise InputError(msg)
    old, new = (read_record(path) for path in paths)
    changed, alone = compare_stored(old, new)
    for line in alone:
        note(line)
    if json:
        print_json({"schema": 1, "kind": "comparison", "changed": changed})
    else:
        _show(changed)
    slower = [one for one in changed if one.difference.verdict is Verdict.SLOWER]
    if slower:
        found = "; ".join(f"{_words(one)} ({one.difference.ratio:.2f})" for one in slower)
        msg = f"slower than in {paths[0]}: {found}"
        raise CheckFailed(msg)


def read_record(path: Path) -> dict[str, Any]:
    """The JSON object in a file; InputError where there is none."""
    from json import loads

    from edgefer.errors import reason
    from edgefer.files import read_bytes

    data = read_bytes(path, "a record of `edgefer benchmark --output`", _LIMIT)
    try:
        record = loads(data)
    except (ValueError, RecursionError) as error:
        msg = f"{path}: expected a record of `edgefer benchmark`, found no JSON ({reason(error)})"
        raise InputError(msg) from error
    if not isinstance(record, dict):
        msg = f"{path}: expected a record of `edgefer benchmark`, found no JSON object"
        raise InputError(msg)
    return record


def _words(one: Changed) -> str:
    return f"{one.name}, {one.scenario}, threads {one.threads}"


def _show(changed: Sequence[Changed]) -> None:
    rows = []
    for one in changed:
        found = one.difference
        between = NO_DATA if found.low is None else f"{found.low:.3f} to {found.high:.3f}"
        rows.append(
            (
                _words(one),
                f"{one.old_ms:.3f}",
                f"{one.new_ms:.3f}",
                f"{found.ratio:.3f}",
                between,
                str(found.verdict),
            )
        )
    show(table(_COLUMNS, rows, title="New against old", numbers=_COLUMNS[1:5]))
    reasons = dict.fromkeys(f"{_words(one)}: {one.reason}" for one in changed if one.reason)
    for line in reasons:
        show(one_line(line))
    if any(not one.normalised for one in changed):
        show("Not divided by a reference kernel: a GPU computed, or the kernels are others.")
