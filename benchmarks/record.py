"""What is kept of a run, ready for JSON: edgefer/assets/benchmark-record.schema.json describes it.

A figure that was not measured is null, never 0, and `not_measured` says why.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from edgefer.benchmarks.footprint import Footprint
from edgefer.benchmarks.heat import Heat, Measured
from edgefer.benchmarks.latency import Latency, Timed, timed
from edgefer.benchmarks.scenarios import Poisson, Scenario

Result = dict[str, Any]


def result_record(one: Measured, heat: Heat, first: Measured, device: str, origin: int) -> Result:
    """What one contender did in one heat; `origin` is when the run began, by the clock."""
    found = timed(one.contender, origin)
    pace = one.contender.pace
    return {
        "name": one.entry.name,
        **one.entry.about,
        "device": device,
        "threads": heat.threads,
        "scenario": str(heat.scenario),
        "batch": heat.batch,
        "rate": pace.rate if isinstance(pace, Poisson) else None,
        "start_s": asdict(one.entry.start),
        **memory_record(Footprint(missing="give --memory")),
        "latency_ms": asdict(found.latency),
        "throughput": found.throughput,
        "histogram": found.histogram,
        "windows": _windows(found),
        "stability": asdict(found.stability),
        "ratio": _ratio(one, first, found.latency),
        "overtaken": found.overtaken if heat.scenario is Scenario.CAMERA else None,
        "bound": _bound(heat.plan.bound, found.latency),
        "stages_ms": one.stages or None,
        "answers": asdict(one.answers) if one.answers else None,
        "agreement": one.agreement,
        "cached": asdict(one.cached) if one.cached else None,
        **_energy(one),
    }


def _windows(found: Timed) -> list[dict[str, Any]]:
    return [
        {
            "begun_s": window.begun,
            "seconds": window.seconds,
            "queries": window.queries,
            "p50_ms": window.p50,
            "p99_ms": window.p99,
            "reference_us": window.reference,
            "relative": window.relative,
        }
        for window in found.windows
    ]


def _ratio(one: Measured, first: Measured, latency: Latency) -> dict[str, Any] | None:
    if one.difference is None:
        return None
    return {
        "to": first.entry.name,
        "median": one.difference.ratio,
        "low": one.difference.low,
        "high": one.difference.high,
        "p99": latency.p99 / first.p99 if latency.p99 and first.p99 else None,
        "verdict": str(one.difference.verdict),
    }


def _bound(bound: float | None, latency: Latency) -> dict[str, Any] | None:
    if bound is None:
        return None
    held = None if latency.p99 is None else latency.p99 <= bound
    return {"ms": bound, "percentile": 99, "held": held}


def _energy(one: Measured) -> dict[str, Any]:
    found = one.energy.value
    if found is None:
        return {"energy": None, "energy_reason": f"no data: {one.energy.reason}"}
    energy = {
        "per_query_mj": found.per_query * 1e3,
        "mean_watts": found.mean_watts,
        "idle_watts": found.idle.value,
        "idle_subtracted": found.idle_subtracted,
        "covers": found.covers,
        "metered": found.metered,
    }
    return {"energy": energy, "energy_reason": None}


def memory_record(found: Footprint) -> dict[str, Any]:
    """The memory of one contender, or why it is not known."""
    if found.peak is None:
        return {"memory_bytes": None, "memory_reason": f"no data: {found.missing}"}
    memory = {"peak": found.peak, "before": found.before}
    return {"memory_bytes": memory, "memory_reason": None}


def reference_record(name: str, results: Sequence[Result]) -> dict[str, Any]:
    """The times of the reference kernel of that name, by which stored runs are compared."""
    times = [
        window["reference_us"]
        for result in results
        for window in result["windows"]
        if window["reference_us"] is not None
    ]
    return {"name": name, "median_us": float(np.median(times)), "windows": len(times)}


def not_measured(
    results: Sequence[Result], accuracy: Sequence[object], telemetry: Mapping[str, Any]
) -> list[str]:
    """What a reader might look for and does not find, with the reason."""
    return list(dict.fromkeys(_missing(results, accuracy, telemetry)))


def _missing(
    results: Sequence[Result], accuracy: Sequence[object], telemetry: Mapping[str, Any]
) -> Iterator[str]:
    if not accuracy:
        yield "accuracy: no data: give --data DATA with labels"
    if telemetry["provider"] == "none":
        tried = "; ".join(f"{name}: {why}" for name, why in telemetry["passed_over"].items())
        yield f"power, clocks, temperatures, throttling: no data: {tried}"
        telemetry = {"missing": {}, "unchecked": []}
    for name, reason in telemetry["missing"].items():
        yield f"{name}: no data: {reason}"
    yield from telemetry["unchecked"]
    for result in results:
        if result["energy"] is None:
            yield f"energy: {result['energy_reason']}"
        if result["memory_bytes"] is None:
            yield f"memory: {result['memory_reason']}"
        if result["latency_ms"]["p99_9"] is None:
            yield "p99.9: no data: it takes 1,000 queries, give a longer --duration or --queries"
