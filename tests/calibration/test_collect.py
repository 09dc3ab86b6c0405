"""Ranges: those of all faces, whatever the batches; and no range from nothing."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import numpy_helper

from edgefer.calibration.collect import collect_ranges
from edgefer.errors import InputError
from tests.export.graphs import SIZE, residual

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
