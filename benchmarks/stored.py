"""Two records of `edgefer benchmark`: what became slower, and what cannot be told.

Each window's median is divided by the reference kernel's of the same moment, so that a machine
that is busier today does not make everything slower. What a GPU computed has no such reference.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from edgefer.benchmarks.difference import BETWEEN_RUNS, Difference, Verdict, unpaired
from edgefer.benchmarks.latency import stability
from edgefer.benchmarks.peers import ON_A_GPU
from edgefer.benchmarks.record_schema import check_record
from edgefer.errors import InputError

Record = Mapping[str, Any]
_Key = tuple[Any, ...]

# What else the machine does slows the reference and a network by different shares: beyond so much
# they do not divide out. Our choice.
_MOVED = 0.25


@dataclass(frozen=True)
class Changed:
    """One result of both records, in milliseconds, and how the new one compares with the old.

    `normalised` is whether the reference was used. `reason` is why nothing can be told.
    """

    name: str
    scenario: str
    threads: int
    batch: int
    old_ms: float
    new_ms: float
    difference: Difference
    normalised: bool
    reason: str


def compare_stored(old: Record, new: Record) -> tuple[list[Changed], list[str]]:
    """Compare what both records have; also the names of what only one of them has.

    Raises InputError for what is no record, and where they have nothing in common or are of other
    machines.
    """
    for record in (old, new):
        check_record(record)
    _check_machines(old, new)
    before, after = _by_key(old), _by_key(new)
    common = [key for key in after if key in before]
    if not common:
        msg = (
            "records: expected one result at least of the same name, backend, scenario and load "
            f"in both, found {_names(before)} and {_names(after)}"
        )
        raise InputError(msg)
    changed = [_changed(before[key], after[key], old, new) for key in common]
    alone = [f"{_words(key)}: only in the old record" for key in before if key not in after]
    alone += [f"{_words(key)}: only in the new record" for key in after if key not in before]
    return changed, alone


def _changed(before: Record, after: Record, old: Record, new: Record) -> Changed:
    same = old["reference"]["name"] == new["reference"]["name"]
    known = None not in (*_of_windows(before, "relative"), *_of_windows(after, "relative"))
    normalised = same and known and after["backend"] not in ON_A_GPU
    value = "relative" if normalised else "p50_ms"
    times, first = (np.array(_of_windows(one, value)) for one in (after, before))
    found = unpaired(times, first, BETWEEN_RUNS)
    reason = next(_doubts(before, after, old, new, value), "")
    if not reason and found.verdict is Verdict.INCONCLUSIVE:
        reason = (
            "too few windows; run longer"
            if found.low is None
            else f"the interval reaches beyond {BETWEEN_RUNS:.1%}; run longer, or with less beside"
        )
    if reason:
        found = Difference(found.ratio, found.low, found.high, Verdict.INCONCLUSIVE)
    return Changed(
        name=after["name"],
        scenario=after["scenario"],
        threads=after["threads"],
        batch=after["batch"],
        old_ms=before["latency_ms"]["p50"],
        new_ms=after["latency_ms"]["p50"],
        difference=found,
        normalised=normalised,
        reason=reason,
    )


def _of_windows(result: Record, value: str) -> list[Any]:
    values = [window[value] for window in result["windows"]]
    if 0 in values:
        msg = f"record: {result['name']}: {value}: expected times above 0, found 0"
        raise InputError(msg)
    return values


def _doubts(before: Record, after: Record, old: Record, new: Record, value: str) -> Iterator[str]:
    """Why a comparison of the windows' `value` would not mean anything."""
    for age, record, result in (("old", old, before), ("new", new, after)):
        if record["telemetry"]["valid"] is False:
            yield f"the {age} record is not valid: {'; '.join(record['telemetry']['reasons'])}"
        found = stability(_of_windows(result, value))
        # noise from window to window is the interval's to judge
        if found.drift is not None and abs(found.drift) > found.limit:
            what = "" if value == "p50_ms" else ", divided by the reference"
            yield f"the {age} run was not stable{what}: {found.reason}"
    if value == "relative":
        references = [_of_windows(result, "reference_us") for result in (before, after)]
        moved = float(np.median(references[1]) / np.median(references[0])) - 1
        if abs(moved) > _MOVED:
            yield (
                f"the reference kernel took {abs(moved):.0%} {'longer' if moved > 0 else 'less'} "
                "in the new run: the machine was not in the same state"
            )


def _check_machines(old: Record, new: Record) -> None:
    for key in ("jetson", "cpu", "gpus", "power_mode"):
        found = [record["machine"][key] for record in (old, new)]
        if found[0] != found[1]:
            msg = (
                f"records: expected the same {key.replace('_', ' ')} in both, found {found[0]} and "
                f"{found[1]}: times of two machines do not compare"
            )
            raise InputError(msg)


def _by_key(record: Record) -> dict[_Key, Record]:
    keys = ("name", "scenario", "threads", "batch", "rate", "backend")
    return {tuple(result[key] for key in keys): result for result in record["results"]}


def _words(key: _Key) -> str:
    name, scenario, threads, batch, rate, backend = key
    load = "" if rate is None else f", {rate:.1f} queries a second"
    return f"{name} by {backend}, {scenario}, threads: {threads}, faces: {batch}{load}"


def _names(results: Mapping[_Key, Record]) -> str:
    return "; ".join(map(_words, results)) or "none"
