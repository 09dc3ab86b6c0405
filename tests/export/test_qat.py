"""Training in INT8: it learns, stays within its ranges, goes on, and its graph is what it was."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest

from edgefer.calibration.table import CalibrationTable
from edgefer.data.drawn import drawn_faces
from edgefer.data.faces import FaceSet
from edgefer.errors import InputError
from edgefer.export.answers import answers, probabilities
from edgefer.export.flavours import int8_graph
from edgefer.export.graph import SourceGraph, graph_from_file, read_graph, write_calibrated
from edgefer.export.pipeline import export_bundle
from edgefer.export.ranges import calibrate
from edgefer.export.source import Source
from edgefer.labels import Expression
from edgefer.manifest import Flavour, Precision
from edgefer.training.options import TrainingOptions
from edgefer.training.recipes import RECIPES, quantised_recipe
from edgefer.training.variation import PRESETS, Preset
from edgefer.zoo.registry import NETWORKS, Network, PixelScale
from tests.export.conftest import Exported
from tests.export.graphs import LABELS, residual
from tests.training.tiny import noise_faces

torch = pytest.importorskip("torch", reason="the torch extra is not installed")
pytest.importorskip("modelopt", reason="the torch extra is not installed")
qat = pytest.importorskip("edgefer.export.qat")

SIZE = 24
SHORT = TrainingOptions(
    epochs=2, batch=8, learning_rate=0.01, weight_decay=0, augmentation=PRESETS[Preset.NONE]
)


@pytest.fixture(scope="module")
def graph() -> SourceGraph:
    """A small residual graph."""
    return read_graph(residual(SIZE).SerializeToString(), "test")


@pytest.fixture(autouse=True)
def network(graph: SourceGraph, monkeypatch: pytest.MonkeyPatch) -> None:
    """The network that it is the graph of."""
    model = onnx.load_model_from_string(graph.data)
    stored = {t.name: onnx.numpy_helper.to_array(t) for t in model.graph.initializer}
    (scaling,) = (node for node in model.graph.node if node.name == "input")
    weights, bias = (stored[name] for name in scaling.input[1:])
    scale = PixelScale(tuple(map(tuple, weights[:, :, 0, 0].tolist())), tuple(bias.tolist()))
    made = Network("test", "for tests", SIZE, graph.labels, scale, "none")
    monkeypatch.setitem(NETWORKS, "test", made)


def some_faces(seed: int = 0) -> FaceSet:
    """Faces that mean nothing, with the labels of the graph."""
    return noise_faces(64, seed).relabelled(tuple(map(Expression, LABELS)))


@pytest.fixture
def table(graph: SourceGraph) -> CalibrationTable:
    """The ranges of the graph."""
    return calibrate(graph, some_faces())


def trainer(graph: SourceGraph, table: CalibrationTable, options: TrainingOptions = SHORT):
    return qat.QuantisedTrainer(graph, table, some_faces(), options, some_faces())


def weights(made) -> dict[str, np.ndarray]:
    return {name: value.detach().numpy() for name, value in made.averaged.graph.learnt().items()}


def same(a, b) -> bool:
    return all(np.array_equal(value, weights(b)[name]) for name, value in weights(a).items())


def test_it_learns_by_heart_through_its_rounding(
    graph: SourceGraph, table: CalibrationTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(qat, "TAUGHT", 0.0)  # the teacher knows nothing of these
    options = replace(SHORT, epochs=40, learning_rate=0.05, averaging=0.5)
    epochs = list(trainer(graph, table, options))
    assert epochs[0].loss > 0.8
    assert epochs[-1].loss < 0.5
    assert epochs[-1].accuracy is not None
    assert epochs[-1].accuracy > 0.8


def test_what_is_measured_is_what_gpu_onnx_answers(
    graph: SourceGraph, table: CalibrationTable
) -> None:
    made = trainer(graph, table)
    (*_, last) = made
    trained, ranges = made.result(last.accuracy)
    faces = some_faces()
    pixels = faces.pixels(SIZE)
    with torch.no_grad():
        torchs = made.averaged.graph(torch.from_numpy(pixels))["probabilities"].numpy()
    assert (torchs.argmax(axis=1) == faces.classes).mean() == last.accuracy
    model = onnx.load_model_from_string(trained.data)
    gpu = int8_graph(model, ranges, Flavour.GPU)[0].SerializeToString()
    assert np.abs(probabilities(gpu, [pixels]) - torchs).max() < 0.02
    exact = answers(trained.data, pixels)["probabilities"]
    assert np.abs(exact - torchs).max() > 0


def test_the_result_has_other_weights_and_the_same_ranges(
    graph: SourceGraph, table: CalibrationTable
) -> None:
    made = trainer(graph, table)
    list(made)
    trained, ranges = made.result(0.5)
    assert ranges.graph == trained.sha256 != graph.sha256
    assert replace(ranges, graph=table.graph) == table
    assert (trained.network, trained.labels, trained.size) == ("test", graph.labels, SIZE)
    assert trained.variant == graph.variant
    assert trained.origin["source"] == f"{graph.origin['source']}, trained on for INT8"
    training = trained.origin["training"]
    assert training["start"]["graph"] == graph.sha256
    assert training["calibration"]["data_sha256"] == table.data_sha256
    assert training["options"]["learning_rate"] == SHORT.learning_rate
    assert training["accuracy"] == 0.5
    before, after = (onnx.load_model_from_string(each.data).graph for each in (graph, trained))
    assert list(before.node) == list(after.node)
    changed = [a.name for a, b in zip(before.initializer, after.initializer) if a != b]
    assert set(changed) == set(weights(made))


def test_the_file_is_exported_with_the_scales_of_the_training(
    graph: SourceGraph, table: CalibrationTable, tmp_path: Path
) -> None:
    made = trainer(graph, table)
    list(made)
    write_calibrated(tmp_path / "made.onnx", *made.result(None))
    read = graph_from_file(tmp_path / "made.onnx")
    bundle = export_bundle(Source(read, table=read.table), Precision.INT8, allow_drawn=True)
    model = onnx.load_model_from_string(bundle.graph(Flavour.GPU))
    stored = {t.name: onnx.numpy_helper.to_array(t) for t in model.graph.initializer}
    scales = made.averaged.graph.scales()
    assert scales
    for name, scale in scales.items():
        assert np.array_equal(stored[f"{name}.scale"].astype(np.float32), scale)
    assert bundle.manifest.weights["training"]["start"]["graph"] == graph.sha256


def test_the_same_run_gives_the_same_weights_and_a_stopped_one_too(
    graph: SourceGraph, table: CalibrationTable, tmp_path: Path
) -> None:
    whole, again, stopped, resumed, other = (
        trainer(graph, table, replace(SHORT, seed=seed)) for seed in (0, 0, 0, 0, 1)
    )
    assert list(whole) == list(again)
    assert same(whole, again)
    list(other)
    assert not same(whole, other)
    next(iter(stopped))
    stopped.save(tmp_path / "checkpoint")
    resumed.resume(tmp_path / "checkpoint")
    assert [epoch.number for epoch in resumed] == [2]
    assert same(whole, resumed)


def test_a_checkpoint_of_other_ranges_is_refused(
    graph: SourceGraph, table: CalibrationTable, tmp_path: Path
) -> None:
    trainer(graph, table).save(tmp_path / "checkpoint")
    others = calibrate(graph, some_faces(5))
    with pytest.raises(InputError, match="data was noise0, is now noise5"):
        trainer(graph, others).resume(tmp_path / "checkpoint")


def test_the_teacher_is_the_fp32_graph_and_stays_so(
    graph: SourceGraph, table: CalibrationTable
) -> None:
    made = trainer(graph, table)
    pixels = some_faces().pixels(SIZE)
    expected = answers(graph.data, pixels)["probabilities"]
    list(made)
    with torch.no_grad():
        found = made.module.teacher(torch.from_numpy(pixels))["probabilities"].numpy()
    assert np.abs(found - expected).max() < 1e-5
    learnt = {name for name, _ in made.module.named_parameters()}
    assert not any("teacher" in name for name in (*learnt, *made.module.state_dict()))


def test_loss_is_least_where_labels_and_teacher_meet(
    graph: SourceGraph, table: CalibrationTable
) -> None:
    pupil = trainer(graph, table).module
    targets = torch.tensor([[1.0, 0, 0]])
    taught = torch.tensor([[0.0, 1, 0]])
    between = torch.lerp(targets, taught, qat.TAUGHT)

    def loss(answer) -> float:
        return float(pupil.loss(({"probabilities": answer}, taught), targets))

    assert loss(between) < min(loss(targets), loss(taught))
    assert np.isfinite(loss(targets))


def test_ranges_of_another_graph_are_refused(graph: SourceGraph, table: CalibrationTable) -> None:
    with pytest.raises(InputError, match="test: the ranges are another graph's; calibrate"):
        trainer(graph, replace(table, graph="0" * 64))


def test_every_network_takes_a_step(exported: Exported) -> None:
    graph = exported.source.graph
    faces = drawn_faces(4, seed=1).relabelled(graph.labels)
    options = replace(SHORT, epochs=1, batch=2, learning_rate=1e-4)
    made = qat.QuantisedTrainer(graph, calibrate(graph, faces), faces, options)
    (epoch,) = made
    assert np.isfinite(epoch.loss)
    before = onnx.load_model_from_string(graph.data).graph.initializer
    stored = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in before}
    after = weights(made)
    still = [name for name in after if np.array_equal(after[name], stored[name])]
    assert len(still) < len(after) / 5  # what softmax passes over has next to no gradient


@pytest.mark.parametrize("network", RECIPES)
def test_the_recipe_is_short_and_low(network: str) -> None:
    own, short = RECIPES[network], quantised_recipe(network)
    assert short.epochs < own.epochs
    assert short.learning_rate < own.learning_rate
    assert short.augmentation == own.augmentation
    assert short.batch == own.batch
