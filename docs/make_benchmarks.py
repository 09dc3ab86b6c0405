"""Makes docs/benchmarks.md and its records: every network in every precision beside its peers.

make benchmarks FACES=ferplus:PATH [WEIGHTS=FOLDER]
    [MODEL=mini.onnx SPEC=mini.toml MODEL_FACES=fer2013:PATH]

Exports what is not in build/benchmarks yet, lets ONNX Runtime quantise the same FP32 graph by its
own means, and runs `edgefer benchmark` as a user does. Networks whose weights do not ship have
those of WEIGHTS/NAME.safetensors, or some from chance. Half an hour, and nothing else beside it;
with WEIGHTS, half an hour before that for accuracies.
"""

from __future__ import annotations

import argparse
import itertools
import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from edgefer.accuracy import score
from edgefer.bundle import read_bundle
from edgefer.data.faces import FaceSet
from edgefer.data.source import read_data
from edgefer.manifest import Flavour
from edgefer.zoo.registry import DEFAULT_NETWORK, NETWORKS

ROOT = Path(__file__).parents[1]
BUILT = ROOT / "build" / "benchmarks"
RECORDS = ROOT / "benchmarks" / "results"
PAGE = ROOT / "docs" / "benchmarks.md"
FACES = 512
FORMATS = ("fp32", "fp16", "int8")
BY_HAND = "## By hand"
COLUMNS = (
    *("what", "run by", "p50 ms", "of the first", "95 %", "p99 of the first"),
    *("graph MB", "peak MB", "accuracy"),
)
OWN = "onnxruntime-int8"
BACKENDS = ("onnxruntime", "openvino")


def edgefer(*arguments: object, quiet: bool = False) -> str:
    """Run a command as a user does; its errors end this. With `quiet`, what it printed."""
    words = [str(argument) for argument in arguments]
    print(f"$ edgefer {shlex.join(words)}", flush=True)
    command = [sys.executable, "-m", "edgefer", *words]
    done = subprocess.run(
        command, cwd=BUILT, check=False, text=True, stdout=subprocess.PIPE if quiet else None
    )
    if done.returncode:
        sys.exit(f"edgefer {words[0]}: status {done.returncode}")
    return done.stdout or ""


def export(name: str, what: Sequence[str], faces: str) -> None:
    """The three bundles of a network, those that are not there yet."""
    for precision in FORMATS:
        output = BUILT / f"{name}-{precision}.edgefer"
        ranges = ("--calibration", faces) if precision == "int8" else ()
        if not output.is_file():
            edgefer("export", *what, "--precision", precision, *ranges, "--output", output.name)


def quantise(name: str, faces: FaceSet) -> Path:
    """The FP32 graph quantised by ONNX Runtime, as its guide has it for x86 with VNNI.

    Static, QDQ, unsigned activations, signed weights for each channel, ranges of least and
    greatest value over the same faces.
    """
    from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    bundle = read_bundle(BUILT / f"{name}-fp32.edgefer")
    plain, prepared, made = (BUILT / f"{name}-{kind}.onnx" for kind in ("fp32", "prepared", OWN))
    if made.is_file():
        return made
    plain.write_bytes(bundle.graph(Flavour.CPU))
    quant_pre_process(plain, prepared, skip_symbolic_shape=True)
    chosen = faces.balanced(FACES)

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        """One face at a time."""

        def __init__(self) -> None:
            self._left = iter(range(len(chosen)))

        def get_next(self) -> dict[str, Any] | None:
            place = next(self._left, None)
            size = bundle.manifest.size
            return None if place is None else {"pixels": chosen.pixels(size, [place])}

    kinds = {"activation_type": QuantType.QUInt8, "weight_type": QuantType.QInt8}
    quantize_static(str(prepared), str(made), Reader(), per_channel=True, **kinds)
    return made


def accuracy_of(graph: Path, name: str, faces: FaceSet) -> float:
    """How often ONNX Runtime's own is right."""
    import onnxruntime

    manifest = read_bundle(BUILT / f"{name}-fp32.edgefer").manifest
    known = faces.relabelled(manifest.labels)
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    answers = [
        session.run(None, {"pixels": pixels})[0] for pixels, _ in known.batches(manifest.size, 64)
    ]
    classes = known.classes_among(manifest.labels)
    return score(np.concatenate(answers), classes, manifest.labels).accuracy


def accuracies(name: str, own: Path, data: str) -> dict[str, float]:
    """How often each graph is right, by what is under `what` and `run by`; kept in a file.

    An FP16 bundle has the FP32 one's cpu.onnx.
    """
    found, file = kept(name), BUILT / f"{name}-accuracy.json"
    for precision, backend in itertools.product(("fp32", "int8"), BACKENDS):
        row = f"{name}-{precision} {backend}"
        if row not in found:
            bundle = f"{name}-{precision}.edgefer"
            words = ("evaluate", bundle, "--data", data, "--backend", backend, "--json")
            measured = json.loads(edgefer(*words, quiet=True))["accuracy"]
            found[row] = measured["accuracy"]
            file.write_text(json.dumps(found, indent=1) + "\n")
    if own.stem not in found:
        found[own.stem] = accuracy_of(own, name, read_data(data, "valid"))
        file.write_text(json.dumps(found, indent=1) + "\n")
    return found


def kept(name: str) -> dict[str, float]:
    """The accuracies that were measured before."""
    file = BUILT / f"{name}-accuracy.json"
    found: dict[str, float] = json.loads(file.read_text()) if file.is_file() else {}
    return found


def measure(name: str, own: Path) -> dict[str, Any]:
    """The record of one network."""
    bundles = [f"{name}-{precision}.edgefer" for precision in FORMATS]
    peers = f"onnxruntime,openvino,torch,{own.name}"
    if name not in NETWORKS:
        peers = peers.replace("torch,", "")
    options = ["--backend", ",".join(BACKENDS), "--against", peers, "--threads", 1, "--memory"]
    edgefer("benchmark", *bundles, *options, "--output", RECORDS / f"benchmark-{name}.json")
    return stored(name)


def stored(name: str) -> dict[str, Any]:
    """The record of one network that was measured before."""
    found: dict[str, Any] = json.loads((RECORDS / f"benchmark-{name}.json").read_text())
    return found


def main(wanted: argparse.Namespace) -> None:
    """Export, quantise, measure, and write the page."""
    BUILT.mkdir(parents=True, exist_ok=True)
    pieces = []
    for name, what, data, trained in networks(wanted):
        export(name, what, data)
        own = quantise(name, read_data(data, "train"))
        right = accuracies(name, own, data) if trained and wanted.accuracies else kept(name)
        record = measure(name, own) if wanted.times else stored(name)
        command = f"edgefer export {shlex.join(what)} --precision PRECISION"
        pieces.append("\n".join(table(name, command, record, right)))
        PAGE.write_text(page(pieces, record))


def networks(wanted: argparse.Namespace) -> Iterator[tuple[str, list[str], str, bool]]:
    """Each network's name, what is exported, its faces, and whether it is trained."""
    for name in NETWORKS:
        weights = Path(wanted.weights, f"{name}.safetensors").resolve()
        brought = bool(wanted.weights) and weights.is_file()
        ships = name == DEFAULT_NETWORK
        source = str(weights) if brought else "random:0"
        what = [name] if ships else [name, "--weights", source]
        yield name, what, wanted.faces, ships or brought
    if wanted.model:
        model, spec = (str(Path(path).resolve()) for path in (wanted.model, wanted.spec))
        name = Path(model).stem.replace("_", "-")
        yield name, [model, "--spec", spec], wanted.model_faces, True


def table(
    name: str, command: str, record: dict[str, Any], right: dict[str, float]
) -> Iterator[str]:
    """One network: a row for each that took part."""
    command = re.sub(r"\S*/", "", command)
    yield f"### {name}\n\n`{command}`\n"
    yield f"| {' | '.join(COLUMNS)} |"
    yield f"|{'---|' * len(COLUMNS)}"
    for result in record["results"]:
        ratio, memory, graph = result["ratio"], result["memory_bytes"], result["bytes"]["graph"]
        label = re.sub(r"\.edgefer.*|\.onnx", "", result["name"])
        row = label if OWN in label else f"{label} {result['backend']}".replace("fp16", "fp32")
        mine = right.get(row)
        who = f"edgefer, {result['backend']}" if result["peer"] is None else result["peer"]
        between = f"{ratio['low']:.3f} to {ratio['high']:.3f}" if ratio and ratio["low"] else ""
        cells = [
            label,
            who,
            f"{result['latency_ms']['p50']:.3g}",
            f"{ratio['median']:.3f}" if ratio else "1",
            between,
            f"{ratio['p99']:.2f}" if ratio and ratio["p99"] else "1" if not ratio else "no data",
            f"{graph / 1e6:.2f}" if graph else "no data",
            f"{memory['peak'] / 1e6:.0f}" if memory else "no data",
            f"{mine:.2%}" if mine is not None else "no data",
        ]
        yield f"| {' | '.join(cells)} |"


def page(pieces: Sequence[str], record: dict[str, Any]) -> str:
    """docs/benchmarks.md, but for what is written by hand under its last heading."""
    older = PAGE.read_text() if PAGE.is_file() else BY_HAND
    rest = older[older.index(BY_HAND) :] if BY_HAND in older else BY_HAND + "\n"
    machine, versions = record["machine"], record["versions"]
    libraries = ", ".join(f"{name} {version}" for name, version in versions.items())
    tables = "\n\n".join(pieces)
    return f"""# Benchmarks

One face a call, one thread of {machine["cpu"]}, {machine["system"]}; {libraries}. All of a table
took turns of milliseconds in one run, so that its ratios hold whatever the machine did; the first
row is what they are of, and 95 % is the interval of the median's ratio. Peak memory is that of a
process that does nothing else. `make benchmarks FACES=ferplus:PATH WEIGHTS=FOLDER` makes this page,
with `edgefer benchmark NAME-fp32.edgefer NAME-fp16.edgefer NAME-int8.edgefer --backend
onnxruntime,openvino --against onnxruntime,openvino,torch,NAME-{OWN}.onnx --threads 1 --memory`;
the records are [benchmarks/results](../benchmarks/results)/benchmark-NAME.json.

- `cpu.onnx` of an FP16 bundle is FP32, since CPU kernels gain nothing from FP16.
- onnxruntime and openvino alone are the bare libraries on the same `cpu.onnx`; torch is eager FP32.
- NAME-{OWN} is ONNX Runtime's own static quantisation of the same FP32 graph: QDQ, unsigned
  activations, signed weights for each channel, the same {FACES} faces, its calibrator `MinMax`.
- Accuracy: FER+ valid, 3,352 faces, of which no training saw any; a bare library on the same graph
  is as right. Training is told of under "By hand".

{tables}

{rest}"""


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    for option in ("--faces", "--weights", "--model", "--spec", "--model-faces"):
        parser.add_argument(option, default="")
    parser.add_argument("--no-times", dest="times", action="store_false", help="those stored")
    parser.add_argument("--no-accuracies", dest="accuracies", action="store_false")
    main(parser.parse_args())
