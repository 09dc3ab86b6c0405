"""`edgefer evaluate` as a user runs it."""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from edgefer.data.folder import read_folder
from edgefer.manifest import Precision
from edgefer.zoo.weights import read_metadata

# Of the tiny bundle: what it answers is of no matter, only that it is counted.
FACES = {"happy": 3, "sad": 2}


@pytest.fixture
def faces(tmp_path: Path) -> Path:
    """Three happy and two sad faces of noise in the valid split."""
    random = np.random.default_rng(0)
    for name, count in FACES.items():
        folder = tmp_path / "faces" / "valid" / name
        folder.mkdir(parents=True)
        for number in range(count):
            picture = random.integers(0, 256, (20, 20, 3), np.uint8)
            cv2.imwrite(str(folder / f"{number}.png"), picture)
    return tmp_path / "faces"


def test_json_has_everything(edgefer, bundle: Path, faces: Path) -> None:
    options = ("--backend", "onnxruntime", "--threads", 1, "--json")
    done = edgefer("evaluate", bundle, "--data", f"folder:{faces}", *options)
    assert done.status == 0, done.err
    document = json.loads(done.out)
    assert document["bundle"] == str(bundle)
    assert document["backend"] == "onnxruntime"
    assert document["flavour"] == "cpu"
    assert document["threads"] == 1
    assert document["data"] == {
        "name": "folder:faces@valid",
        "faces": 5,
        "sha256": read_folder(faces, "valid").digest(),
    }
    found = document["accuracy"]
    assert found["faces"] == np.sum(found["confusion"]) == 5
    assert found["accuracy"] == pytest.approx(np.trace(found["confusion"]) / 5)
    by_label = {one["label"]: one for one in found["classes"]}
    assert (by_label["happiness"]["support"], by_label["sadness"]["support"]) == (3, 2)
    assert by_label["fear"]["f1"] is None
    assert 0 <= found["macro_f1"] <= 1
    assert 0 < found["confidence"] <= 1


def test_the_table_fits_and_says_no_data(edgefer, bundle: Path, faces: Path) -> None:
    done = edgefer("evaluate", bundle, "--data", f"folder:{faces}@valid", "--flavour", "gpu")
    assert done.status == 0, done.err
    assert "gpu.onnx" in done.out
    assert "5 faces of folder:faces@valid" in done.out
    assert "macro-F1" in done.out
    (fear,) = (line for line in done.out.splitlines() if line.startswith(" fear") and "no" in line)
    assert fear.split() == ["fear", "0", *["no", "data"] * 3]
    assert max(len(line) for line in done.out.splitlines()) <= 80


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--data", "jaffe:x"], "data 'jaffe:x': expected KIND:PATH[@SPLIT] with"),
        (["--data", "folder:none"], "expected a file or folder, found nothing at none"),
        (["--data", "synthetic:8", "--backend", "tflite"], "backend 'tflite': expected auto"),
        (["--data", "synthetic:8", "--flavour", "npu"], "--flavour"),
        (["--data", "synthetic:8", "--threads", "0"], "--threads"),
        ([], "--data"),
    ],
    ids=["kind", "path", "backend", "flavour", "threads", "no data"],
)
def test_wrong_input_is_one_line(edgefer, bundle: Path, arguments: list[str], message: str) -> None:
    done = edgefer("evaluate", bundle, *arguments, "--json")
    assert done.status == 2
    assert done.out == ""
    assert message in done.err
    assert len(done.err.splitlines()) == 1


def test_no_bundle_is_wrong_input(edgefer, tmp_path: Path) -> None:
    done = edgefer("evaluate", tmp_path / "none.edgefer", "--data", "synthetic:8")
    assert done.status == 2
    assert "expected an edgefer bundle, found no such file" in done.err


def test_a_damaged_face_is_named(edgefer, bundle: Path, faces: Path) -> None:
    (faces / "valid" / "sad" / "1.png").write_bytes(b"no picture")
    done = edgefer("evaluate", bundle, "--data", f"folder:{faces}")
    assert done.status == 2
    assert "1.png: expected a picture" in done.err


def trained_accuracy() -> Any:
    weights = (resources.files("edgefer.assets") / "fer-lite.safetensors").read_bytes()
    return json.loads(read_metadata(weights)["training"])["accuracy"]


@pytest.mark.parametrize(
    ("precision", "loss"), [(Precision.FP32, 0.001), (Precision.INT8, 0.01)], ids=str
)
def test_the_default_network_is_as_good_as_when_it_was_trained(
    edgefer, bundles: dict[Precision, Path], shared: Path, precision: Precision, loss: float
) -> None:
    data = f"ferplus:{shared / 'data' / 'ferplus'}"
    done = edgefer("evaluate", bundles[precision], "--data", data, "--json")
    found = json.loads(done.out)["accuracy"]
    assert found["faces"] == 3352
    assert found["accuracy"] == pytest.approx(trained_accuracy(), abs=loss)
