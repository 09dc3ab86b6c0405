"""How much memory a process takes that loads one contender and lets it answer.

Measured in a child process: this one has other libraries in it. Memory of a GPU is not counted.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edgefer.benchmarks.peers import is_file, open_peer, takes_graph
from edgefer.bundle import Bundle
from edgefer.data.faces import Pixels
from edgefer.errors import EdgeferError, MachineError, reason
from edgefer.imports import require
from edgefer.manifest import Flavour, Manifest
from edgefer.runtime.child_process import command, environment, how_it_ended, leave, take_output
from edgefer.runtime.session import load
from edgefer.runtime.tensorrt_library import Edition

_CALLS = 20
# In seconds, our choice.
_PATIENCE = 600
# What each backend and peer imports, and the extra that brings it.
_LIBRARIES = {
    "onnxruntime": ("onnxruntime", "cpu"),
    "onnxruntime-cuda": ("onnxruntime", "cuda"),
    "openvino": ("openvino", "openvino"),
    "torch": ("torch", "torch"),
    "torch-cuda": ("torch", "torch"),
    **{edition.value: (edition.module, edition.extra) for edition in Edition},
}


@dataclass(frozen=True)
class Footprint:
    """Bytes of a process: `peak` in all, `before` with the library imported and nothing loaded.

    Both are None where they are not known, and `missing` says why.
    """

    peak: int | None = None
    before: int | None = None
    missing: str = ""


def session_footprint(path: Path, backend: str, threads: int | None) -> Footprint:
    """That of a session of a bundle; reading and checking the whole file is part of it.

    `backend` is the name of one, as an open session has it.
    """
    return _ask({"backend": backend, "path": str(path), "threads": threads})


def peer_footprint(
    name: str, bundle: Bundle, path: Path, threads: int, weights: str | None = None
) -> Footprint:
    """That of a peer, which has no more of the bundle than it needs: a graph, or nothing."""
    manifest = bundle.manifest.to_json()
    graph = bundle.graph(Flavour.CPU) if takes_graph(name) else b""
    request = {"peer": name, "path": str(path), "threads": threads, "weights": weights}
    return _ask({**request, "manifest": len(manifest)}, manifest + graph)


def resident(root: Path = Path("/")) -> tuple[int, int]:
    """The bytes that this process has in memory, and the most that it had.

    From /proc; elsewhere the most stands for both. Raises MachineError where nothing tells.
    """
    try:
        status = (root / "proc/self/status").read_text()
    except OSError:
        status = ""
    found = dict(re.findall(r"^(VmRSS|VmHWM):\s*(\d+) kB$", status, re.MULTILINE))
    if len(found) == 2:
        return int(found["VmRSS"]) * 1024, int(found["VmHWM"]) * 1024
    # Linux would count what the parent had at the fork, and Windows has no such call.
    if sys.platform in ("linux", "win32"):
        msg = "this system does not tell how much memory a process has"
        raise MachineError(msg)
    import resource

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    most *= 1 if sys.platform == "darwin" else 1024
    return most, most


def _ask(request: Mapping[str, Any], data: bytes = b"") -> Footprint:
    """The child's answer, or why there is none."""
    try:
        done = subprocess.run(
            command("edgefer.benchmarks.footprint"),
            input=json.dumps(request).encode() + b"\n" + data,
            env=environment(),
            capture_output=True,
            timeout=_PATIENCE,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Footprint(missing=f"its process took more than {_PATIENCE} seconds")
    try:
        return Footprint(**json.loads(done.stdout))
    except ValueError:  # it ended without a word
        return Footprint(missing=f"its process {how_it_ended(done.returncode)}")


def _measure(request: Mapping[str, Any]) -> Footprint:
    """In the child: import, load, answer."""
    name = request.get("backend") or request["peer"]
    require(*_LIBRARIES["onnxruntime" if is_file(name) else name])
    before, _ = resident()
    with ExitStack() as stack:
        run, size = _open(request, stack)
        face = np.zeros((1, size, size, 3), np.uint8)
        for _ in range(_CALLS):
            run(face)
        _, peak = resident()
    return Footprint(peak, before)


def _open(request: Mapping[str, Any], stack: ExitStack) -> tuple[Callable[[Pixels], object], int]:
    """What answers, and the size of its faces."""
    path, threads = request["path"], request["threads"]
    if "backend" in request:
        session = stack.enter_context(load(path, backend=request["backend"], threads=threads))
        return session.run, session.size
    manifest = Manifest.from_json(sys.stdin.buffer.read(request["manifest"]))
    bundle = Bundle(manifest, {Flavour.CPU.member: sys.stdin.buffer.read()})
    peer = open_peer(request["peer"], bundle, Path(path), threads, request["weights"])
    return stack.enter_context(peer).run, manifest.size


def _main() -> None:
    answers = take_output()
    try:
        found = _measure(json.loads(sys.stdin.buffer.readline()))
    except EdgeferError as error:
        found = Footprint(missing=str(error))
    except Exception as error:  # a broken library raises anything
        found = Footprint(missing=f"{type(error).__name__}: {reason(error, 400)}")
    json.dump(asdict(found), answers)
    answers.close()
    leave()


if __name__ == "__main__":
    _main()
