"""Builds in a child process: a crash or a lack of memory there is an error here, not the end.

The child gets a line of JSON and the graph on its standard input, and answers on its standard
output with lines of JSON; what TensorRT prints goes to standard error.
"""

from __future__ import annotations

import ctypes
import json
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

from edgefer import errors
from edgefer.errors import EdgeferError, MachineError, RuntimeLost, reason
from edgefer.machine import read_machine
from edgefer.progress import Progress, silent
from edgefer.runtime.child_process import (
    command,
    environment,
    how_it_ended,
    leave,
    take_output,
)
from edgefer.runtime.engine_builder import Built, EngineBuilder, Layer
from edgefer.runtime.engine_options import EngineOptions
from edgefer.runtime.tensorrt_library import Edition

# Estimates, our choice: what the library and its context take, and how often the builder holds
# the weights.
_LIBRARY = 700 << 20
_COPIES = 4
_KILL_WITH_PARENT = 1  # PR_SET_PDEATHSIG


def build_engine(
    graph: bytes, options: EngineOptions, timing: bytes | None = None, progress: Progress = silent
) -> Built:
    """The engine of a graph, built in a child process.

    Raises MachineError where TensorRT does not read the graph or does not build it, its process
    ends or there is too little memory, MissingDependency without the library.
    """
    _check_memory(len(graph), options)
    with tempfile.TemporaryDirectory(prefix="edgefer-") as folder:
        plan, timed = Path(folder, "plan"), Path(folder, "timing")
        request = {
            "edition": options.edition,
            "options": asdict(options),
            "plan": str(plan),
            "timed": str(timed),
            "timing": len(timing or b""),
        }
        answer = _ask(request, (timing or b"") + graph, progress)
        return Built(
            plan=plan.read_bytes(),
            timing=timed.read_bytes() if timed.exists() else None,
            precisions=answer["precisions"],
            off_dla=tuple(answer["off_dla"]),
        )


def read_layers(graph: bytes, edition: Edition) -> tuple[Layer, ...]:
    """The layers of a graph as that library parses it."""
    answer = _ask({"edition": edition, "timing": 0}, graph, silent)
    return tuple(
        Layer(
            name=layer["name"],
            kind=layer["kind"],
            reads=tuple(layer["reads"]),
            gives=tuple(layer["gives"]),
            shape=tuple(layer["shape"]),
        )
        for layer in answer["layers"]
    )


def _check_memory(graph: int, options: EngineOptions) -> None:
    # what TensorRT-RTX builds ahead of time runs nothing, and so needs no workspace
    workspace = 0 if options.capabilities else options.workspace
    need = _LIBRARY + _COPIES * graph + workspace
    free = read_machine().memory_available
    if free is not None and free < need:
        msg = (
            f"building an engine: expected {need / 2**30:.1f} GiB of free memory (an estimate), "
            f"found {free / 2**30:.1f} GiB; end other programs, add swap, or ask for less with "
            "--workspace MIB"
        )
        raise MachineError(msg)


def _ask(request: Mapping[str, Any], data: bytes, progress: Progress) -> dict[str, Any]:
    """Run the child, pass on its progress, and give its answer or raise its error."""
    with tempfile.TemporaryFile() as log:
        child = subprocess.Popen(
            command("edgefer.runtime.engine_process"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            env=environment(),
        )
        try:
            answer = _converse(child, json.dumps(request).encode() + b"\n" + data, progress)
        finally:
            # also where the caller was interrupted: nobody would take the engine
            child.kill()
            child.wait()
            for stream in (child.stdin, child.stdout):
                with suppress(OSError):
                    assert stream is not None
                    stream.close()
        if answer is None:
            raise MachineError(_ended(child.returncode, log))
    if "error" in answer:
        kind = getattr(errors, answer["error"], MachineError)
        # what is lost there is the child alone
        raise (MachineError if kind is RuntimeLost else kind)(answer["message"])
    return answer


def _converse(
    child: subprocess.Popen[bytes], request: bytes, progress: Progress
) -> dict[str, Any] | None:
    """The child's last word, None where it ended without one."""
    assert child.stdin is not None
    assert child.stdout is not None
    with suppress(BrokenPipeError):  # it ended early: what it said, or its status, tells why
        child.stdin.write(request)
        child.stdin.close()
    for line in child.stdout:
        try:
            message: dict[str, Any] = json.loads(line)
        except ValueError:  # it was killed in the middle of a word
            break
        if "progress" not in message:
            child.wait()
            return message
        progress(*message["progress"])
    child.wait()
    return None


def _ended(status: int, log: IO[bytes]) -> str:
    log.seek(0)
    lines = log.read().decode(errors="replace").split("\n")
    last = " | ".join(line.strip() for line in lines if line.strip())[-600:]
    if status == -signal.SIGKILL:
        how = "was killed, as the kernel does when memory runs out; ask for less: --workspace MIB"
    else:
        how = how_it_ended(status)
    return f"building an engine: its process {how}" + (f": {last}" if last else "")


def _main() -> None:
    """The child: one request, and an answer in any case that leaves it alive."""
    answers = take_output()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends this process
    _end_with_parent()

    def say(message: Mapping[str, Any]) -> None:
        answers.write(json.dumps(message) + "\n")
        answers.flush()

    request = json.loads(sys.stdin.buffer.readline())
    timing = sys.stdin.buffer.read(request["timing"])
    graph = sys.stdin.buffer.read()
    try:
        say(_answer(request, timing, graph, lambda *step: say({"progress": step})))
    except EdgeferError as error:
        say({"error": type(error).__name__, "message": str(error)})
    except Exception as error:  # the parent tells whatever it was
        what = f"building an engine: {type(error).__name__}: {reason(error)}"
        say({"error": "MachineError", "message": what})
    answers.close()
    leave()


def _answer(
    request: Mapping[str, Any], timing: bytes, graph: bytes, progress: Progress
) -> dict[str, Any]:
    builder = EngineBuilder(graph, Edition(request["edition"]))
    if "options" not in request:
        return {"layers": [asdict(layer) for layer in builder.layers()]}
    options = dict(request["options"])
    options["edition"] = Edition(options["edition"])
    options["capabilities"] = tuple(options["capabilities"])
    built = builder.build(EngineOptions(**options), timing or None, progress)
    Path(request["plan"]).write_bytes(built.plan)
    if built.timing is not None:
        Path(request["timed"]).write_bytes(built.timing)
    return {"precisions": built.precisions, "off_dla": built.off_dla}


def _end_with_parent() -> None:
    """On Linux: a parent that is killed takes the child along."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_KILL_WITH_PARENT, signal.SIGKILL)


if __name__ == "__main__":
    _main()
