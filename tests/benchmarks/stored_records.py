"""Records to compare with each other, whose times are drawn from a seed."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.benchmarks.records import rich_record

WINDOWS = 60


def a_record(
    seed: int = 0, share: float = 1.0, machine: float = 1.0, noise: float = 0.05
) -> dict[str, Any]:
    """One bundle on one thread: `share` of its time, on a machine that is slower by `machine`."""
    record = rich_record()
    record["results"] = record["results"][:1]
    (result,) = record["results"]
    chance = np.random.default_rng(seed)
    window = result["windows"][0]
    result["windows"] = []
    for wander in np.exp(chance.normal(0, noise, WINDOWS)):
        relative = 3.5 * share * wander
        reference = 200 * machine * float(np.exp(chance.normal(0, 0.3)))
        told = {"p50_ms": relative * reference / 1e3, "reference_us": reference}
        result["windows"].append({**window, **told, "relative": relative})
    result["latency_ms"]["p50"] = float(np.median([one["p50_ms"] for one in result["windows"]]))
    return record


def change(record: dict[str, Any], **values: Any) -> dict[str, Any]:
    """The same record with other values in its only result."""
    record["results"][0].update(values)
    return record
