"""A network made hard on purpose: the gate stops it, and ranges, repairs and search save it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import pytest

from edgefer.bundle import read_bundle
from edgefer.calibration.view import GraphView
from edgefer.data.source import read_data
from edgefer.export.answers import answers
from edgefer.export.graph import graph_from_torch
from edgefer.manifest import Flavour
from edgefer.training.options import TrainingOptions
from edgefer.training.trainer import Trainer
from edgefer.zoo.weights import Loaded
from tests.cli.program import program
from tests.slow.hard import HARD, made_loud

pytestmark = pytest.mark.slow
EPOCHS = 5
RECOVERED = ("--calibrator", "auto", "--repair", "all", "--max-drop", "0.5")


@dataclass(frozen=True)
class Loud:
    """The FP32 graph, the same made loud, and the file of that."""

    plain: bytes
    graph: bytes
    path: Path


@pytest.fixture(scope="module")
def faces(shared: Path) -> str:
    return f"ferplus:{shared / 'data' / 'ferplus'}"


@pytest.fixture(scope="module")
def loud(faces: str, tmp_path_factory: pytest.TempPathFactory) -> Loud:
    """Trained on FER+ for some minutes."""
    options = TrainingOptions(epochs=EPOCHS, averaging=0.99)
    trainer = Trainer(HARD, read_data(faces, "train"), options)
    for _ in trainer:
        pass
    plain = graph_from_torch(*Loaded(HARD, trainer.averaged, {"source": "test"})).data
    path = tmp_path_factory.mktemp("loud") / "loud.onnx"
    graph = made_loud(plain)
    path.write_bytes(graph)
    return Loud(plain, graph, path)


def test_fp32_is_unchanged(loud: Loud, faces: str) -> None:
    pixels = read_data(faces, "valid").balanced(256).pixels(HARD.size)
    found, expected = (
        answers(graph, pixels)["probabilities"] for graph in (loud.graph, loud.plain)
    )
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_the_gate_stops_min_max(loud: Loud, faces: str, tmp_path: Path) -> None:
    path = tmp_path / "a.edgefer"
    ranges = ("--calibration", faces, "--calibrator", "min-max", "--evaluation", faces)
    done = program("export", loud.path, *ranges, "--output", path, "--json")
    assert done.returncode == 1
    assert not path.exists()
    lost = json.loads(done.stdout)["lost"]
    fallen = {(loss["flavour"], loss["what"]): loss["fp32"] - loss["found"] for loss in lost}
    assert all(fallen[str(flavour), "accuracy"] > 5 for flavour in Flavour)
    assert "--calibrator auto" in done.stderr


def test_ranges_repairs_and_search_save_it(loud: Loud, faces: str, tmp_path: Path) -> None:
    path = tmp_path / "a.edgefer"
    data = ("--calibration", faces, "--evaluation", faces)
    done = program("export", loud.path, *data, *RECOVERED, "--output", path)
    assert done.returncode == 0, done.stderr
    manifest = read_bundle(path).manifest
    assert manifest.accuracy is not None
    view = GraphView(onnx.load_model_from_string(loud.graph))
    costs = {node.name: view.multiply_adds(node) for node in view.nodes}
    for flavour in Flavour:
        lost = manifest.accuracy["fp32"]["accuracy"] - manifest.accuracy[str(flavour)]["accuracy"]
        assert lost <= 0.005
        high = [e.node for e in manifest.higher_precision if e.flavour == str(flavour)]
        assert sum(costs[name] for name in high) <= 0.25 * sum(costs.values())
