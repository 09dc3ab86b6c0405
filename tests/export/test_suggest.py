"""What of a spec is read from a graph, and what is left to ask."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from edgefer.errors import InputError
from edgefer.export.answers import answers
from edgefer.export.foreign import graph_from_foreign
from edgefer.export.spec import AnswerKind, Colour, Layout, parse_spec
from edgefer.export.suggest import suggest_spec
from edgefer.imports import require
from tests.export.foreign_graphs import LABELS, SIZE, Form, classifier


def suggested(model: onnx.ModelProto, folder: Path) -> tuple[str, dict[str, Any]]:
    path = folder / "their net.onnx"
    path.write_bytes(model.SerializeToString())
    text = suggest_spec(path)
    toml = require("tomllib" if sys.version_info >= (3, 11) else "tomli", "export")
    return text, toml.loads(text)


@pytest.mark.parametrize("layout", Layout)
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("kind", AnswerKind)
@pytest.mark.parametrize("batch", [1, "N"])
def test_what_the_graph_says_is_read(
    layout: Layout, channels: int, kind: AnswerKind, batch: int | str, tmp_path: Path
) -> None:
    form = Form(layout=layout, channels=channels, answers=kind, batch=batch)
    text, fields = suggested(classifier(form), tmp_path)
    assert fields == {
        "name": "their-net",
        "layout": str(layout),
        "colour": "grey" if channels == 1 else "?",
        "size": SIZE,
        "scale": "?",
        "offset": "?",
        "answers": str(kind),
        "labels": ["?"] * len(LABELS),
    }
    assert ("one face at a time" in text) == (batch == 1)
    with pytest.raises(InputError, match="found '\\?'"):
        parse_spec(text, "s.toml")


def test_a_spec_that_is_filled_in_exports(tmp_path: Path) -> None:
    form = Form(layout=Layout.NHWC, batch=1, within=(("Sub", 127.5), ("Div", 127.5)))
    model = classifier(form)
    helper.set_model_props(model, {"classes": str([str(label) for label in LABELS])})
    text, fields = suggested(model, tmp_path)
    assert (fields["scale"], fields["offset"]) == (1, 0)
    spec = parse_spec(text.replace('colour = "?"', 'colour = "rgb"'), "s.toml")
    asked = form.spec(Colour.RGB, scale=(1.0,), offset=(0.0,), name="their-net")
    assert spec == asked
    graph = graph_from_foreign(tmp_path / "their net.onnx", spec)
    assert (
        answers(graph.data, np.zeros((2, SIZE, SIZE, 3), np.uint8))["probabilities"].shape[0] == 2
    )


@pytest.mark.parametrize(
    ("within", "scale"),
    [
        ([("Mul", 1 / 255)], 1),
        ([("Div", 255.0)], 1),
        ([("Mul", 1 / 127.5), ("Sub", 1.0)], 1),
        ([("Sub", 0.485), ("Div", 0.229)], 1 / 255),
        ([("Mul", 2.0), ("Add", -1.0)], 1 / 255),
        ([("Mul", 5.0)], "?"),
        ([("Sub", 128.0)], "?"),
    ],
    ids=str,
)
def test_pixels_are_told_from_the_scaling_within(
    within: list[tuple[str, float]], scale: object, tmp_path: Path
) -> None:
    _, fields = suggested(classifier(Form(within=tuple(within))), tmp_path)
    assert fields["scale"] == scale
    assert fields["offset"] == ("?" if scale == "?" else 0)


def test_a_batch_normalisation_at_first_is_scaling(tmp_path: Path) -> None:
    model = classifier(Form())
    for name, value in {"g": 1.0, "b": 0.0, "m": 120.0, "v": 3600.0}.items():
        model.graph.initializer.append(
            onnx.numpy_helper.from_array(np.full(3, value, np.float32), name)
        )
    made = helper.make_node("BatchNormalization", ["input", "g", "b", "m", "v"], ["scaled"])
    model.graph.node[0].input[0] = "scaled"
    model.graph.node.insert(0, made)
    text, fields = suggested(model, tmp_path)
    assert (fields["scale"], fields["offset"]) == (1, 0)
    assert "x * 0.01667 -2" in text


@pytest.mark.parametrize(
    ("key", "text", "found"),
    [
        ("labels", "angry,disgust,fear,happy", True),
        ("names", "{0: 'angry', 1: 'disgust', 2: 'fear', 3: 'happy'}", True),
        ("id2label", '{"0": "angry", "1": "disgust", "2": "fear", "3": "happy"}', True),
        ("classes", '["angry", "disgust"]', False),
        ("classes", '["cat", "dog", "fear", "happy"]', False),
        ("classes", "[" * 1000, False),
        ("classes", "{[]: 1}", False),
        ("names", "5", False),
        ("author", "angry,disgust,fear,happy", False),
    ],
    ids=lambda value: str(value)[:20],
)
def test_labels_are_read_from_metadata(key: str, text: str, found: bool, tmp_path: Path) -> None:
    model = classifier(Form())
    helper.set_model_props(model, {key: text})
    _, fields = suggested(model, tmp_path)
    assert fields["labels"] == (list(map(str, LABELS)) if found else ["?"] * len(LABELS))


def test_of_several_outputs_the_likely_one_is_named(tmp_path: Path) -> None:
    form = Form(answers=AnswerKind.PROBABILITIES)
    model = classifier(form)
    features = helper.make_tensor_value_info("t1", TensorProto.FLOAT, ["N", 8, 11, 11])
    model.graph.output.insert(0, features)
    _, fields = suggested(model, tmp_path)
    assert fields["output"] == model.graph.output[1].name
    assert fields["answers"] == "probabilities"
    twin = helper.make_node("Identity", [model.graph.output[1].name], ["twin"])
    model.graph.node.append(twin)
    model.graph.output.append(helper.make_tensor_value_info("twin", TensorProto.FLOAT, ["N", 4]))
    _, fields = suggested(model, tmp_path)
    assert (fields["output"], fields["answers"], fields["labels"]) == ("?", "?", ["?"])


def test_free_sides_are_asked_for(tmp_path: Path) -> None:
    model = classifier(Form())
    for side in model.graph.input[0].type.tensor_type.shape.dim[1:]:
        side.dim_param = "side"
    _, fields = suggested(model, tmp_path)
    assert (fields["layout"], fields["colour"], fields["size"]) == ("?", "?", "?")


def test_oblong_faces_are_refused(tmp_path: Path) -> None:
    model = classifier(Form())
    model.graph.input[0].type.tensor_type.shape.dim[3].dim_value = 32
    with pytest.raises(InputError, match=r"square faces, found an input of \[\?, 3, 24, 32\]"):
        suggested(model, tmp_path)


def test_a_published_network(shared: Path) -> None:
    text = suggest_spec(shared / "models/mini_xception_fer2013.onnx")
    for line in ('layout = "nchw"', 'colour = "grey"', "size = 64", 'answers = "probabilities"'):
        assert f"\n{line}\n" in text
    assert "#   fer2013: anger, disgust, fear, happiness, sadness, surprise, neutral\n" in text


def test_whatever_is_suggested_is_refused_until_it_is_whole(tmp_path: Path) -> None:
    form = replace(Form(), channels=1)
    text, _ = suggested(classifier(form), tmp_path)
    filled = text.replace('scale = "?"', "scale = 1").replace('offset = "?"', "offset = 0")
    with pytest.raises(InputError, match="labels: expected what only the network's owner knows"):
        parse_spec(filled, "s.toml")
