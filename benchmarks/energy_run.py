"""The energy of a query: one contender alone for some seconds, less what the machine takes at rest.

Contenders that take turns of milliseconds share the watts that a sensor averages over a tenth of a
second: here each has a time of its own.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from edgefer.benchmarks.clock import Clock
from edgefer.benchmarks.samples import Provider, Reading, Sample, no_data
from edgefer.benchmarks.telemetry import Sampler
from edgefer.benchmarks.telemetry_energy import Energy, energy
from edgefer.benchmarks.turns import Contender

# Our choices: sensors average over up to a second, and a turn of queries back to back is short.
IDLE_S = 2.0
LEAST_S = 3.0


def at_rest(
    provider: Provider, sleep: Callable[[float], None] = time.sleep
) -> Reading[tuple[Sample, ...]]:
    """Samples of the machine at rest, or why there is no power to be had."""
    # a meter has no power before its second sample
    first = provider.sample()
    if not first.power.is_known and not first.counted.is_known:
        return no_data(first.power.reason)
    with Sampler(provider, clock=time.perf_counter) as sampler:
        sleep(IDLE_S)
    told = energy(sampler.samples, queries=1)
    return no_data(told.reason) if told.value is None else Reading(sampler.samples)


def run_alone(
    contender: Contender,
    provider: Provider,
    idle: tuple[Sample, ...],
    seconds: float,
    clock: Clock,
) -> tuple[Reading[Energy], tuple[Sample, ...]]:
    """Ask one contender for so long, in its own pace: the energy of a query, and the samples."""
    queries = 0
    until = clock.now() + int(max(seconds, LEAST_S) * 1e9)
    with Sampler(provider, clock=time.perf_counter) as sampler:
        while clock.now() < until:
            turn = contender.pace.turn(contender.ask, clock, queries)
            queries += len(turn.latencies)
    return energy(sampler.samples, queries, idle), sampler.samples
