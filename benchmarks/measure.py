"""One run of `edgefer benchmark`: all that is asked for, measured, as one record.

The record is described by `edgefer/assets/benchmark-record.schema.json`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

from edgefer.benchmarks.accuracy_record import accuracy_record
from edgefer.benchmarks.bundle_facts import bundle_facts
from edgefer.benchmarks.clock import RealClock
from edgefer.benchmarks.entries import Entry, Wanted, open_entries
from edgefer.benchmarks.heat import Heat
from edgefer.benchmarks.machine import read_setting
from edgefer.benchmarks.peers import TRTEXEC
from edgefer.benchmarks.plan import Plan
from edgefer.benchmarks.record import (
    memory_record,
    not_measured,
    reference_record,
    result_record,
)
from edgefer.benchmarks.record_schema import KIND, SCHEMA
from edgefer.benchmarks.reference import ReferenceKernel
from edgefer.benchmarks.telemetry import Found, find_provider
from edgefer.benchmarks.trtexec import find_trtexec, run_trtexec
from edgefer.benchmarks.turns import measuring_cost
from edgefer.benchmarks.watch import Watch, telemetry_record
from edgefer.bundle import read_bundle
from edgefer.manifest import Flavour
from edgefer.progress import Progress, silent
from edgefer.runtime.session import load

Opener = Callable[[Wanted, ExitStack], list[Entry]]


def measure(plan: Plan, progress: Progress = silent) -> dict[str, Any]:
    """Run the plan; what comes out is a record, ready for JSON.

    Raises what opening a bundle or a peer raises, and InputError for faces that do not fit.
    """
    with ExitStack() as stack:
        run = Run(plan, progress)
        stack.callback(run.close)
        run.prepare()
        for threads in plan.threads:
            run.with_threads(threads)
        return run.record()


class Run:
    """What has been measured so far. Close it. `opener` is another for tests and for `power`."""

    def __init__(
        self, plan: Plan, progress: Progress = silent, opener: Opener = open_entries
    ) -> None:
        self._plan, self._progress, self._open = plan, progress, opener
        self._setting = read_setting()
        self._program = find_trtexec() if TRTEXEC in plan.peers else None
        self._clock, self._reference = RealClock(), ReferenceKernel()
        self._origin = self._clock.now()
        self._machine: tuple[Found, Watch] | None = None
        self._results: list[dict[str, Any]] = []
        self._accuracy: list[dict[str, Any]] = []
        self._trtexec: list[dict[str, Any]] = []
        self._bundles: list[dict[str, Any]] = []
        self._backends = plan.backends

    def prepare(self) -> None:
        """Import libraries and build what is missing, which is no bundle's cost.

        And all else that may fail, so that nothing is lost with it that took its time to measure.
        What `auto` takes for the first bundle runs them all: it may take another from load to load.
        """
        paths = list(dict.fromkeys(self._plan.bundles))
        for number, path in enumerate(paths):
            self._progress("loading", number, len(paths))
            taken = []
            for backend in self._backends:
                with load(path, backend=backend, progress=self._progress) as session:
                    taken.append(session.backend)
            self._backends = list(dict.fromkeys(taken))
            self._bundles.append(bundle_facts(path))
        self._progress("loading", len(paths), len(paths))
        if self._program is not None:
            self._trtexec = self._ask_trtexec(self._program)

    def with_threads(self, threads: int) -> None:
        """Open everything with so many threads, and run each scenario."""
        plan = self._plan
        peers = [peer for peer in plan.peers if peer != TRTEXEC]
        wanted = Wanted(plan.bundles, self._backends, peers, plan.weights, threads)
        with ExitStack() as stack:
            entries = self._open(wanted, stack)
            if self._results and all(entry.on_gpu for entry in entries):
                return  # threads are the CPU's
            if plan.faces is not None and not self._accuracy:
                self._accuracy = accuracy_record(entries, plan.faces, self._progress)
            found, watch = self._watch(entries)
            for scenario in plan.scenarios:
                heat = Heat(plan, scenario, threads, self._clock, self._reference)
                measured = heat.run(entries, found.provider, watch, self._progress)
                for one in measured:
                    device = self._device(one.entry)
                    result = result_record(one, heat, measured[0], device, self._origin)
                    self._results.append(result)
            if plan.memory:
                self._add_memory(entries, threads)

    def _add_memory(self, entries: Sequence[Entry], threads: int) -> None:
        for number, entry in enumerate(entries):
            found = entry.footprint()
            for result in self._results:
                if (result["name"], result["threads"]) == (entry.name, threads):
                    result.update(memory_record(found))
            self._progress(f"memory, threads: {threads}", number + 1, len(entries))

    def _device(self, entry: Entry) -> str:
        backend = entry.about["backend"]
        return self._setting.device(backend) if entry.on_gpu else self._setting.machine.processor

    def _watch(self, entries: Sequence[Entry]) -> tuple[Found, Watch]:
        """Who tells of the machine: once, since it depends on what computes."""
        if self._machine is None:
            on_gpu = any(entry.on_gpu for entry in entries)
            device: Literal["gpu", "cpu"] = "gpu" if on_gpu else "cpu"
            found = find_provider(device=device, clock=lambda: self._clock.now() / 1e9)
            self._machine = found, Watch(found.provider)
        return self._machine

    def _ask_trtexec(self, program: Path) -> list[dict[str, Any]]:
        """TensorRT's own benchmark of each bundle, which takes no turns."""
        plan, found = self._plan, list[dict[str, Any]]()
        for path in dict.fromkeys(plan.bundles):
            self._progress("trtexec", len(found), len(plan.bundles))
            bundle = read_bundle(path)
            graph, size = bundle.graph(Flavour.GPU), bundle.manifest.size
            times = run_trtexec(program, graph, size, plan.batch, plan.length.seconds)
            found.append({"name": path.name, **asdict(times)})
        return found

    def record(self) -> dict[str, Any]:
        """All of it."""
        assert self._machine is not None  # there is a number of threads at least
        telemetry = telemetry_record(*self._machine, self._origin / 1e9)
        return {
            "schema": SCHEMA,
            "kind": KIND,
            **asdict(self._setting),
            "settings": self._plan.settings(),
            "measuring_us": measuring_cost(),
            "reference": reference_record(self._reference.name, self._results),
            "telemetry": telemetry,
            "results": self._results,
            "trtexec": self._trtexec,
            "accuracy": self._accuracy,
            "bundles": self._bundles,
            "not_measured": not_measured(self._results, self._accuracy, telemetry),
        }

    def close(self) -> None:
        """Let go of whoever tells of the machine."""
        if self._machine is not None:
            self._machine[0].provider.close()
