"""How often a comparison is right on this machine: a bundle against itself, and made slower.

python -m edgefer.benchmarks.power fer-lite-int8.edgefer --output FILE

In one run the bundle is loaded twice, and a third time with 5 % more for each call; stored runs
are of processes of their own, with 15 % more for each call in one of the two.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from edgefer.benchmarks.difference import Verdict
from edgefer.benchmarks.entries import Entry, Wanted, open_entries
from edgefer.benchmarks.machine import read_setting
from edgefer.benchmarks.measure import Run
from edgefer.benchmarks.plan import Plan
from edgefer.benchmarks.stored import compare_stored
from edgefer.benchmarks.turns import Length
from edgefer.errors import EdgeferError, MachineError
from edgefer.files import check_writable, write_atomically
from edgefer.runtime.child_process import command, environment

TRIES = 20
IN_ONE_RUN, BETWEEN_RUNS = 0.05, 0.15
_SAME, _SLOWED = "the same", "slowed"


def slowed(run: Callable[[Any], Any], share: float) -> Callable[[Any], Any]:
    """The same, but each call takes that share of its time longer, busily."""

    def longer(query: Any) -> Any:
        begun = time.perf_counter_ns()
        answer = run(query)
        ended = time.perf_counter_ns()
        until = ended + (ended - begun) * share
        while time.perf_counter_ns() < until:
            pass
        return answer

    return longer


def in_one_run(bundle: Path, seconds: float) -> dict[str, Any]:
    """The verdicts on the same bundle again and on a slowed one, beside it in one run."""

    def opener(wanted: Wanted, stack: ExitStack) -> list[Entry]:
        first, same, other = open_entries(wanted, stack)
        run = slowed(other.run, IN_ONE_RUN)
        return [first, replace(same, name=_SAME), replace(other, name=_SLOWED, run=run)]

    results = _record([bundle] * 3, seconds, opener)["results"]
    return {result["name"]: result["ratio"] for result in results[1:]}


def stored_run(bundle: Path, seconds: float, share: float) -> dict[str, Any]:
    """A record of the bundle alone, that share slower than it is."""

    def opener(wanted: Wanted, stack: ExitStack) -> list[Entry]:
        (entry,) = open_entries(wanted, stack)
        return [replace(entry, run=slowed(entry.run, share)) if share else entry]

    return _record([bundle], seconds, opener)


def _record(
    bundles: Sequence[Path],
    seconds: float,
    opener: Callable[[Wanted, ExitStack], list[Entry]],
) -> dict[str, Any]:
    plan = Plan(bundles, backends=("onnxruntime",), length=Length(seconds))
    with ExitStack() as stack:
        run = Run(plan, opener=opener)
        stack.callback(run.close)
        run.prepare()
        run.with_threads(1)
        return run.record()


def _child(*arguments: str) -> dict[str, Any]:
    """What this module prints in a process of its own."""
    done = subprocess.run(
        command("edgefer.benchmarks.power", *arguments),
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        msg = f"power: {done.stderr.strip()[-400:]}"
        raise MachineError(msg)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def power(bundle: Path, tries: int, seconds: float) -> dict[str, Any]:
    """Verdicts of `tries` comparisons of each kind, counted, with the ratios that they are of."""
    found: dict[str, list[dict[str, Any]]] = {}
    common = (str(bundle), "--seconds", str(seconds), "--child")
    before = _child(*common, "0")
    for number in range(tries):
        for name, ratio in _child(*common, "one").items():
            found.setdefault(f"one run, {name}", []).append(ratio)
        for name, share in ((_SAME, 0.0), (_SLOWED, BETWEEN_RUNS)):
            after = _child(*common, str(share))
            (changed,), _ = compare_stored(before, after)
            told = {**asdict(changed.difference), "reason": changed.reason}
            found.setdefault(f"stored, {name}", []).append(told)
            before = after if name == _SAME else before
        print(f"{number + 1} of {tries}", file=sys.stderr)
    counts = {
        name: {verdict: count for verdict, count in _counted(each).items() if count}
        for name, each in found.items()
    }
    slower = {"one run": IN_ONE_RUN, "stored": BETWEEN_RUNS}
    return {"tries": tries, "seconds": seconds, "slower": slower, "counts": counts, "found": found}


def _counted(found: Sequence[dict[str, Any]]) -> dict[str, int]:
    counts = Counter(str(one["verdict"]) for one in found)
    return {str(verdict): counts[str(verdict)] for verdict in Verdict}


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the counts and write the record; gives the exit status."""
    parser = argparse.ArgumentParser(prog="python -m edgefer.benchmarks.power")
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--output", type=Path, help="the record")
    parser.add_argument("--tries", type=int, default=TRIES)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each that is timed")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    chosen = parser.parse_args(arguments)
    try:
        if chosen.child is not None:
            alone = chosen.child != "one"
            share = float(chosen.child) if alone else 0.0
            made = (
                stored_run(chosen.bundle, chosen.seconds, share)
                if alone
                else in_one_run(chosen.bundle, chosen.seconds)
            )
            print(json.dumps(made))
            return 0
        if chosen.output is not None:
            check_writable(chosen.output)
        found = {**asdict(read_setting()), **power(chosen.bundle, chosen.tries, chosen.seconds)}
    except EdgeferError as error:
        print(f"edgefer: {error}", file=sys.stderr)
        return error.exit_status
    if chosen.output is not None:
        write_atomically(chosen.output, json.dumps(found, indent=1).encode() + b"\n")
    for name, counts in found["counts"].items():
        print(f"{name}: " + ", ".join(f"{count} {verdict}" for verdict, count in counts.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
