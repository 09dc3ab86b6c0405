"""TensorRT's own benchmark, trtexec, on a bundle's gpu.onnx: what it says of the same graph.

Its lines are read as 8.4 to 11 print them; a percentile that a version does not print is None.
"""

from __future__ import annotations

import math
import os
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from edgefer.errors import MachineError, reason
from edgefer.manifest import Flavour
from edgefer.runtime.child_process import how_it_ended
from edgefer.runtime.external_data import refuse_external_data

# Where JetPack and NVIDIA's containers have it, neither of them on PATH.
_PLACES = ("/usr/src/tensorrt/bin", "/opt/tensorrt/bin")
# In seconds, our choice: a Jetson builds the engine for some minutes first.
_PATIENCE = 1800

# As NVIDIA's guide to benchmarking has them, for times that are stable.
_STEADY = ("--useCudaGraph", "--useSpinWait")
# As our engines are built; the first is gone from 11, which knows nothing else.
_AS_OURS = ("--stronglyTyped", "--noTF32")

_NOTE = (
    "not in turns with the others: a process of its own, random pixels, the next call enqueued "
    "before the last has ended"
)
# Its last errors say that it failed, the first of these why.
_ERRORS = 5
_PERCENTILES = {"p90": "percentile(90%)", "p95": "percentile(95%)", "p99": "percentile(99%)"}


@dataclass(frozen=True)
class Spread:
    """Milliseconds of one inference; the percentiles are trtexec's own."""

    min: float
    max: float
    mean: float
    p50: float
    p90: float | None
    p95: float | None
    p99: float | None


@dataclass(frozen=True)
class TrtexecTimes:
    """What trtexec measured with `batch` faces an inference.

    `latency` is from the copy of the pixels to the GPU to that of the answers back, `compute`
    what the GPU computed of it. `throughput` is in faces a second, with two inferences in flight.
    `arguments` are those that it was given, `version` is TensorRT's.
    """

    version: str | None
    arguments: tuple[str, ...]
    batch: int
    throughput: float
    latency: Spread
    compute: Spread
    note: str = _NOTE


def find_trtexec() -> Path:
    """The program, on PATH or where TensorRT's packages put it; MachineError without it."""
    places = os.pathsep.join(filter(None, (os.environ.get("PATH"), *_PLACES)))
    found = shutil.which("trtexec", path=places)
    if found is None:
        msg = (
            f"trtexec: expected on PATH or in {' or '.join(_PLACES)}, found none; it comes with "
            "JetPack and TensorRT's packages, not with pip's"
        )
        raise MachineError(msg)
    return Path(found).absolute()


def run_trtexec(program: Path, graph: bytes, size: int, batch: int, seconds: float) -> TrtexecTimes:
    """Let trtexec build an engine of gpu.onnx for `batch` faces, and time it for so long.

    Raises MachineError with its last error where it fails, BundleError where the graph keeps
    tensors in another file.
    """
    name = Flavour.GPU.member
    refuse_external_data(graph, name)
    wanted = (f"--onnx={name}", f"--shapes=pixels:{batch}x{size}x{size}x3", *_STEADY)
    with tempfile.TemporaryDirectory(prefix="edgefer-") as folder:
        known = _run(program, ("--help",), folder)
        as_ours = (flag for flag in _AS_OURS if flag in known)
        arguments = (*wanted, *as_ours, f"--duration={math.ceil(seconds)}")
        Path(folder, name).write_bytes(graph)
        said = _run(program, arguments, folder)
    return _parse(said, arguments, batch)


def _run(program: Path, arguments: tuple[str, ...], folder: str) -> str:
    """What it prints; MachineError where it does not end well."""
    try:
        done = subprocess.run(
            [program, *arguments],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=_PATIENCE,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        msg = f"{program}: stopped after {_PATIENCE:,} seconds; it did not end by itself"
        raise MachineError(msg) from error
    except OSError as error:
        msg = f"{program}: does not start ({reason(error)})"
        raise MachineError(msg) from error
    said = done.stdout.decode(errors="replace")
    if done.returncode:
        how = how_it_ended(done.returncode)
        msg = f"{program} of TensorRT {_version(said)} {how}: {_complaint(said)}"
        raise MachineError(msg)
    return said


def _parse(said: str, arguments: tuple[str, ...], batch: int) -> TrtexecTimes:
    queries = _line(said, "Throughput").split(" qps")[0]
    try:
        return TrtexecTimes(
            version=_version(said),
            arguments=arguments,
            batch=batch,
            throughput=batch * float(queries),
            latency=_spread(_line(said, "Latency")),
            compute=_spread(_line(said, "GPU Compute Time")),
        )
    except (KeyError, ValueError) as error:
        msg = (
            f"trtexec of TensorRT {_version(said)}: expected a summary with throughput, latency "
            f"and GPU compute time, found none ({reason(error)}); it ended with: {_complaint(said)}"
        )
        raise MachineError(msg) from error


def _line(said: str, what: str) -> str:
    """The rest of the line that begins with `what`, after its time and severity; or nothing."""
    found = re.search(rf"^\s*(?:\[[^\]]*\]\s*)*{what}: (.*)$", said, re.MULTILINE)
    return found[1] if found else ""


def _spread(line: str) -> Spread:
    found = {key: float(value) for key, value in re.findall(r"(\S+) = (\S+) ms", line)}
    return Spread(
        min=found["min"],
        max=found["max"],
        mean=found["mean"],
        p50=found["median"],
        **{name: found.get(printed) for name, printed in _PERCENTILES.items()},
    )


def _version(said: str) -> str | None:
    """`8.6.1` of v8601, `10.16.2` of v101602: two digits each for minor and patch from 10 on."""
    found = re.search(r"TensorRT\.trtexec \[TensorRT v(\d+)\]", said)
    if found is None:
        return None
    major, rest = divmod(int(found[1]), 10_000 if len(found[1]) > 4 else 1_000)
    minor, patch = divmod(rest, 100)
    return f"{major}.{minor}.{patch}"


def _complaint(said: str) -> str:
    """The last errors of its log on one line, or its last line."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    errors = [line.split("[E]", 1)[1].strip() for line in lines if "[E]" in line]
    return " | ".join(errors[-_ERRORS:] or lines[-1:]) or "it said nothing"
