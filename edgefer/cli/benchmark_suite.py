"""`edgefer benchmark --suite jetson`: a board in one command, in the power modes that are set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from edgefer.cli.benchmark_run import Outputs, Wanted, make_plan, require_checks, write_report
from edgefer.cli.benchmark_tables import show_record
from edgefer.cli.output import note, print_json, progress_bar, write_json
from edgefer.errors import InputError, MachineError

if TYPE_CHECKING:
    from edgefer.benchmarks.jetson_board import Board
    from edgefer.benchmarks.plan import Plan
    from edgefer.benchmarks.suite import Document
    from edgefer.progress import Progress

_LIMIT = 256 << 20
_ALL = "all"
_SCENARIOS = ("single", _ALL)  # the option's default, and what it is here


def run_suite(
    suite: str, modes: Sequence[str], wanted: Wanted, outputs: Outputs, root: Path = Path("/")
) -> None:
    """Doctor, engines and every scenario in the power mode that is set, and one report of all.

    No mode is ever changed: the next one is named, and the same command goes on with the document
    in `outputs`. MachineError where no wanted mode is set: the options are right, and the machine
    is not ready for them. The board's files are those under `root`.
    """
    from edgefer.benchmarks.jetson_board import read_board
    from edgefer.benchmarks.suite import measured_modes

    _check_options(suite, modes, wanted, outputs)
    board, document = read_board(root), _read_document(outputs.record)
    _set_modes(document, modes, board)
    with progress_bar(threaded=False) as progress:
        plan = make_plan(replace(wanted, scenarios=_ALL), progress)
        _require_alike(document, plan, outputs, root)
        measured = measured_modes(document)
        if board.mode in document["modes"] and board.mode not in measured:
            _measure(document, plan, board, root, progress)
        elif board.mode not in document["modes"] and document["left"]:
            wants = ", ".join(document["left"])
            msg = f"power mode {board.mode}: expected one of {wants}; {_next(document, board)}"
            raise MachineError(msg)
        else:
            had = ", ".join(mode or "this machine" for mode in measured)
            note(f"measured already, and not again: {had}; to begin anew, give another --output")
    _write(document, board, outputs)


def _check_options(suite: str, modes: Sequence[str], wanted: Wanted, outputs: Outputs) -> None:
    from edgefer.benchmarks.suite import SUITE

    if suite != SUITE:
        msg = f"--suite {suite}: expected {SUITE}, the one there is"
        raise InputError(msg)
    if wanted.scenarios not in _SCENARIOS:
        msg = f"--scenario {wanted.scenarios}: --suite {suite} has all of them; leave it out"
        raise InputError(msg)
    if len(modes) > 1 and outputs.record is None:
        msg = f"--modes {','.join(modes)}: expected --output FILE.json to collect them, found none"
        raise InputError(msg)
    outputs.check()


def _read_document(path: Path | None) -> Document:
    """The document to go on with, or a new one."""
    from edgefer.benchmarks.suite import check_document, new_document
    from edgefer.files import read_bytes
    from edgefer.manifest import json_object

    if path is None or not path.exists():
        return new_document()
    what = "a document of `edgefer benchmark --suite`"
    try:
        document = json_object(read_bytes(path, what, _LIMIT))
    except ValueError as error:
        msg = f"{path}: expected {what}, found no JSON ({error}); give another --output"
        raise InputError(msg) from error
    try:
        check_document(document)
    except InputError as error:
        msg = f"{path}: {error}; give another --output"
        raise InputError(msg) from error
    return document


def _set_modes(document: Document, modes: Sequence[str], board: Board) -> None:
    """Put into the document what is wanted and what is left; InputError for an unknown mode."""
    from edgefer.benchmarks.suite import measured_modes

    measured = measured_modes(document)
    wanted: list[str | None] = [*modes]
    if not modes:
        wanted = list(dict.fromkeys([*document["modes"], board.mode]))
    left = [mode for mode in wanted if mode not in (*measured, board.mode)]
    unknown = [mode for mode in left if mode not in board.modes]
    if unknown:
        found = ", ".join(board.modes) or "none: nvpmodel lists none here; leave --modes out"
        msg = f"--modes {','.join(map(str, unknown))}: expected power modes of this board, {found}"
        raise InputError(msg)
    document.update(modes=wanted, left=left)


def _require_alike(document: Document, plan: Plan, outputs: Outputs, root: Path) -> None:
    from edgefer.benchmarks.machine import read_setting
    from edgefer.benchmarks.suite import require_alike

    try:
        require_alike(document, plan, read_setting(root))
    except InputError as error:
        msg = f"{outputs.record}: {error}; to begin anew, give another --output"
        raise InputError(msg) from error


def _measure(document: Document, plan: Plan, board: Board, root: Path, progress: Progress) -> None:
    """Add the run of the mode that is set."""
    from edgefer.benchmarks.jetson_board import find_restless
    from edgefer.benchmarks.measure import measure
    from edgefer.benchmarks.suite import add_run, prepare_engines
    from edgefer.cli.doctor import _examine

    restless = list(find_restless(root)) if board.name else []
    _note_before(plan, board, restless)
    progress("doctor", 0, 1)
    document["doctor"] = _examine()
    progress("doctor", 1, 1)
    engines = prepare_engines(plan, progress)
    for engine in engines:
        note(f"{engine['bundle']}: {engine['why']} ({engine['seconds']:.1f} s)")
    add_run(document, board.mode, measure(plan, progress), engines, restless)


def _note_before(plan: Plan, board: Board, restless: Sequence[str]) -> None:
    """Say what the run will lack."""
    from edgefer.benchmarks.suite import missing_precisions
    from edgefer.bundle import read_bundle

    if board.name is None:
        note("no Jetson: power modes and rails are no data")
    manifests = [read_bundle(path).manifest for path in plan.bundles]
    missing = list(missing_precisions((one.network, str(one.precision)) for one in manifests))
    if missing:
        note(f"not among the bundles: {', '.join(missing)}; `edgefer export` makes it elsewhere")
    for line in restless:
        note(line)


def _write(document: Document, board: Board, outputs: Outputs) -> None:
    """Write document and report, print, and say what is next; CheckFailed as without a suite."""
    from edgefer.benchmarks.suite_merge import merged

    if outputs.record is not None:
        write_json(outputs.record, document, "suite")
    record = merged(document)
    if outputs.report is not None:
        write_report(outputs.report, record)
    if outputs.json:
        print_json(document)
    else:
        show_record(record)
    if document["left"]:
        note(f"left: {', '.join(document['left'])}; {_next(document, board)}")
    require_checks(record)


def _next(document: Document, board: Board) -> str:
    """What to do for the first mode that is left."""
    mode = document["left"][0]
    return f"set {mode} with `sudo nvpmodel -m {board.modes[mode]}` and run the same command again"
