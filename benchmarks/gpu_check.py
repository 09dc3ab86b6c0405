"""What a GPU makes of the default network: each backend and precision beside torch's eager mode.

python -m edgefer.benchmarks.gpu_check --output FILE
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar

import numpy as np

from edgefer.benchmarks.clock import RealClock
from edgefer.benchmarks.difference import paired
from edgefer.benchmarks.latency import medians, timed
from edgefer.benchmarks.machine import Setting, read_setting
from edgefer.benchmarks.peer_torch import check_cuda, load_shipped
from edgefer.benchmarks.scenarios import BackToBack
from edgefer.benchmarks.turns import QUICK, Contender, Length, take_turns
from edgefer.bundle import Bundle, read_bundle
from edgefer.data.drawn import drawn_faces
from edgefer.errors import EdgeferError, InputError, MachineError, MissingDependency, reason
from edgefer.files import check_writable, write_atomically
from edgefer.imports import require
from edgefer.manifest import Flavour, Precision
from edgefer.runtime.backend import Backend, Floats, OpenOptions, Pixels
from edgefer.runtime.child_process import environment
from edgefer.runtime.selection import BACKENDS, ON_GPU, Chosen
from edgefer.runtime.session import Session, open_bundle
from edgefer.runtime.trial import CudaTrial, try_cuda
from edgefer.versions import installed
from edgefer.zoo.registry import DEFAULT_NETWORK

FACES = (1, 16)
SECONDS = 3.0
QUERIES = 100  # at least, of each
_ROOT = Path(__file__).parents[1]
_ANSWERS = "probabilities"
# Beside those that every record has.
_LIBRARIES = (
    *("torch", "cuda-python", "cuda-bindings", "pycuda", "tensorrt-cu12", "tensorrt-cu13"),
    *("tensorrt_rtx_cu13_libs", "tensorrt_rtx_cu13_bindings", "nvidia-cudnn-cu13"),
)
_COLUMNS = "{:<22} {:>9} {:>9} {:>9} {:>9} {:>7} {:>7}"


class TorchEager(Backend):
    """The network as torch runs it without being compiled, in FP32 or FP16; channels come first.

    Its latency has what the others' has: pixels to the GPU, answers back.
    """

    name = "torch"
    flavour = Flavour.GPU
    # The tests put a CPU's here.
    device: ClassVar[str] = "cuda"

    def __init__(self, torch: Any, bundle: Bundle) -> None:
        self._torch = torch
        halved = bundle.manifest.precision is Precision.FP16
        self._kind = torch.float16 if halved else torch.float32
        network, module, _ = load_shipped()
        front = require("edgefer.zoo.contract", "torch").PixelInput(network.scale)
        self._front = front.eval().to(self.device)
        self._network = module.to(self.device, self._kind)
        self.outputs = {_ANSWERS: (len(network.labels),)}
        tf32 = "with" if torch.backends.cudnn.allow_tf32 else "without"
        self.notes = (f"eager, channels first, convolutions of FP32 {tf32} TF32",)

    @classmethod
    def open(cls, bundle: Bundle, flavour: Flavour, options: OpenOptions) -> TorchEager:
        """The shipped weights in the precision of the bundle, on the GPU."""
        torch = require("torch", "torch")
        if cls.device == "cuda":
            check_cuda(torch)
        return cls(torch, bundle)

    def run(self, faces: Pixels) -> dict[str, Floats]:
        """Copy in, run, copy out; the last waits for the GPU."""
        with self._torch.inference_mode():
            pixels = self._torch.from_numpy(faces).to(self.device)
            heads = self._network(self._front(pixels).to(self._kind))
            found = self._network.answers(heads)[0]
            return {_ANSWERS: found.float().cpu().numpy()}

    def close(self) -> None:
        """Let go of the network; torch keeps the memory for its next one."""
        del self._front, self._network


def contenders() -> Iterator[tuple[type[Backend], Precision]]:
    """What is measured, torch's first: the others are compared with it."""
    for precision in (Precision.FP32, Precision.FP16):
        yield TorchEager, precision
    for name in ON_GPU:
        for precision in Precision:
            yield BACKENDS[name](), precision


def find_bundles(folder: Path, export: bool) -> dict[Precision, Path]:
    """The bundles of the default network in that folder; `export` makes them first."""
    paths = {each: folder / f"{DEFAULT_NETWORK}-{each}.edgefer" for each in Precision}
    for precision, path in paths.items() if export else ():
        done = subprocess.run(
            [sys.executable, "-m", "edgefer", "export", DEFAULT_NETWORK]
            + ["--precision", precision, "--output", str(path)],
            env=environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            said = " ".join(done.stderr.split())[-400:]
            msg = f"edgefer export --precision {precision}: {said}; or give --bundles FOLDER"
            raise MachineError(msg)
    return paths


def contend(paths: Mapping[Precision, Path], seconds: float = SECONDS) -> list[dict[str, Any]]:
    """One result for each contender, all that run timed in turns, each `seconds` a batch size.

    What is not installed says so as `missing`, what does not run as `refused`. Raises InputError
    for bundles that are not there, or are of another network.
    """
    bundles = {precision: read_bundle(path) for precision, path in paths.items()}
    for precision, bundle in bundles.items():
        found = bundle.manifest.network, bundle.manifest.precision
        if found != (DEFAULT_NETWORK, precision):
            msg = (
                f"{paths[precision]}: expected {DEFAULT_NETWORK} in {precision}, "
                f"found {found[0]} in {found[1]}"
            )
            raise InputError(msg)
    results: list[dict[str, Any]] = []
    running: list[tuple[dict[str, Any], Session]] = []
    with ExitStack() as stack:
        for kind, precision in contenders():
            result: dict[str, Any] = {"backend": kind.name, "precision": str(precision)}
            results.append(result)
            try:
                session = _open(kind, bundles[precision], paths[precision])
                stack.enter_context(session)
                result.update(_described(session, bundles[precision]))
            except MissingDependency as error:
                result["missing"] = str(error)
            except EdgeferError as error:
                result["refused"] = str(error)
            except Exception as error:  # a broken library raises anything
                result["refused"] = f"{type(error).__name__}: {reason(error, 400)}"
            else:
                running.append((result, session))
        for count in FACES:
            _time(running, count, seconds)
    return results


def _open(kind: type[Backend], bundle: Bundle, path: Path) -> Session:
    if kind is not TorchEager:
        return open_bundle(bundle, path, (kind.name,))
    torch = kind.open(bundle, kind.flavour, OpenOptions())
    return Session(bundle, Chosen(torch, kind.flavour, "; ".join(torch.notes), {}))


def _described(session: Session, bundle: Bundle) -> dict[str, Any]:
    """How it runs, and how far its answers to the golden faces are from those of FP32."""
    golden = bundle.golden()
    difference = float(np.abs(session.run(golden.faces) - golden.reference).max())
    layers = session.engine and session.engine.precisions
    return {"why": session.why, "layers": layers, "off_fp32": difference, "faces": {}}


def _time(running: Sequence[tuple[dict[str, Any], Session]], count: int, seconds: float) -> None:
    """Add the latency of that many faces to each result, and its ratios to torch's."""
    drawn = drawn_faces(max(FACES) * 4)
    contenders = []
    for _, session in running:
        faces = drawn.pixels(session.size)
        queries = [faces[first : first + count] for first in range(0, len(faces), count)]
        contenders.append(Contender(session.run, queries, BackToBack(QUICK.seconds), count))
    clock = RealClock()
    for contender in contenders:
        contender.warm(clock)
    take_turns(contenders, Length(seconds, QUERIES), clock=clock)
    found = [(result, contender) for (result, _), contender in zip(running, contenders)]
    firsts = {_name(result): own for result, own in found if result["backend"] == TorchEager.name}
    for result, contender in found:
        summed = timed(contender, 0)
        result["faces"][str(count)] = {
            "latency_ms": asdict(summed.latency),
            "throughput": summed.throughput,
            "ratio_to": {name: _difference(contender, first) for name, first in firsts.items()},
        }


def _difference(contender: Contender, first: Contender) -> dict[str, Any]:
    return asdict(paired(medians(contender.turns), medians(first.turns)))


def make_record(
    setting: Setting, gpu: CudaTrial, results: Sequence[dict[str, Any]], seconds: float
) -> dict[str, Any]:
    """Everything as JSON; MachineError where there is not one measurement in it."""
    if not any("faces" in result for result in results):
        msg = "nothing ran on a GPU, so there is no record; " + "; ".join(_reasons(results))
        raise MachineError(msg)
    whole = replace(setting, versions={**setting.versions, **installed(_LIBRARIES)})
    facts = {"gpu": asdict(gpu), "network": DEFAULT_NETWORK}
    return {**asdict(whole), **facts, "duration": seconds, "results": list(results)}


def default_output(setting: Setting, gpu: CudaTrial) -> Path:
    """The file that is named after this device, among the results of a checkout."""
    name = setting.machine.jetson or gpu.device or setting.device(TorchEager.name)
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    folder = _ROOT / "benchmarks" / "results"
    return (folder if folder.is_dir() else Path()) / f"gpu-check-{slug}.json"


def table(results: Sequence[dict[str, Any]]) -> str:
    """The results as text; those measured have 80 columns."""
    lines = [_COLUMNS.format("", "1 face", "p99", "16 faces", "p99", "of fp32", "of fp16")]
    for result in results:
        if "faces" in result:
            alone, many = (result["faces"][str(count)] for count in FACES)
            both = (each["latency_ms"][key] for each in (alone, many) for key in ("p50", "p99"))
            ratios = (alone["ratio_to"].get(f"{TorchEager.name} {p}") for p in ("fp32", "fp16"))
            shares = (f"{each['ratio']:.2f}" if each else "no data" for each in ratios)
            lines.append(
                _COLUMNS.format(
                    _name(result), *(f"{ms:.3f}" if ms else "no data" for ms in both), *shares
                )
            )
    lines += _reasons(results)
    lines.append("Milliseconds. Of fp32, fp16: the median of one face over that of torch in that.")
    return "\n".join(lines)


def _reasons(results: Sequence[dict[str, Any]]) -> list[str]:
    """Why contenders did not run, once for all precisions that share it."""
    shared: dict[str, list[str]] = {}
    for result in results:
        for why in ("missing", "refused"):
            if why in result:
                text = f"{result['backend']} {{}} {why}: {result[why]}"
                shared.setdefault(text, []).append(result["precision"])
    return [text.replace("{}", ", ".join(which), 1) for text, which in shared.items()]


def _name(result: Mapping[str, Any]) -> str:
    return f"{result['backend']} {result['precision']}"


def _positive(text: str) -> float:
    seconds = float(text)
    if not 0 < seconds < float("inf"):
        raise ValueError
    return seconds


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the table and write the record; gives the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m edgefer.benchmarks.gpu_check",
        description=f"Measure {DEFAULT_NETWORK} by every backend of this GPU, beside torch.",
    )
    parser.add_argument("--output", type=Path, help="the record; named after the device by default")
    parser.add_argument("--bundles", type=Path, help="a folder of bundles; exported by default")
    parser.add_argument("--seconds", type=_positive, default=SECONDS, help="for each and batch")
    chosen = parser.parse_args(arguments)
    try:
        setting, gpu = read_setting(), try_cuda()
        output = chosen.output or default_output(setting, gpu)
        check_writable(output)
        with TemporaryDirectory(prefix="edgefer-") as folder:
            paths = find_bundles(chosen.bundles or Path(folder), export=chosen.bundles is None)
            results = contend(paths, chosen.seconds)
        record = make_record(setting, gpu, results, chosen.seconds)
        write_atomically(output, json.dumps(record, indent=1, allow_nan=False).encode() + b"\n")
    except EdgeferError as error:
        print(f"edgefer: {error}", file=sys.stderr)
        return error.exit_status
    print(f"{table(results)}\nrecord: {output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
