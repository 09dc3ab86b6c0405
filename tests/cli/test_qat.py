"""`edgefer train --qat` as a user runs it: a graph with its ranges, checkpoints, refusals."""

from __future__ import annotations

import json
from pathlib import Path

import onnx
import pytest

from edgefer.bundle import read_bundle
from edgefer.export.graph import graph_from_file
from edgefer.export.shipped import shipped_graph
from edgefer.labels import ORDERS
from edgefer.manifest import Flavour
from edgefer.training.recipes import quantised_recipe
from edgefer.training.trainer import Trainer
from edgefer.zoo.registry import Choices, find_network
from edgefer.zoo.weights import load_network, save_weights

pytest.importorskip("modelopt", reason="the torch extra is not installed")

ARGUMENTS = ("train", "fer-lite", "--qat", "--data", "synthetic:8", "--batch", 4)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_shipped_weights_become_a_graph_that_exports_without_faces(edgefer, here: Path) -> None:
    done = edgefer(*ARGUMENTS, "--epochs", 1, "--json")
    assert done.status == 0, done.err
    document = json.loads(done.out)
    assert document["weights"] == "fer-lite-qat.onnx"
    assert document["start"]["graph"] == shipped_graph().sha256
    assert document["calibration"]["data"] == "synthetic"
    assert document["options"]["learning_rate"] == quantised_recipe("fer-lite").learning_rate
    assert document["accuracy"] == document["epochs"][-1]["accuracy"]
    before, first = done.err.splitlines()[-2:]
    assert before.startswith("before: accuracy ")
    assert first.startswith("epoch 1 of 1: loss ")
    assert [path.name for path in here.iterdir()] == ["fer-lite-qat.onnx"]

    table = graph_from_file(here / "fer-lite-qat.onnx").table
    assert table is not None
    assert table.drawn
    command = ("export", "fer-lite-qat.onnx", "--output", "b.edgefer")
    assert "drawn faces would set its ranges" in edgefer(*command).err
    exported = edgefer(*command, "--allow-drawn")
    assert exported.status == 0, exported.err
    bundle = read_bundle(here / "b.edgefer")
    assert bundle.manifest.weights["source"].endswith(", trained on for INT8")
    gpu = onnx.load_model_from_string(bundle.graph(Flavour.GPU))
    stored = {t.name: onnx.numpy_helper.to_array(t) for t in gpu.graph.initializer}
    for name, limits in table.ranges.items():
        if f"{name}.scale" in stored:
            assert float(stored[f"{name}.scale"]) == pytest.approx(limits.limit / 127, rel=1e-3)


def test_weights_bring_their_labels(edgefer, here: Path) -> None:
    network = find_network("fer-lite").varied(Choices(labels=ORDERS["affectnet-7"]))
    module = load_network(network, "random:0", Choices(labels=network.labels)).module
    save_weights(here / "w", network, module.state_dict(), None)
    given = ("--weights", "w", "--calibrator", "mse", "--output", "made.onnx")
    done = edgefer(*ARGUMENTS, "--epochs", 1, *given)
    assert done.status == 0, done.err
    assert "1 of 8 faces of synthetic are not learnt" in done.err
    assert "\n from " in done.out
    graph = graph_from_file(here / "made.onnx")
    assert graph.labels == ORDERS["affectnet-7"]
    assert graph.table is not None
    assert graph.table.calibrator == "mse"


def test_a_stopped_run_goes_on_to_the_same_graph(
    edgefer, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = (*ARGUMENTS, "--epochs", 2)
    assert edgefer(*given, "--output", "whole.onnx").status == 0
    train_epoch = Trainer._train_epoch

    def interrupted(trainer: Trainer, epoch: int) -> tuple[float, float]:
        if epoch:
            raise KeyboardInterrupt
        return train_epoch(trainer, epoch)

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "_train_epoch", interrupted)
        done = edgefer(*given, "--output", "stopped.onnx")
    assert done.status == 130
    assert "stopped.onnx.checkpoint has 1 of 2 epochs; --resume goes on" in done.err
    again = edgefer(*given, "--output", "stopped.onnx", "--resume")
    assert again.status == 0, again.err
    assert (here / "stopped.onnx").read_bytes() == (here / "whole.onnx").read_bytes()
    assert sorted(path.name for path in here.iterdir()) == ["stopped.onnx", "whole.onnx"]


def test_ranges_are_for_int8_only(edgefer, here: Path) -> None:
    done = edgefer("train", "fer-lite", "--data", "synthetic:8", "--calibrator", "mse")
    assert done.status == 2
    assert "--calibrator mse: only --qat has ranges" in done.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["fer-lite", "--trunk-rate", "0.5"], "--trunk-rate is for weights that are loaded"),
        (["fer-lite", "--calibrator", "best"], "calibrator 'best': expected one of min-max"),
        (["resnet18"], "resnet18: no weights ship with it; give --weights FILE"),
        (["fer-lite", "--size", "64"], "fer-lite: expected a size of 48 pixels, found 64"),
        (["fer-lite", "--weights", "no"], "no: expected weights in safetensors"),
        (["fer-lite", "--output", "no/w.onnx"], "cannot write there"),
        (["fer-lite", "--epochs", "0"], "expected epochs of 1 or more"),
        (["fer-lite", "--resume"], "found none; leave out --resume"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_input_is_one_line(edgefer, here: Path, arguments: list[str], message: str) -> None:
    done = edgefer("train", *arguments, "--qat", "--data", "synthetic:8")
    assert done.status == 2
    assert message in done.err
    assert len(done.err.splitlines()) == 1
    assert list(here.iterdir()) == []
