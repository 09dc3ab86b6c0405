"""Classifiers of others keep our contract once they are wrapped, or one line says why not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from edgefer.accuracy import score
from edgefer.data.drawn import drawn_faces
from edgefer.data.source import read_data
from edgefer.errors import InputError
from edgefer.export.answers import answers, probabilities
from edgefer.export.foreign import graph_from_foreign, network_name
from edgefer.export.graph import SourceGraph
from edgefer.export.pipeline import export_bundle
from edgefer.export.source import find_source
from edgefer.export.spec import AnswerKind, Colour, Layout, parse_spec
from edgefer.files import sha256
from edgefer.manifest import Flavour, Precision
from tests.export.foreign_graphs import LABELS, SIZE, Form, by_hand, classifier

FACES = drawn_faces(5, seed=11, size=SIZE).pixels(SIZE)
MINI = """
layout = "nchw"
colour = "grey"
size = 64
mean = 0.5
std = 0.5
pixels = "0..1"
answers = "probabilities"
labels = ["angry", "disgust", "fear", "happy", "sad", "surprise", "neutral"]
"""


def wrapped(model: onnx.ModelProto, form: Form, colour: Colour, folder: Path) -> SourceGraph:
    path = folder / "their net.onnx"
    path.write_bytes(model.SerializeToString())
    return graph_from_foreign(path, form.spec(colour))


def check(form: Form, colour: Colour, folder: Path) -> SourceGraph:
    """Wrap the form's classifier and compare it with the bare one, prepared for by hand."""
    model = classifier(form)
    graph = wrapped(model, form, colour, folder)
    found = answers(graph.data, FACES)["probabilities"]
    expected = by_hand(model, form.spec(colour), FACES)
    assert np.ptp(expected, axis=0).max() > 0.02, "a network that always says the same"
    np.testing.assert_allclose(found, expected, atol=1e-5)
    return graph


@pytest.mark.parametrize("batch", [1, "N"])
@pytest.mark.parametrize("kind", AnswerKind)
@pytest.mark.parametrize("colour", Colour)
@pytest.mark.parametrize("layout", Layout)
def test_answers_are_those_of_the_bare_network(
    layout: Layout, colour: Colour, kind: AnswerKind, batch: int | str, tmp_path: Path
) -> None:
    channels = 1 if colour is Colour.GREY else 3
    form = Form(layout=layout, channels=channels, answers=kind, batch=batch)
    graph = check(form, colour, tmp_path)
    assert (graph.network, graph.size, graph.labels) == ("their-net", SIZE, LABELS)
    assert graph.outputs == ("probabilities",)
    (first, *_) = onnx.load_model_from_string(graph.data).graph.node
    assert first.op_type == "Cast", "TensorRT reads uint8 with nothing else"


@pytest.mark.parametrize("flat", ["Reshape", "Reshape -1", "Squeeze", "Squeeze all", "Flatten"])
@pytest.mark.parametrize("batch", [1, "N"])
def test_one_face_at_a_time_becomes_several(flat: str, batch: int | str, tmp_path: Path) -> None:
    if (flat, batch) == ("Squeeze all", "N"):
        pytest.skip("such a graph takes no batch of one")
    check(Form(flat=flat, batch=batch), Colour.RGB, tmp_path)


@pytest.mark.parametrize("shape", ["[n, K, 1, 1]", "[K]"])
@pytest.mark.parametrize("kind", AnswerKind)
def test_answers_of_other_shapes_are_rows(shape: str, kind: AnswerKind, tmp_path: Path) -> None:
    check(Form(shape=shape, answers=kind, batch=1), Colour.RGB, tmp_path)


@pytest.mark.parametrize("opset", [9, 11, 13, 19])
def test_older_opsets_are_converted(opset: int, tmp_path: Path) -> None:
    check(Form(opset=opset, flat="Flatten"), Colour.BGR, tmp_path)


def test_a_newer_ir_version_is_no_hindrance(tmp_path: Path) -> None:
    form = Form()
    model = classifier(form)
    model.ir_version = 10
    wrapped(model, form, Colour.RGB, tmp_path)


def test_grey_goes_into_three_channels_alike(tmp_path: Path) -> None:
    check(Form(channels=3), Colour.GREY, tmp_path)


def test_names_of_ours_in_their_graph_are_no_hindrance(tmp_path: Path) -> None:
    form = Form()
    model = classifier(form)
    text = {"input": "pixels", "t0": "probabilities", "c0": "pixel_input.weights"}
    for node in model.graph.node:
        for names in (node.input, node.output):
            names[:] = [text.get(name, name) for name in names]
    model.graph.input[0].name = "pixels"
    model.graph.initializer[0].name = text["c0"]
    graph = wrapped(model, form, Colour.RGB, tmp_path)
    expected = by_hand(classifier(form), form.spec(Colour.RGB), FACES)
    found = answers(graph.data, FACES)["probabilities"]
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_the_named_output_is_kept_and_no_other(tmp_path: Path) -> None:
    form = Form()
    model = classifier(form)
    model.graph.output.append(helper.make_tensor_value_info("t1", TensorProto.FLOAT, None))
    path = tmp_path / "m.onnx"
    path.write_bytes(onnx.shape_inference.infer_shapes(model).SerializeToString())
    with pytest.raises(InputError, match="output: expected one of t.*found none named"):
        graph_from_foreign(path, form.spec(Colour.RGB))
    answered = model.graph.output[0].name
    graph = graph_from_foreign(path, form.spec(Colour.RGB, output=answered))
    assert graph.outputs == ("probabilities",)


def test_weights_and_spec_are_in_the_manifest(tmp_path: Path) -> None:
    form = Form()
    spec = form.spec(Colour.BGR)
    path = tmp_path / "x.onnx"
    path.write_bytes(classifier(form).SerializeToString())
    source = find_source(str(path), None, spec=spec)
    manifest = export_bundle(source, Precision.FP16).manifest
    assert manifest.weights == {
        "source": "x.onnx",
        "sha256": sha256(path.read_bytes()),
        "spec": spec.to_json(),
    }
    assert manifest.network == "x"


@pytest.mark.parametrize(
    ("stem", "name"),
    [("a b.c.onnx", "a-b.c"), ("..onnx", "network"), ("é.onnx", "network"), ("m:f", "m-f")],
)
def test_a_file_gives_a_name(stem: str, name: str) -> None:
    assert network_name(stem) == name


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
    with pytest.raises(InputError, match="labels: expected finite numbers for each of 3"):
        graph_from_foreign(path, replace(form.spec(Colour.RGB), labels=LABELS[:3]))


def broken(change: str) -> onnx.ModelProto:
    model = classifier(Form(batch=1 if change == "token" else "N"))
    graph = model.graph
    about = helper.make_tensor_value_info
    if change == "two inputs":
        graph.input.append(about("x", TensorProto.FLOAT, [1]))
    elif change == "eight at a time":
        graph.input[0].type.tensor_type.shape.dim[0].dim_value = 8
        graph.output[0].type.tensor_type.shape.dim[0].dim_value = 8
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
    elif change == "token":
        token = numpy_helper.from_array(np.ones((1, 8, 1, 1), np.float32), "token")
        graph.initializer.append(token)
        behind_pool(graph, "Concat", "token", axis=2)
        graph.node.insert(5, helper.make_node("GlobalAveragePool", ["new"], ["both"]))
        graph.node[6].input[0] = "both"
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
        ("eight at a time", "found float [8, 3, 24, 24]"),
        ("opset", "opset 21; expected at most 19"),
        ("custom", "found Gelu of com.microsoft"),
        ("half", "found a Cast to other floats"),
        ("leak", "(a probability differs by "),
        ("token", "'concat_"),
    ],
)
def test_what_cannot_be_wrapped_is_refused(change: str, message: str, tmp_path: Path) -> None:
    assert message in refused(broken(change), Form(), tmp_path)


def test_a_network_of_another_field_is_refused(shared: Path) -> None:
    with pytest.raises(InputError, match=r"yunet_s_320_320\.onnx: "):
        graph_from_foreign(shared / "models/yunet_s_320_320.onnx", parse_spec(MINI, "s"))


def test_int8_of_a_wrapped_network(tmp_path: Path) -> None:
    form = Form(layout=Layout.NHWC, batch=1, within=[("Sub", 127.5), ("Div", 64.0)])
    path = tmp_path / "m.onnx"
    path.write_bytes(classifier(form).SerializeToString())
    source = find_source(str(path), None, spec=form.spec(Colour.RGB, scale=(1.0,), offset=(0.0,)))
    bundle = export_bundle(source, Precision.INT8, drawn_faces(24), allow_drawn=True)
    assert all(check.holds for check in bundle.manifest.parity)
    assert {name for flavour in Flavour for name in _kinds(bundle.graph(flavour))} >= {
        "QuantizeLinear",
        "DequantizeLinear",
    }


def _kinds(graph: bytes) -> set[str]:
    return {node.op_type for node in onnx.load_model_from_string(graph).graph.node}


def test_a_published_network_has_its_accuracy(shared: Path) -> None:
    """65.5 % on FER-2013's private test, as its file's source says; the public test is here."""
    graph = graph_from_foreign(
        shared / "models/mini_xception_fer2013.onnx", parse_spec(MINI, "spec")
    )
    faces = read_data(f"fer2013:{shared / 'data/ferplus'}@valid", "valid").balanced(3543)
    found = probabilities(graph.data, (pixels for pixels, _ in faces.batches(graph.size, 32)))
    accuracy = score(found, faces.classes_among(graph.labels), graph.labels).accuracy
    assert 0.65 <= accuracy <= 0.66
