"""Rounding for the results: never worse than the nearest, and what GPTQ's own loop gives."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from edgefer.calibration import rounding
from edgefer.calibration.fetch import fetch
from edgefer.calibration.grid import MOST, along, channel_axis, round_weights, weight_scales
from edgefer.calibration.layers import patches, to_rows
from edgefer.calibration.rounding import round_for_results
from edgefer.calibration.view import GraphView
from tests.calibration.test_bias_correction import MODELS, batches, layers_of, ranges_of
from tests.export.graphs import large_classifier, residual, shared_weights
from tests.export.hard import constant

Doubles = NDArray[np.float64]


def errors(
    model: onnx.ModelProto, node: onnx.NodeProto, stored: NDArray[np.int8]
) -> NDArray[np.float64]:
    """The mean squared error of each channel, all places of all faces: [groups, results]."""
    weight, axis = node.input[1], channel_axis(node)
    exact = constant(model, weight)
    scales = weight_scales(GraphView(model), layers_of(model), ranges_of(model))[weight]
    wrong = to_rows(node, stored * along(scales, axis, exact.ndim) - exact)
    total = 0.0
    for found in fetch(model, [node.input[0]], batches()):
        seen = patches(node, exact.shape[2:], found[node.input[0]])
        total = total + np.square(wrong @ seen.transpose(0, 2, 1)).sum(axis=2, dtype=np.float64)
    return np.asarray(total)


def nearest(model: onnx.ModelProto, node: onnx.NodeProto) -> NDArray[np.int8]:
    scales = weight_scales(GraphView(model), layers_of(model), ranges_of(model))
    weight = node.input[1]
    return round_weights(constant(model, weight), scales[weight], channel_axis(node))


@pytest.mark.parametrize("made", MODELS, ids=lambda made: made.__name__)
def test_results_come_nearer(made: Callable[[], onnx.ModelProto]) -> None:
    model = made()
    found = round_for_results(model, layers_of(model), ranges_of(model), batches)
    assert set(found) == {node.input[1] for node in layers_of(model)}
    for node in layers_of(model):
        integers = found[node.input[1]]
        assert integers.dtype == np.int8
        assert np.abs(integers.astype(int)).max() <= MOST
        before = errors(model, node, nearest(model, node)).sum()
        after = errors(model, node, integers).sum()
        assert after < 0.8 * before, node.name


def test_it_is_the_same_again() -> None:
    model = residual()
    first, second = (
        round_for_results(model, layers_of(model), ranges_of(model), batches) for _ in range(2)
    )
    assert all(np.array_equal(first[name], second[name]) for name in first)


def test_a_shared_weight_serves_both_layers() -> None:
    model = shared_weights()
    one, two = (node for node in layers_of(model) if node.name in ("one", "two"))
    both = round_for_results(model, layers_of(model), ranges_of(model), batches)[one.input[1]]

    def together(stored: NDArray[np.int8]) -> float:
        return float(errors(model, one, stored).sum() + errors(model, two, stored).sum())

    assert together(both) < together(nearest(model, one))


def test_little_memory_means_more_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    passes = 0

    def counted() -> Iterator[NDArray[np.uint8]]:
        nonlocal passes
        passes += 1
        return batches()

    monkeypatch.setattr(rounding, "_MEMORY", 1 << 10)
    model = residual()
    found = round_for_results(model, layers_of(model), ranges_of(model), counted)
    assert passes == len(found) == len(layers_of(model))


def test_what_is_too_wide_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rounding, "_MOST_INPUTS", 1000)
    model = large_classifier()
    found = round_for_results(model, layers_of(model), ranges_of(model), batches)
    hidden = next(node.input[1] for node in layers_of(model) if node.name == "hidden")
    assert set(found) == {node.input[1] for node in layers_of(model)} - {hidden}


def gptq(exact: Doubles, moments: Doubles) -> Doubles:
    """Algorithm 1 of the paper, column by column, with the inverse of the moments."""
    order = np.argsort(-moments.diagonal(), kind="stable")
    damped = moments[np.ix_(order, order)]
    damped += 0.01 * moments.diagonal().mean() * np.eye(len(damped))
    upper = np.linalg.cholesky(np.linalg.inv(damped)).T
    wanted, found = exact[:, order].copy(), np.zeros_like(exact)
    for column in range(len(upper)):
        found[:, order[column]] = np.clip(np.rint(wanted[:, column]), -MOST, MOST)
        error = (wanted[:, column] - found[:, order[column]]) / upper[column, column]
        wanted[:, column:] -= np.outer(error, upper[column, column:])
    return found


@pytest.mark.parametrize("inputs", [1, 5, 27, 300])
def test_the_nearest_plane_is_gptq(inputs: int) -> None:
    random = np.random.default_rng(inputs)
    seen = random.normal(size=(4 * inputs, inputs)) @ random.normal(size=(inputs, inputs))
    exact = random.uniform(-MOST, MOST, (16, inputs))
    moments = seen.T @ seen
    assert np.array_equal(rounding._nearest_plane(exact, moments), gptq(exact, moments))


@given(st.integers(1, 12), st.integers(0, 2**32 - 1), st.integers(0, 12))
def test_no_channel_gets_worse(inputs: int, seed: int, rank: int) -> None:
    """Whatever the moments are: of few faces, or all 0."""
    random = np.random.default_rng(seed)
    seen = random.normal(size=(rank, inputs)) * random.choice([0, 1e-3, 1, 1e3], inputs)
    moments = (seen.T @ seen).astype(np.float32)
    exact = random.uniform(-MOST, MOST, (6, inputs)).astype(np.float32)
    plain = np.rint(exact).astype(np.int8)
    found = rounding._round(exact, plain, moments)
    assert np.abs(found).max() <= MOST
    assert np.array_equal(found, np.rint(found))
    lost = [((each - exact) @ moments * (each - exact)).sum(axis=1) for each in (found, plain)]
    assert np.all(lost[0] <= lost[1] * (1 + 1e-4) + 1e-4 * moments.trace())


def test_inputs_that_have_nothing_in_common_are_rounded_to_the_nearest() -> None:
    exact = np.random.default_rng(0).uniform(-MOST, MOST, (6, 9)).astype(np.float32)
    plain = np.rint(exact).astype(np.int8)
    assert np.array_equal(rounding._round(exact, plain, np.eye(9, dtype=np.float32)), plain)
