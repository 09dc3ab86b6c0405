"""Equalisation: the same answers, channels of the same reach, and what is left alone."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edgefer.calibration.equalisation import equalise, find_reaches
from edgefer.export.answers import answers
from tests.export.graphs import SIZE, GraphMaker, residual, shared_weights
from tests.export.hard import (
    constant,
    depthwise_and_hard_swish,
    replace_constant,
    smooth_faces,
    with_a_great_channel,
)

FACES = smooth_faces(24)
# Layers of `depthwise_and_hard_swish` that the next one reads scale for scale.
LINKED = (("filter1", "widen"), ("widen", "filter2"), ("filter2", "narrow"), ("last", "classifier"))


def batches() -> Iterator[NDArray[np.uint8]]:
    yield FACES[:16]
    yield FACES[16:]


def equalised(model: onnx.ModelProto) -> onnx.ModelProto:
    return equalise(model, find_reaches(model, batches()))


def found(model: onnx.ModelProto) -> NDArray[np.float32]:
    return answers(model.SerializeToString(), FACES)["probabilities"]


def weights(model: onnx.ModelProto) -> dict[str, NDArray[np.float32]]:
    """By the layer's name."""
    return {
        node.name: constant(model, node.input[1])
        for node in model.graph.node
        if node.op_type in ("Conv", "Gemm")
    }


def same(model: onnx.ModelProto, other: onnx.ModelProto, layer: str) -> bool:
    return np.array_equal(weights(model)[layer], weights(other)[layer])


@settings(max_examples=25)
@given(
    st.lists(
        st.tuples(st.sampled_from(LINKED[:3]), st.integers(0, 7), st.floats(-5, 5)), max_size=6
    )
)
def test_answers_stay_whatever_the_scales(
    scaled: list[tuple[tuple[str, str], int, float]],
) -> None:
    model = depthwise_and_hard_swish()
    expected = found(model)
    for (first, second), channel, power in scaled:
        model = with_a_great_channel(model, first, second, 10**power, channel)
    np.testing.assert_allclose(found(equalised(model)), expected, atol=1e-4)


@pytest.mark.parametrize("pair", LINKED[:3], ids=lambda pair: "-".join(pair))
def test_a_great_channel_is_undone(pair: tuple[str, str]) -> None:
    """The scales are those that they would have been without it."""
    model = depthwise_and_hard_swish()
    great = with_a_great_channel(model, *pair)
    plain, undone = (weights(equalised(each)) for each in (model, great))
    for name, values in plain.items():
        shared = np.abs(undone[name]).max() / np.abs(values).max()  # by all channels alike
        np.testing.assert_allclose(undone[name] / shared, values, rtol=0.02, atol=1e-6)


def test_nodes_tensors_and_unlinked_layers_stay() -> None:
    model = depthwise_and_hard_swish()
    made = equalised(model)
    onnx.checker.check_model(made, full_check=True)
    assert made.graph.node == model.graph.node
    assert [(t.name, t.dims) for t in made.graph.initializer] == [
        (t.name, t.dims) for t in model.graph.initializer
    ]
    changed = {name for name in weights(model) if not same(model, made, name)}
    assert changed == {name for pair in LINKED for name in pair}


def test_reaches_come_nearer_to_each_other() -> None:
    model = with_a_great_channel(depthwise_and_hard_swish(), "filter1", "widen")
    before = find_reaches(model, batches())
    after = find_reaches(equalise(model, before), batches())
    assert set(before) == {"filter1", "widen", "b", "flat"}

    def spread(reach: NDArray[np.float64]) -> float:
        return float(reach.max() / np.median(reach))

    assert spread(before["filter1"]) > 50
    assert all(spread(after[name]) < min(spread(before[name]), 2) for name in after)


def test_reaches_do_not_depend_on_the_batches() -> None:
    model = depthwise_and_hard_swish()
    whole, parts = find_reaches(model, [FACES]), find_reaches(model, batches())
    for name, reach in whole.items():
        np.testing.assert_allclose(parts[name], reach, rtol=1e-5)


@pytest.mark.parametrize("layer", ["filter1", "widen"])
def test_a_channel_of_zeros_keeps_its_scale(layer: str) -> None:
    model = depthwise_and_hard_swish()
    weight = next(node.input[1] for node in model.graph.node if node.name == layer)
    values = constant(model, weight)
    values[:, 0] = 0
    values[0] = 0
    replace_constant(model, weight, values)
    made = equalised(model)
    assert all(np.isfinite(each).all() for each in weights(made).values())
    np.testing.assert_allclose(found(made), found(model), atol=1e-4)
    name = LINKED[0][0] if layer == "widen" else layer
    assert np.array_equal(weights(made)[name][0], weights(model)[name][0])


def two_layers(kind: str, *others: NDArray[np.generic], **attributes: object) -> onnx.ModelProto:
    """`first`, an operator that reads its results and `others`, then `second`."""
    made = GraphMaker()
    made.node("HardSwish", ["stem"], "a")
    made.conv("first", "a", 8, 8)
    constants = [made.constant("other", each) for each in others]
    made.node(kind, ["first", *constants], "middle", **attributes)
    made.conv("second", "middle", 8, 8)
    made.node("HardSwish", ["second"], "z")
    return made.close("z", 8)


SLOPES = np.linspace(-0.5, 0.9, 8, dtype=np.float32).reshape(8, 1, 1)
POOL = {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}


@pytest.mark.parametrize(
    "model",
    [
        two_layers("Relu"),
        two_layers("LeakyRelu", alpha=0.2),
        two_layers("PRelu", SLOPES),
        two_layers("MaxPool", **POOL),
        two_layers("AveragePool", **POOL),
    ],
    ids=lambda model: model.graph.node[6].op_type,
)
def test_what_passes_scales_on(model: onnx.ModelProto) -> None:
    made = equalised(model)
    assert [n for n in weights(model) if not same(model, made, n)] == ["first", "second"]
    np.testing.assert_allclose(found(made), found(model), atol=1e-5)


@pytest.mark.parametrize(
    "model",
    [
        two_layers("Clip", np.float32(-1), np.float32(1)),
        two_layers("HardSwish"),
        two_layers("Sigmoid"),
        two_layers("Tanh"),
        two_layers("Add", SLOPES),
        two_layers("Mul", SLOPES),
        two_layers("Softmax", axis=1),
        two_layers("Reshape", np.array([-1, 8, SIZE, SIZE])),
    ],
    ids=lambda model: model.graph.node[6].op_type,
)
def test_what_does_not_is_left_alone(model: onnx.ModelProto) -> None:
    assert equalised(model) == model


def test_what_others_read_too_is_left_alone() -> None:
    model = residual()
    made = equalised(model)
    changed = [name for name in weights(model) if not same(model, made, name)]
    assert changed == ["b1", "b3"]  # alone in its block
    np.testing.assert_allclose(found(made), found(model), atol=1e-5)


def test_shared_weights_are_left_alone() -> None:
    model = shared_weights()
    assert equalised(model) == model


def test_a_shared_bias_is_left_alone() -> None:
    model = two_layers("Relu")
    nodes = {node.name: node for node in model.graph.node}
    nodes["second"].input[2] = nodes["first"].input[2]
    assert equalised(model) == model


def test_what_is_an_output_too_is_left_alone() -> None:
    model = two_layers("Relu")
    about = onnx.helper.make_tensor_value_info
    model.graph.output.append(about("middle", onnx.TensorProto.FLOAT, ["n", 8, SIZE, SIZE]))
    assert equalised(model) == model


def test_the_pixels_keep_their_scale() -> None:
    """The layer that scales them is read by `stem`, and nothing lies between."""
    model = with_a_great_channel(two_layers("Relu"), "input", "stem")
    made = equalised(model)
    assert same(model, made, "input")
    assert same(model, made, "stem")


def test_a_gemm_behind_a_pool_is_read_scale_for_scale() -> None:
    made = GraphMaker()
    made.node("HardSwish", ["stem"], "a")
    made.conv("first", "a", 8, 8)
    made.node(
        "ReduceMean", ["first", made.constant("axes", np.array([-1, -2]))], "mean", keepdims=0
    )
    made.node("Reshape", ["mean", made.constant("shape", np.array([-1, 8]))], "b")
    made.node("Gemm", ["b", made.weight(8, 6), made.bias(6)], "hidden")
    made.node("Relu", ["hidden"], "c")
    made.node("Unsqueeze", ["c", made.constant("places", np.array([2, 3]))], "d")
    model = made.close("d", 6)
    made_equal = equalised(model)
    assert [n for n in weights(model) if not same(model, made_equal, n)] == ["first", "hidden"]
    np.testing.assert_allclose(found(made_equal), found(model), atol=1e-5)
