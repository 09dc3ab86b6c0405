"""Ranges and histograms: those of all faces, whatever the batches; and none from nothing."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import numpy_helper

from edgefer.calibration.calibrators import BINS
from edgefer.calibration.collect import (
    collect_histograms,
    collect_ranges,
    float_activations,
    greatest_weights,
)
from edgefer.calibration.view import GraphView
from edgefer.errors import InputError
from edgefer.export.answers import answers
from tests.export.graphs import LABELS, SIZE, GraphMaker, residual

TENSORS = ["input", "a", "sum1", "probabilities"]


def test_ranges_do_not_depend_on_the_batches() -> None:
    graph = residual().SerializeToString()
    faces = np.random.default_rng(0).integers(0, 256, (20, SIZE, SIZE, 3)).astype(np.uint8)
    whole = collect_ranges(graph, TENSORS, [faces])
    parts = collect_ranges(graph, TENSORS, [faces[:3], faces[3:4], faces[4:]])
    for name in TENSORS:
        assert whole[name].low == pytest.approx(parts[name].low, abs=1e-5)
        assert whole[name].high == pytest.approx(parts[name].high, abs=1e-5)


def test_ranges_are_the_values_that_were_there() -> None:
    graph = residual().SerializeToString()
    black_and_white = np.stack([np.zeros((SIZE, SIZE, 3)), np.full((SIZE, SIZE, 3), 255)])
    ranges = collect_ranges(graph, TENSORS, [black_and_white.astype(np.uint8)])
    assert ranges["input"].low == pytest.approx(-2, abs=0.5)
    assert ranges["input"].high == pytest.approx(255 / 64 - 2, abs=0.5)
    assert ranges["a"].low == 0  # behind a ReLU
    assert 0 < ranges["probabilities"].high <= 1


def test_no_face_is_an_input_error() -> None:
    with pytest.raises(InputError, match="at least one face"):
        collect_ranges(residual().SerializeToString(), TENSORS, [])


@pytest.mark.parametrize("place", [0, 5, -1])
def test_a_value_that_is_no_number_is_an_input_error(place: int) -> None:
    """Wherever it is: the least and the greatest value of a tensor pass over it."""
    model = residual()
    weight = next(t for t in model.graph.initializer if t.name.startswith("weight"))
    values = numpy_helper.to_array(weight).copy()
    values.reshape(-1)[place] = np.nan
    weight.CopyFrom(numpy_helper.from_array(values, weight.name))
    faces = np.zeros((2, SIZE, SIZE, 3), np.uint8)
    with pytest.raises(InputError, match="expected finite values, found others"):
        collect_ranges(model.SerializeToString(), TENSORS, [faces])


def some_faces(count: int = 12) -> np.ndarray:
    return np.random.default_rng(2).integers(0, 256, (count, SIZE, SIZE, 3)).astype(np.uint8)


def test_histograms_count_every_value_once() -> None:
    graph, faces = residual().SerializeToString(), some_faces()
    ranges = collect_ranges(graph, TENSORS, [faces])
    found = collect_histograms(graph, ranges, [faces])
    assert found["probabilities"].counts.sum() == len(faces) * len(LABELS)
    values = np.abs(answers(graph, faces)["probabilities"])
    expected = np.histogram(values, bins=BINS, range=(0, ranges["probabilities"].limit))[0]
    # a value at the edge of a bin may be counted in the one beside it
    assert np.abs(np.cumsum(expected) - np.cumsum(found["probabilities"].counts)).max() <= 1


def test_counts_do_not_depend_on_the_order_of_the_batches() -> None:
    graph, faces = residual().SerializeToString(), some_faces()
    batches = [faces[start : start + 4] for start in range(0, len(faces), 4)]
    ranges = collect_ranges(graph, TENSORS, batches)
    assert ranges == collect_ranges(graph, TENSORS, batches[::-1])
    there, back = (collect_histograms(graph, ranges, each) for each in (batches, batches[::-1]))
    for name in TENSORS:
        np.testing.assert_array_equal(there[name].counts, back[name].counts)


def test_a_tensor_that_is_always_zero_has_an_empty_histogram() -> None:
    made = GraphMaker()
    made.node("Mul", ["stem", made.constant("zero", np.zeros((), np.float32))], "nothing")
    graph = made.close("nothing", 8).SerializeToString()
    ranges = collect_ranges(graph, ["nothing"], [some_faces()])
    (found,) = collect_histograms(graph, ranges, [some_faces()]).values()
    assert found.limit == 0
    assert not found.counts.any()


def test_every_activation_but_the_pixels_as_they_are_is_looked_at() -> None:
    view = GraphView(residual())
    made = {name for node in view.nodes for name in node.output}
    assert set(float_activations(view)) == made - {"cast", "planes"}


def test_weights_that_are_not_finite_are_named() -> None:
    model = residual()
    greatest_weights(GraphView(model))
    weight = model.graph.initializer[-1]
    values = numpy_helper.to_array(weight).copy()
    values.reshape(-1)[-1] = np.inf
    weight.CopyFrom(numpy_helper.from_array(values, weight.name))
    with pytest.raises(InputError, match=f"{weight.name}: expected finite weights, found NaN"):
        greatest_weights(GraphView(model))


def test_a_clip_without_end_is_no_broken_weight() -> None:
    made = GraphMaker()
    least, most = (made.constant("end", np.array(end, np.float32)) for end in (0, np.inf))
    made.node("Clip", ["stem", least, most], "a")
    greatest_weights(GraphView(made.close("a", 8)))


def test_activations_that_overflow_are_named() -> None:
    made = GraphMaker()
    made.node("Exp", ["stem"], "first")
    much = made.constant("much", np.array(3e38, np.float32))
    made.node("Mul", ["first", much], "second")
    model = made.close("second", 8)
    greatest_weights(GraphView(model))
    tensors = float_activations(GraphView(model))
    with pytest.raises(InputError, match="calibration: second: expected finite values"):
        collect_ranges(model.SerializeToString(), tensors, [some_faces()])


def test_a_dead_activation_has_an_empty_histogram() -> None:
    made = GraphMaker()
    made.node("Mul", ["stem", made.constant("by", np.array(1e-38, np.float32))], "dead")
    graph = made.close("dead", 8).SerializeToString()
    pixels = np.full((2, SIZE, SIZE, 3), 200, np.uint8)
    ranges = collect_ranges(graph, ["dead"], [pixels])
    assert 0 < ranges["dead"].limit < 1e-30
    assert collect_histograms(graph, ranges, [pixels])["dead"].counts.sum() == 0
