"""`edgefer benchmark --suite jetson`: a document with one run for each power mode of a board.

{"schema": 1, "kind": "suite", "suite": "jetson",
 "modes": wanted, "left": those without a run, null where a machine has no power modes,
 "doctor": what `edgefer doctor --json` prints, when the last run was made,
 "runs": [{"mode": ..., "record": what `edgefer benchmark` writes,
           "engines": [{"bundle", "id", "backend", "seconds", "why"}],
           "restless": what may have changed by itself meanwhile, in words}]}
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from typing import Any

from edgefer.benchmarks.machine import Setting
from edgefer.benchmarks.plan import Plan
from edgefer.benchmarks.record_schema import check_record
from edgefer.bundle import read_bundle
from edgefer.errors import InputError
from edgefer.manifest import Precision
from edgefer.progress import Progress, silent
from edgefer.runtime.session import load

SUITE = "jetson"
_HEAD = {"schema": 1, "kind": "suite", "suite": SUITE}
# What a board keeps when its mode is changed; cores and threads are not among it.
_MACHINE = ("jetson", "l4t", "cpu")

Document = dict[str, Any]


def new_document() -> Document:
    """One without runs."""
    return {**_HEAD, "modes": [], "left": [], "doctor": None, "runs": []}


def check_document(document: Mapping[str, Any]) -> None:
    """Raise InputError for what `--suite jetson` did not write."""
    found = {name: document.get(name) for name in _HEAD}
    if found != _HEAD:
        msg = f"expected a document of `edgefer benchmark --suite {SUITE}`, found {found!r:.90}"
        raise InputError(msg)
    modes, runs = document.get("modes"), document.get("runs")
    if not (isinstance(modes, list) and all(map(_is_mode, modes))):
        msg = f"modes: expected a list of names, found {modes!r:.40}"
        raise InputError(msg)
    if not (isinstance(runs, list) and all(map(_is_run, runs))):
        msg = f"runs: expected a list of mode, record, engines and restless, found {runs!r:.40}"
        raise InputError(msg)
    for run in runs:
        check_record(run["record"])


def _is_mode(mode: object) -> bool:
    return mode is None or isinstance(mode, str)


def _is_run(run: object) -> bool:
    kinds = {"record": dict, "engines": list, "restless": list}
    return (
        isinstance(run, dict)
        and _is_mode(run.get("mode"))
        and all(isinstance(run.get(name), kind) for name, kind in kinds.items())
    )


def measured_modes(document: Document) -> list[str | None]:
    """The modes that have a run."""
    return [run["mode"] for run in document["runs"]]


def add_run(
    document: Document,
    mode: str | None,
    record: Mapping[str, Any],
    engines: list[dict[str, Any]],
    restless: list[str],
) -> None:
    """Put a new measurement into the document."""
    run = {"mode": mode, "record": record, "engines": engines, "restless": restless}
    document["runs"].append(run)


def require_alike(document: Document, plan: Plan, setting: Setting) -> None:
    """Raise InputError where another run of this document had other bundles, settings or machine.

    In one report figures stand beside each other, so all but the power mode has to be the same.
    """
    ids = [(path.name, read_bundle(path).id) for path in dict.fromkeys(plan.bundles)]
    now = _alike({**asdict(setting), "settings": plan.settings()}, ids)
    for run in document["runs"]:
        record = run["record"]
        own = [(one["bundle"], one["id"]) for one in record["results"] if one["peer"] is None]
        before = _alike(record, own)
        for name, value in now.items():
            if value != before[name]:
                msg = (
                    f"expected the same {name} as in its run at {run['mode']}, "
                    f"{_shown(before[name])}, found {_shown(value)}"
                )
                raise InputError(msg)


def _alike(record: Mapping[str, Any], bundles: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """What has to be alike; a mode may switch cores off, and with them threads."""
    settings, machine = record["settings"], record["machine"]
    return {
        "bundles": [f"{name} {id_[:16]}" for name, id_ in dict.fromkeys(bundles)],
        "settings": {name: value for name, value in settings.items() if name != "threads"},
        "versions": dict(record["versions"]),
        "GPUs": list(machine["gpus"]),
        **{name: machine[name] for name in _MACHINE},
    }


def _shown(value: object) -> str:
    return f"{value!s:.200}"


def prepare_engines(plan: Plan, progress: Progress = silent) -> list[dict[str, Any]]:
    """Load each bundle with each backend once, so that no engine is built while others are timed.

    One entry for each that has an engine: the seconds that loading took, the library's import
    among them for the first, and `why`, which tells whether the engine was built or cached. Raises
    what `load` raises.
    """
    engines = []
    pairs = [(path, backend) for path in plan.bundles for backend in plan.backends]
    for number, (path, backend) in enumerate(pairs):
        progress("engines", number, len(pairs))
        begun = time.perf_counter()
        with load(path, backend=backend, progress=progress) as session:
            seconds = time.perf_counter() - begun
            about = {"bundle": path.name, "id": session.id, "backend": session.backend}
            if session.engine is not None:
                engines.append({**about, "seconds": seconds, "why": session.why})
    progress("engines", len(pairs), len(pairs))
    return engines


def missing_precisions(given: Iterable[tuple[str, str]]) -> Iterator[str]:
    """Each network with the precisions that are not given, of pairs of network and precision."""
    found: dict[str, set[str]] = {}
    for network, precision in given:
        found.setdefault(network, set()).add(precision)
    for network, precisions in found.items():
        missing = [str(one) for one in Precision if str(one) not in precisions]
        if missing:
            yield f"{network} in {' and '.join(missing)}"
