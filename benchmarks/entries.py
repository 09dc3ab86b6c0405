"""What is measured: a bundle with a backend, or a peer; opened, and described for the record."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from edgefer.benchmarks.footprint import Footprint, peer_footprint, session_footprint
from edgefer.benchmarks.peers import ON_A_GPU, is_file, open_peer, takes_graph
from edgefer.bundle import Bundle, read_bundle
from edgefer.data.drawn import drawn_faces
from edgefer.labels import Expression
from edgefer.runtime.backend import Pixels
from edgefer.runtime.session import Session, load

# ONNX Runtime's threads wait busily for some 50 ms after their last call.
_REST_S = 0.1


@dataclass(frozen=True)
class Start:
    """Seconds from a file to the first answer.

    Libraries had been imported before, and the file is in the page cache.
    """

    load: float
    first_answer: float


@dataclass(frozen=True)
class Entry:
    """One that is open. `about` are its facts for the record, `labels` those of its bundle,
    `labelled` whether its answers are theirs, `footprint` measures its memory in a process of its
    own."""

    name: str
    run: Callable[[Pixels], Any]
    size: int
    about: dict[str, Any]
    start: Start
    labels: tuple[Expression, ...]
    labelled: bool
    footprint: Callable[[], Footprint]
    session: Session | None = None

    @property
    def on_gpu(self) -> bool:
        """Whether a GPU computes."""
        return self.about["backend"] in ON_A_GPU


@dataclass(frozen=True)
class Wanted:
    """What to open: bundles, the backends for each, peers, and torch's weights."""

    bundles: Sequence[Path]
    backends: Sequence[str] = ("auto",)
    peers: Sequence[str] = ()
    weights: str | None = None
    threads: int = 1


def open_entries(wanted: Wanted, stack: ExitStack) -> list[Entry]:
    """Open all, for `stack` to close. Raises what `load` and `open_peer` raise."""
    sessions = list(_sessions(wanted, stack))
    if len(wanted.backends) > 1:
        sessions = [
            replace(entry, name=f"{entry.name} ({entry.about['backend']})") for entry in sessions
        ]
    return _told_apart([*sessions, *_peers(wanted, stack)])


def _told_apart(entries: Sequence[Entry]) -> list[Entry]:
    """A bundle that is given twice is measured twice, under two names."""
    seen: Counter[str] = Counter()
    named = []
    for entry in entries:
        seen[entry.name] += 1
        count = seen[entry.name]
        named.append(entry if count == 1 else replace(entry, name=f"{entry.name} #{count}"))
    return named


def start(path: Path, backend: str = "auto", threads: int | None = None) -> tuple[Session, Start]:
    """Load a bundle and let it answer once: the open session, and how long both took.

    It is read once before, so that every bundle comes from the page cache. Raises what `load`
    raises.
    """
    read_bundle(path)
    time.sleep(_REST_S)
    begun = time.perf_counter()
    session = load(path, backend=backend, threads=threads)
    loaded = time.perf_counter()
    try:
        session.run(_face(session.size))
    except BaseException:
        session.close()
        raise
    return session, Start(loaded - begun, time.perf_counter() - loaded)


def _sessions(wanted: Wanted, stack: ExitStack) -> Iterator[Entry]:
    for path in wanted.bundles:
        for backend in wanted.backends:
            session, begun = start(path, backend, wanted.threads)
            stack.enter_context(session)
            yield _session_entry(path, session, begun, wanted)


def _session_entry(path: Path, session: Session, begun: Start, wanted: Wanted) -> Entry:
    manifest = session.manifest
    about = {
        "peer": None,
        "bundle": path.name,
        "id": session.id,
        "network": manifest.network,
        "precision": str(manifest.precision),
        "backend": session.backend,
        "flavour": str(session.flavour),
        "why": session.why,
        "bytes": {
            "bundle": path.stat().st_size,
            "graph": manifest.files[session.flavour.member].size,
            "engine": session.engine.size if session.engine else None,
        },
    }
    return Entry(
        name=path.name,
        run=session.run,
        size=session.size,
        about=about,
        start=begun,
        labels=session.labels,
        labelled=True,
        footprint=lambda: session_footprint(path, session.backend, wanted.threads),
        session=session,
    )


def _peers(wanted: Wanted, stack: ExitStack) -> Iterator[Entry]:
    """Those that take a graph once for each bundle, others once for each network or file."""
    seen: set[object] = set()
    for name in wanted.peers:
        for path in wanted.bundles:
            bundle = read_bundle(path)
            once = name if is_file(name) else bundle.manifest.network
            if not takes_graph(name):
                if (name, once) in seen:
                    continue
                seen.add((name, once))
            yield _peer_entry(name, path, bundle, wanted, stack)


def _peer_entry(name: str, path: Path, bundle: Bundle, wanted: Wanted, stack: ExitStack) -> Entry:
    manifest = bundle.manifest
    # once before it is timed, which imports its library
    open_peer(name, bundle, path, wanted.threads, wanted.weights).close()
    begun = time.perf_counter()
    peer = stack.enter_context(open_peer(name, bundle, path, wanted.threads, wanted.weights))
    loaded = time.perf_counter()
    peer.run(_face(manifest.size))
    answered = time.perf_counter()
    on_graph = takes_graph(name)
    about = {
        "peer": peer.kind,
        "bundle": path.name if on_graph else None,
        "id": None,
        "network": None if is_file(name) else manifest.network,
        "precision": str(manifest.precision) if on_graph else None,
        "backend": peer.kind,
        "flavour": "cpu" if on_graph else None,
        "why": peer.note,
        "bytes": {"bundle": None, "graph": peer.graph_bytes, "engine": None},
    }
    many = on_graph and len(wanted.bundles) > 1
    return Entry(
        name=f"{peer.name}, {path.stem}" if many else peer.name,
        run=peer.run,
        size=manifest.size,
        about=about,
        start=Start(loaded - begun, answered - loaded),
        labels=manifest.labels,
        labelled=peer.answers,
        # read anew then: bundles that are kept meanwhile may be most of the memory
        footprint=lambda: peer_footprint(
            name, read_bundle(path), path, wanted.threads, wanted.weights
        ),
    )


def _face(size: int) -> Pixels:
    return np.asarray(drawn_faces(1).pixels(size))
