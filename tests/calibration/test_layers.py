"""Rows times patches plus bias are what ONNX Runtime computes."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnxruntime as ort
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from onnx import TensorProto, helper

from edgefer.calibration.layers import from_rows, is_plain, patches, to_rows

Floats = NDArray[np.float32]


def computed(kind: str, values: Floats, weight: Floats, **attributes: Any) -> Floats:
    node = helper.make_node(kind, ["x", "w"], ["y"], **attributes)
    shapes = {"x": values.shape, "w": weight.shape}
    inputs = [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in shapes.items()]
    output = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    graph = helper.make_graph([node], "one", inputs, [output])
    opsets = [helper.make_opsetid("", 19)]
    model = helper.make_model(graph, ir_version=9, opset_imports=opsets)
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    found: Floats = session.run(["y"], {"x": values, "w": weight})[0]
    return found


@given(st.data())
def test_convolutions(data: st.DataObject) -> None:
    kernel = [data.draw(st.integers(1, 3)) for _ in range(2)]
    groups, inputs, outputs = (data.draw(st.integers(1, 3)) for _ in range(3))
    random = np.random.default_rng(0)
    values = random.normal(size=(2, groups * inputs, 8, 7)).astype(np.float32)
    weight = random.normal(size=(groups * outputs, inputs, *kernel)).astype(np.float32)
    numbers = st.lists(st.integers(1, 3), min_size=2, max_size=2)
    told: dict[str, Any] = {"group": groups, "strides": data.draw(numbers)}
    told["dilations"] = data.draw(numbers)
    auto = data.draw(st.sampled_from(["NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID"]))
    if auto != "NOTSET":
        # ONNX Runtime has no SAME padding for windows with gaps
        told.update(auto_pad=auto, dilations=[1, 1])
    else:
        told["pads"] = data.draw(st.lists(st.integers(0, 2), min_size=4, max_size=4))
    node = helper.make_node("Conv", ["x", "w"], ["y"], **told)
    expected = computed("Conv", values, weight, **told)
    seen = patches(node, kernel, values)
    found = to_rows(node, weight) @ seen.transpose(0, 2, 1)  # [groups, outputs, faces * places]
    arranged = found.reshape(groups * outputs, 2, *expected.shape[2:]).swapaxes(0, 1)
    np.testing.assert_allclose(arranged, expected, atol=1e-4)


@pytest.mark.parametrize("turned", [0, 1])
def test_gemms(turned: int) -> None:
    random = np.random.default_rng(0)
    values = random.normal(size=(5, 7)).astype(np.float32)
    weight = random.normal(size=(3, 7) if turned else (7, 3)).astype(np.float32)
    node = helper.make_node("Gemm", ["x", "w"], ["y"], transB=turned)
    rows = to_rows(node, weight)
    found = (rows @ patches(node, (), values).transpose(0, 2, 1))[0].T
    np.testing.assert_allclose(found, computed("Gemm", values, weight, transB=turned), atol=1e-5)
    assert np.array_equal(from_rows(node, rows, weight.shape), weight)


def test_chosen_places_are_among_all() -> None:
    values = np.arange(2 * 3 * 6 * 5, dtype=np.float32).reshape(2, 3, 6, 5)
    node = helper.make_node("Conv", ["x", "w"], ["y"], group=3, strides=[2, 1])
    every = patches(node, (3, 2), values)
    chosen = patches(node, (3, 2), values, lambda places: np.array([0, places - 1]))
    places = 2 * 4
    assert every.shape == (3, 2 * places, 6)
    np.testing.assert_array_equal(chosen, every[:, [0, places - 1, places, 2 * places - 1]])


@pytest.mark.parametrize(
    ("told", "plain"),
    [({}, True), ({"transB": 1}, True), ({"alpha": 0.5}, False), ({"transA": 1}, False)],
)
def test_a_scaled_gemm_is_not_plain(told: dict[str, Any], plain: bool) -> None:
    assert is_plain(helper.make_node("Gemm", ["x", "w", "b"], ["y"], **told)) is plain
