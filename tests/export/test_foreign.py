"""Classifiers of others keep our contract once they are wrapped, or one line says why not."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from edgefer.accuracy import score
from edgefer.bundle import Bundle, read_bundle
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
from edgefer.runtime.session import load
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


def test_layers_keep_the_names_that_their_owner_gave(tmp_path: Path) -> None:
    model = classifier(Form())
    layers = [node for node in model.graph.node if node.op_type == "Conv"]
    for number, node in enumerate(layers):
        node.name = f"/block/conv{number}"
    graph = wrapped(model, Form(), Colour.RGB, tmp_path)
    found = [n.name for n in onnx.load_model_from_string(graph.data).graph.node]
    assert "/block/conv1" in found


FLATS = [(flat, n) for flat in ("Reshape", "Reshape -1", "Squeeze", "Flatten") for n in (1, "N")]


@pytest.mark.parametrize(("flat", "batch"), [*FLATS, ("Squeeze all", 1)])
def test_one_face_at_a_time_becomes_several(flat: str, batch: int | str, tmp_path: Path) -> None:
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


@pytest.fixture(scope="module")
def in_int8(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """Of a network in NHWC that was made for one face, scales by itself and gives logits."""
    form = Form(layout=Layout.NHWC, batch=1, within=(("Sub", 127.5), ("Div", 64.0)))
    path = tmp_path_factory.mktemp("foreign") / "m.onnx"
    path.write_bytes(classifier(form).SerializeToString())
    source = find_source(str(path), None, spec=form.spec(Colour.RGB, scale=(1.0,), offset=(0.0,)))
    return export_bundle(source, Precision.INT8, drawn_faces(24), allow_drawn=True)


def test_a_wrapped_network_goes_into_int8(in_int8: Bundle, tmp_path: Path) -> None:
    assert all(check.holds for check in in_int8.manifest.parity)
    for flavour in Flavour:
        assert {"QuantizeLinear", "DequantizeLinear"} <= _kinds(in_int8.graph(flavour))
    in_int8.write(tmp_path / "m.edgefer")
    with load(tmp_path / "m.edgefer") as session:
        np.testing.assert_allclose(session.run(FACES).sum(axis=1), 1, atol=1e-3)


def test_the_command_exports_it_without_torch(tmp_path: Path) -> None:
    form = Form(channels=1, batch=1)
    (tmp_path / "m.onnx").write_bytes(classifier(form).SerializeToString())
    (tmp_path / "m.toml").write_text(form.spec(Colour.GREY).to_toml())
    arguments = "edgefer export m.onnx --spec m.toml --calibration synthetic:24 --allow-drawn"
    script = (
        "import sys; sys.modules['torch'] = sys.modules['modelopt'] = None\n"
        f"sys.argv = {arguments.split()}\nfrom edgefer.cli.main import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env={
            **os.environ,
            "PYTHONPATH": str(Path(__file__).parents[2]),
            "XDG_CACHE_HOME": str(tmp_path),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert read_bundle(tmp_path / "m-int8.edgefer").manifest.labels == LABELS


def test_tensorrt_builds_a_wrapped_network(in_int8: Bundle) -> None:
    pytest.importorskip("tensorrt_rtx_bindings", reason="the rtx extra is not installed")
    from tests.export.test_tensorrt_rtx import engine_bytes

    assert engine_bytes(in_int8, "SM86") > 10_000


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
