"""Makes docs/results.md and its record: the default network in INT8 in every way there is.

make results FACES=ferplus:PATH [TRAINED=fer-lite-qat.onnx]

Runs `edgefer export` as a user does, reads what the gate measured out of the manifests, and
compares training for INT8 with calibration alone, face by face.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from edgefer.benchmarks.accuracy import probabilities
from edgefer.benchmarks.machine import read_setting
from edgefer.data.source import read_data
from edgefer.manifest import Flavour
from edgefer.paired import pair
from edgefer.runtime.session import load

ROOT = Path(__file__).parents[1]
RECORD = ROOT / "benchmarks" / "results" / "fer-lite-int8-ways.json"
PAGE = ROOT / "docs" / "results.md"
# A limit that the ranges alone do not keep, so that there is something to search for.
MIXED = ("--calibrator", "min-max", "--max-drop", "0", "--max-confidence-shift", "0.0005")
NO_LIMIT = ("--max-drop", "100", "--max-confidence-shift", "1")
CALIBRATORS = ("min-max", "percentile", "mse", "entropy", "auto")
REPAIRS = ("equalisation", "rounding", "bias-correction")


def ways() -> Iterator[tuple[str, tuple[str, ...]]]:
    """What each way is called, and its options."""
    for calibrator in CALIBRATORS:
        yield calibrator, ("--calibrator", calibrator)
        yield f"{calibrator}, all repairs", ("--calibrator", calibrator, "--repair", "all")
    for repair in REPAIRS:
        yield f"min-max, {repair}", ("--calibrator", "min-max", "--repair", repair)
    yield "min-max, mixed precision", MIXED


def edgefer(*arguments: object) -> dict[str, Any]:
    """The JSON document of a command; its errors end this."""
    command = [sys.executable, "-m", "edgefer", *map(str, arguments), "--json"]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command)}: status {done.returncode}")
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def measured(name: str, document: dict[str, Any]) -> dict[str, Any]:
    """What the manifest of a bundle says that it lost."""
    manifest = document["manifest"]
    high = {entry["node"] for entry in manifest["higher_precision"] if "alone" in entry["reason"]}
    tried = manifest["calibration"]["tried"]
    took = manifest["calibration"]["calibrator"]
    about = {"way": name, "seconds": document["seconds"], "kept_high": sorted(high)}
    return {**about, "calibrator": took, "tried": tried, **manifest["accuracy"]}


def main(faces: str, network: str | None = None) -> None:
    """Measure everything on `faces`, their train and valid splits, and write record and page.

    `network` is what `edgefer train --qat` made before; without it it is trained now.
    """
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        data = ("--calibration", faces, "--evaluation", faces)
        for number, (name, options) in enumerate(ways()):
            path = Path(folder, f"{number}.edgefer")
            limits = () if "--max-drop" in options else NO_LIMIT[2:]
            found = edgefer("export", *data, *options, *limits, "--output", path)
            rows.append(measured(name, found))
            print(line(rows[-1]), flush=True)
        trained, untrained = Path(folder, "qat.edgefer"), Path(folder, "6.edgefer")
        if network is None:
            network = str(Path(folder, "fer-lite-qat.onnx"))
            edgefer("train", "fer-lite", "--qat", "--data", faces, "--output", network)
        limits = NO_LIMIT[2:]
        found = edgefer("export", network, "--evaluation", faces, *limits, "--output", trained)
        rows.append(measured("trained for INT8 (entropy)", found))
        print(line(rows[-1]), flush=True)
        against = [paired(untrained, trained, faces, flavour) for flavour in Flavour]
    record = {**asdict(read_setting()), "rows": rows, "trained_against_entropy": against}
    RECORD.write_text(json.dumps(record, indent=1, sort_keys=True) + "\n")
    PAGE.write_text(page(record))


def paired(first: Path, second: Path, faces: str, flavour: Flavour) -> dict[str, Any]:
    """One graph of two bundles, face by face."""
    rights = []
    for path in (first, second):
        with load(path, flavour=flavour) as session:
            given = read_data(faces, "valid").relabelled(session.labels)
            answers = probabilities(session, given).argmax(axis=1)
            rights.append(answers == given.classes_among(session.labels))
    return {"flavour": str(flavour), **asdict(pair(*rights))}


def line(row: dict[str, Any]) -> str:
    """One way as a row of the table."""
    cells = [row["way"]]
    for flavour in ("gpu", "cpu"):
        found = row[flavour]
        change = 100 * (found["accuracy"] - row["fp32"]["accuracy"])
        low, high = (100 * end for end in found["change_95"])
        cells.append(f"{found['accuracy']:.2%}")
        cells.append(f"{change:+.2f} ({low:+.2f} to {high:+.2f})")
        cells.append(f"{found['macro_f1']:.2%}")
        cells.append(f"{found['agreement']:.1%}")
        cells.append(f"{found['divergence']:.1e}")
    return f"| {' | '.join([*cells, format(row['seconds'], '.0f')])} |"


def page(record: dict[str, Any]) -> str:
    """docs/results.md, but for what is written by hand under its last heading."""
    by_hand = "## By hand"
    older = PAGE.read_text() if PAGE.is_file() else by_hand
    rest = older[older.index(by_hand) :] if by_hand in older else by_hand + "\n"
    fp32 = record["rows"][0]["fp32"]
    faces = record["rows"][0]["data"]
    heads = "accuracy | points (95 %) | macro-F1 | agrees | KL"
    table = "\n".join(map(line, record["rows"]))
    against = "\n".join(
        f"- `{entry['flavour']}.onnx`: {entry['won']} faces won, {entry['lost']} lost, "
        f"{100 * entry['low']:+.2f} to {100 * entry['high']:+.2f} points, p = {entry['p']:.2f}"
        for entry in record["trained_against_entropy"]
    )
    return f"""# What INT8 does to accuracy

The default network on {faces["faces"]:,} faces of {faces["name"]}; FP32 has {fp32["accuracy"]:.2%}
and a macro-F1 of {fp32["macro_f1"]:.2%}. Ranges are of 512 faces of the train split. The first
five columns are `gpu.onnx`, the others `cpu.onnx`, both run by ONNX Runtime's CPU kernels; points
are lost or won against FP32 with the paired 95 % interval, KL is the mean divergence from FP32's
probabilities in nats. The last column has the seconds of the export, evaluation included, beside
other work. `make results FACES=ferplus:PATH` makes this page; the record is
[fer-lite-int8-ways.json](../benchmarks/results/fer-lite-int8-ways.json).

| | {heads} | {heads} | s |
|---|---|---|---|---|---|---|---|---|---|---|---|
{table}

Trained for INT8 against calibration alone (entropy), face by face (McNemar):

{against}

{rest}"""


if __name__ == "__main__":
    main(*sys.argv[1:3])
