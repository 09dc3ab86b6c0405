"""Classifiers that cannot be wrapped are refused in one line that says why."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from edgefer.errors import InputError
from edgefer.export.foreign import graph_from_foreign
from edgefer.export.spec import AnswerKind, Colour, Layout
from tests.export.foreign_graphs import LABELS, Form, classifier


def refused(model: onnx.ModelProto, form: Form, folder: Path, **others: object) -> str:
    path = folder / "m.onnx"
    path.write_bytes(model.SerializeToString())
    with pytest.raises(InputError) as caught:
        graph_from_foreign(path, form.spec(Colour.RGB, **others))
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("kind", AnswerKind)
def test_a_spec_that_is_wrong_about_softmax_is_refused(kind: AnswerKind, tmp_path: Path) -> None:
    form = Form(answers=kind)
    (other,) = set(AnswerKind) - {kind}
    message = refused(classifier(form), replace(form, answers=other), tmp_path)
    assert "softmax is " in message
    assert "change the spec" in message


def test_a_spec_for_another_input_is_refused(tmp_path: Path) -> None:
    form = Form()
    assert "found [?, 3, 24, 24]" in refused(classifier(form), form, tmp_path, size=48)
    assert "input of nhwc" in refused(classifier(form), replace(form, layout=Layout.NHWC), tmp_path)
    assert "colour: expected" in refused(classifier(replace(form, channels=1)), form, tmp_path)
    message = refused(classifier(form), form, tmp_path, output="nothing")
    assert "output: expected one of" in message


def test_other_numbers_of_labels_are_refused(tmp_path: Path) -> None:
    form = Form()
    path = tmp_path / "m.onnx"
    path.write_bytes(classifier(form).SerializeToString())
    with pytest.raises(
        InputError, match=r"labels: expected an answer for each of 3 .* found \[1, 4\]"
    ):
        graph_from_foreign(path, replace(form.spec(Colour.RGB), labels=LABELS[:3]))


def broken(change: str) -> onnx.ModelProto:
    model = classifier(Form(batch=1 if change == "first of all" else "N"))
    graph = model.graph
    about = helper.make_tensor_value_info
    if change == "two inputs":
        graph.input.append(about("x", TensorProto.FLOAT, [1]))
    elif change == "eight at a time":
        graph.input[0].type.tensor_type.shape.dim[0].dim_value = 8
        graph.output[0].type.tensor_type.shape.dim[0].dim_value = 8
    elif change == "whole numbers":
        graph.input[0].type.tensor_type.elem_type = TensorProto.UINT8
        graph.node[0].input[0] = "floats"
        graph.node.insert(0, helper.make_node("Cast", ["input"], ["floats"], to=TensorProto.FLOAT))
    elif change == "not a number":
        weights = np.full((8, 8, 3, 3), np.nan, np.float32)
        tensor = next(t for t in graph.initializer if t.name == graph.node[2].input[1])
        tensor.CopyFrom(numpy_helper.from_array(weights, tensor.name))
    elif change == "opset":
        model.opset_import[0].version = 21
    elif change == "custom":
        model.opset_import.append(helper.make_opsetid("com.microsoft", 1))
        graph.node[1].domain = "com.microsoft"
        graph.node[1].op_type = "Gelu"
    elif change == "half":
        halved(graph)
    elif change == "leak":
        behind_pool(graph, "ReduceMax", axes=[0], keepdims=1)
        graph.node.insert(5, helper.make_node("Add", ["t3", "new"], ["both"]))
        graph.node[6].input[0] = "both"
    elif change == "first of all":
        first = numpy_helper.from_array(np.zeros(1, np.int64), "first")
        graph.initializer.append(first)
        behind_pool(graph, "Gather", "first", axis=0)
        graph.node[5].input[0] = "new"
    return model


def behind_pool(graph: onnx.GraphProto, kind: str, *inputs: str, **attributes: object) -> None:
    """A node between the pool and what reads it."""
    assert [node.op_type for node in graph.node][3:5] == ["GlobalAveragePool", "Sub"]
    graph.node.insert(4, helper.make_node(kind, ["t3", *inputs], ["new"], **attributes))


def halved(graph: onnx.GraphProto) -> None:
    """The first addition of a constant, computed in FP16."""
    add = next(node for node in graph.node if node.op_type == "Add")
    tensor = next(tensor for tensor in graph.initializer if tensor.name == add.input[1])
    values = numpy_helper.to_array(tensor).astype(np.float16)
    tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
    index = list(graph.node).index(add)
    cast = helper.make_node("Cast", [add.input[0]], ["half"], to=TensorProto.FLOAT16)
    back = helper.make_node("Cast", ["sum"], [add.output[0]], to=TensorProto.FLOAT)
    add.input[0], add.output[0] = "half", "sum"
    graph.node.insert(index, cast)
    graph.node.insert(index + 2, back)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("two inputs", "expected one input, for faces, found input, x"),
        ("eight at a time", "for 1 or any number of faces, found [8, 3, 24, 24]; export it"),
        ("whole numbers", "expected an input of float32, found uint8; export it in float32"),
        ("not a number", "weights c2: expected finite numbers, found others; train"),
        ("opset", "opset 21; expected at most 19"),
        ("custom", "found Gelu of com.microsoft"),
        ("half", "found a Cast to other floats"),
        ("leak", "(a probability differs by "),
        ("first of all", "(16 are answered with [1, 4])"),
    ],
)
def test_what_cannot_be_wrapped_is_refused(change: str, message: str, tmp_path: Path) -> None:
    assert message in refused(broken(change), Form(), tmp_path)


def test_a_network_of_another_field_is_refused(shared: Path) -> None:
    with pytest.raises(InputError, match=r"yunet_s_320_320\.onnx: "):
        graph_from_foreign(shared / "models/yunet_s_320_320.onnx", Form().spec(Colour.RGB))
