"""Repairs through to both INT8 graphs: a network made hard gets its answers back."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import numpy_helper

from edgefer.calibration.calibrators import CalibrationOptions, Calibrator
from edgefer.calibration.repairs import NO_REPAIRS, Repair, Repairs
from edgefer.calibration.table import CalibrationTable
from edgefer.data.drawn import drawn_faces
from edgefer.errors import CheckFailed, InputError
from edgefer.export import repair as repairing
from edgefer.export.answers import answers
from edgefer.export.flavours import int8_graph
from edgefer.export.graph import SourceGraph, read_graph
from edgefer.export.ranges import calibrate
from edgefer.export.repair import equalised, repair
from edgefer.export.shipped import shipped_graph
from edgefer.manifest import Flavour
from tests.export.graphs import GraphMaker
from tests.export.hard import (
    constant,
    depthwise_and_hard_swish,
    with_a_great_channel,
    with_coarse_weights,
)

FACES = drawn_faces(48, seed=1)
MIN_MAX = CalibrationOptions(Calibrator.MIN_MAX, faces=48)


def parsed(graph: SourceGraph) -> onnx.ModelProto:
    return onnx.load_model_from_string(graph.data)


def changed(graph: SourceGraph, model: onnx.ModelProto) -> SourceGraph:
    return read_graph(model.SerializeToString(), graph.network)


def ranges(graph: SourceGraph) -> CalibrationTable:
    return calibrate(graph, FACES, MIN_MAX)


@pytest.fixture(scope="module")
def hard() -> SourceGraph:
    """The default network with a channel a hundred times greater than it was."""
    plain = shipped_graph()
    names = (f"network.layers.1.{layer}" for layer in ("conv1", "conv2"))
    return changed(plain, with_a_great_channel(parsed(plain), *names))


@pytest.fixture(scope="module")
def small() -> SourceGraph:
    return read_graph(depthwise_and_hard_swish(24).SerializeToString(), "small")


def harm(
    graph: SourceGraph, table: CalibrationTable, flavour: Flavour, repairs: Repairs = NO_REPAIRS
) -> float:
    """The mean KL divergence of an INT8 graph from FP32, over other faces."""
    pixels = drawn_faces(64, seed=2).pixels(graph.size)
    made, _ = int8_graph(parsed(graph), table, flavour, repairs=repairs)
    exact, found = (
        answers(data, pixels)["probabilities"].astype(np.float64)
        for data in (graph.data, made.SerializeToString())
    )
    return float((exact * np.log(np.maximum(exact, 1e-9) / np.maximum(found, 1e-9))).sum(1).mean())


@pytest.mark.parametrize("flavour", Flavour)
def test_equalisation_saves_a_hard_network(hard: SourceGraph, flavour: Flavour) -> None:
    saved = equalised(hard, FACES)
    assert saved.sha256 != hard.sha256
    assert replace(saved, data=hard.data) == hard
    before, after = (harm(graph, ranges(graph), flavour) for graph in (hard, saved))
    assert after < before / 20


def test_equalisation_is_of_use_elsewhere(small: SourceGraph) -> None:
    great = changed(small, with_a_great_channel(parsed(small), "filter1", "widen"))
    saved = equalised(great, FACES)
    for flavour in Flavour:
        plain, lost, found = (harm(each, ranges(each), flavour) for each in (small, great, saved))
        assert lost > 4 * plain
        assert found < 2 * plain


def test_ranges_that_came_along_are_dropped(hard: SourceGraph) -> None:
    assert equalised(replace(hard, table=ranges(hard)), FACES).table is None


def test_other_answers_are_a_failed_check(
    small: SourceGraph, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = with_a_great_channel(parsed(small), "narrow", "last")  # not linear
    monkeypatch.setattr(repairing, "equalise", lambda model, reaches: other)
    with pytest.raises(CheckFailed, match="equalised graph against its source"):
        equalised(small, FACES)


def test_a_network_without_pairs_stays(small: SourceGraph) -> None:
    made = GraphMaker(size=24)
    made.node("HardSwish", ["stem"], "a")
    made.conv("b", "a", 8, 8)
    made.node("HardSwish", ["b"], "c")
    lone = changed(small, made.close("c", 8))
    assert equalised(lone, FACES) == lone


@pytest.mark.parametrize("network", ["hard", "small"])
def test_repairs_are_in_both_graphs(network: str, request: pytest.FixtureRequest) -> None:
    graph: SourceGraph = request.getfixturevalue(network)
    model, table = parsed(graph), ranges(graph)
    made = repair(graph, table, tuple(Repair), FACES)
    assert made.bias
    assert made.weights
    for flavour in Flavour:
        repaired, _ = int8_graph(model, table, flavour, repairs=made)
        plain, _ = int8_graph(model, table, flavour)
        onnx.checker.check_model(repaired, full_check=True)
        for weight, integers in made.weights.items():
            assert np.array_equal(constant(repaired, f"{weight}.quantized"), integers)
            assert not np.array_equal(constant(plain, f"{weight}.quantized"), integers)
        for layer, correction in made.bias.items():
            exact = exact_bias(model, layer)
            stored = stored_bias(repaired, layer)
            np.testing.assert_allclose(stored, exact + correction, rtol=2e-3, atol=2e-3)


def exact_bias(model: onnx.ModelProto, layer: str) -> NDArray[np.float32]:
    (node,) = (node for node in model.graph.node if node.name == layer)
    return constant(model, node.input[2]) if len(node.input) > 2 else np.zeros(1, np.float32)


def stored_bias(model: onnx.ModelProto, layer: str) -> NDArray[np.float32]:
    """As a float, in whichever form the flavour has it."""
    values = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
    for name in (f"{layer}.bias.corrected", f"{layer}.bias.corrected.fp16"):
        if name in values:
            return values[name].astype(np.float32)
    return np.asarray(values[f"{layer}.bias.quantized"] * values[f"{layer}.bias.scale"])


def test_coarse_weights_lose_less() -> None:
    plain = shipped_graph()
    layers = [f"network.layers.{block}.conv{number}" for block in range(3) for number in (1, 2)]
    graph = changed(plain, with_coarse_weights(parsed(plain), layers))
    table = ranges(graph)
    corrected = repair(graph, table, (Repair.BIAS_CORRECTION,), FACES)
    both = repair(graph, table, (Repair.ROUNDING, Repair.BIAS_CORRECTION), FACES)
    rounded = replace(both, bias={})
    for flavour in Flavour:
        lost = harm(graph, table, flavour)
        assert harm(graph, table, flavour, corrected) < lost
        for repairs in (rounded, both):
            assert harm(graph, table, flavour, repairs) < lost / 1.5


def test_only_what_is_wanted_is_made(small: SourceGraph) -> None:
    table = ranges(small)
    assert repair(small, table, (), FACES) == NO_REPAIRS
    assert repair(small, table, (Repair.EQUALISATION,), FACES) == NO_REPAIRS
    rounded = repair(small, table, (Repair.ROUNDING,), FACES)
    assert rounded.weights
    assert not rounded.bias
    corrected = repair(small, table, (Repair.BIAS_CORRECTION,), FACES)
    assert corrected.bias
    assert not corrected.weights


def test_progress_names_each_repair(small: SourceGraph) -> None:
    seen: list[tuple[str, int, int]] = []

    def progress(phase: str, done: int, total: int) -> None:
        if not phase.startswith("decoding"):
            seen.append((phase, done, total))

    graph = equalised(small, FACES, progress)
    repair(graph, ranges(graph), tuple(Repair), FACES, progress)
    assert seen == [(str(each), 48, 48) for each in Repair]


def test_no_faces_and_ranges_of_another_graph_are_refused(small: SourceGraph) -> None:
    table = ranges(small)
    with pytest.raises(InputError, match="expected faces for repairs, found none"):
        repair(small, table, tuple(Repair), FACES.select([]))
    with pytest.raises(InputError, match="expected faces for repairs, found none"):
        equalised(small, FACES.select([]))
    with pytest.raises(InputError, match="the ranges are another graph's"):
        repair(small, replace(table, graph="0" * 64), tuple(Repair), FACES)
