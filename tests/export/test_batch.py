"""Networks that were exported for one face take several, wherever the face is among their axes."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper

pytest.importorskip("torch", reason="the torch extra is not installed")

import torch
from torch import Tensor, nn

from edgefer.data.drawn import drawn_faces
from edgefer.export.answers import answers
from edgefer.export.batch_axis import Axis, after
from edgefer.export.foreign import graph_from_foreign
from edgefer.export.spec import AnswerKind, Colour, Layout, Spec
from edgefer.labels import ORDERS

SIZE, WIDTH, HEADS = 24, 32, 4
LABELS = ORDERS["fer2013"]
SPEC = Spec(
    Layout.NCHW, Colour.RGB, SIZE, (1 / 64,), (-2.0,), AnswerKind.LOGITS, LABELS, name="theirs"
)
Sides = list[int]


class Attention(nn.Module):
    """Queries, keys and values of all heads from one linear layer, as in timm."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv, self.out = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        faces, places, _ = x.shape
        split = self.qkv(x).reshape(faces, places, 3, HEADS, -1).permute(2, 0, 3, 1, 4)
        queries, keys, values = split.unbind(0)
        mixed = (queries @ keys.transpose(-1, -2)).softmax(-1) @ values
        merged: Tensor = self.out(mixed.transpose(1, 2).reshape(faces, places, WIDTH))
        return x + merged


class Transformer(nn.Module):
    """Patches, a class token before them, positions, and what `block` is."""

    def __init__(self, block: nn.Module) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, WIDTH, 8, 8)
        self.token = nn.Parameter(torch.randn(1, 1, WIDTH))
        self.places = nn.Parameter(torch.randn(1, 10, WIDTH))
        self.block, self.fc = block, nn.Linear(WIDTH, len(LABELS))

    def forward(self, x: Tensor) -> Tensor:
        rows = self.patches(x).flatten(2).transpose(1, 2)
        token = self.token.expand(len(x), -1, -1)
        logits: Tensor = self.fc(self.block(torch.cat([token, rows], 1) + self.places)[:, 0])
        return 4 * logits


class Pyramid(nn.Module):
    """Small maps, brought to the size of larger ones."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.fc = nn.Conv2d(3, 8, 3, 2, 1), nn.Linear(8, len(LABELS))

    def forward(self, x: Tensor) -> Tensor:
        large = self.conv(x).relu()
        small = nn.functional.avg_pool2d(large, 2)
        brought = nn.functional.interpolate(small, size=large.shape[2:], mode="bilinear")
        logits: Tensor = self.fc((large * brought).mean((2, 3)))
        return logits


def encoder() -> nn.Module:
    """PyTorch's own, which has the places before the faces inside."""
    return nn.TransformerEncoderLayer(WIDTH, HEADS, 64, dropout=0.0, batch_first=True)


def exported(network: nn.Module, path: Path) -> Path:
    """For one face, as torch.onnx.export does where nothing else is asked for."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter's own
        torch.onnx.export(
            network.eval(),
            (torch.zeros(1, 3, SIZE, SIZE),),
            str(path),
            dynamo=True,
            external_data=False,
            opset_version=18,
            verbose=False,
        )
    return path


@pytest.mark.parametrize("kind", ["attention", "encoder", "pyramid"])
def test_several_faces_are_answered_as_torch_answers_them(kind: str, tmp_path: Path) -> None:
    torch.manual_seed(1)
    inner = {"attention": Attention, "encoder": encoder}
    network = Transformer(inner[kind]()) if kind in inner else Pyramid()
    graph = graph_from_foreign(exported(network, tmp_path / "m.onnx"), SPEC)
    faces = drawn_faces(5, seed=3, size=SIZE).pixels(SIZE)
    taken = torch.from_numpy(faces.transpose(0, 3, 1, 2) / np.float32(64) - 2)
    with torch.inference_mode():
        expected = network(taken.contiguous()).softmax(1).numpy()
    assert np.ptp(expected, axis=0).max() > 0.01, "a network that always says the same"
    np.testing.assert_allclose(answers(graph.data, faces)["probabilities"], expected, atol=1e-4)


@pytest.mark.parametrize(
    ("axis", "before", "sides", "found"),
    [
        (Axis(0), [1, 10, 32], [10, 32], Axis(0)),
        (Axis(0), [10, 32], [1, 10, 32], Axis(0)),
        (Axis(0), [1, 4, 10, 8], [4, 10, 8], Axis(0)),
        (Axis(0), [1, 8, 1, 1], [1, 8], Axis(0)),
        (Axis(1), [10, 1, 32], [10, 4, 8], Axis(1)),
        (Axis(1), [10, 4, 8], [10, 1, 4, 8], Axis(1)),
        (Axis(1), [10, 1, 32], [10, 32], Axis(0, last=True)),
        (Axis(1), [10, 1, 4, 8], [10, 32], Axis(0, last=True)),
        (Axis(0, last=True), [10, 32], [10, 1, 32], Axis(1)),
        (Axis(0, last=True), [10, 96], [10, 1, 3, 32], Axis(1)),
        (Axis(0), [1, 0, 32], [10, 32], None),
        (Axis(1), [4, 1, 9], [6, 6], None),
    ],
)
def test_where_the_faces_are_after_a_reshape(
    axis: Axis, before: Sides, sides: Sides, found: Axis | None
) -> None:
    node = helper.make_node("Reshape", ["x", "shape"], ["y"])
    assert after(node, axis, before, sides, np.array(sides)) == found


def _after(
    kind: str, place: int, before: Sides, sides: Sides, second: object, **told: object
) -> Axis | None:
    node = helper.make_node(kind, ["x", "second"], ["y"], **told)
    constant = None if second is None else np.asarray(second)
    return after(node, Axis(place), before, sides, constant)


def test_where_the_faces_are_after_other_operators() -> None:
    assert _after("Transpose", 0, [1, 10, 32], [10, 1, 32], None, perm=[1, 0, 2]) == Axis(1)
    assert _after("Transpose", 0, [1, 3, 5], [5, 3, 1], None) == Axis(2)
    assert _after("Unsqueeze", 1, [10, 1], [1, 10, 1, 1], [0, -1]) == Axis(2)
    assert _after("Squeeze", 1, [1, 1, 10, 8], [1, 10, 8], [0]) == Axis(0)
    assert _after("Squeeze", 0, [1, 8, 1, 1], [8], None) == Axis(0)
    assert _after("ReduceMean", 1, [3, 1, 8], [1, 8], [0], keepdims=0) == Axis(0)
    assert _after("ReduceMean", 1, [3, 1, 8], [1, 1, 8], [0]) == Axis(1)
    assert _after("Gather", 1, [3, 1, 8], [1, 8], 0, axis=0) == Axis(0)
    assert _after("Gather", 0, [1, 3, 8], [1, 8], 0, axis=1) == Axis(0)
    assert _after("Gather", 1, [3, 1, 8], [2, 1, 8], [0, 1], axis=0) == Axis(1)
    assert _after("MatMul", 1, [3, 1, 10, 8], [3, 1, 10, 4], None) == Axis(1)
    assert _after("Add", 0, [1, 8], [5, 1, 8], None) == Axis(1)
    assert _after("MatMul", 0, [1, 8], [8], None) is None
    assert _after("ReduceMax", 0, [1, 8], [], None, keepdims=0) is None
    assert _after("Squeeze", 0, [], [8], [0]) is None


def test_no_node_has_two_outputs_of_one_name(tmp_path: Path) -> None:
    torch.manual_seed(1)
    graph = graph_from_foreign(exported(Transformer(encoder()), tmp_path / "m.onnx"), SPEC)
    made = onnx.load_model_from_string(graph.data).graph
    names = [name for node in made.node for name in node.output]
    names += [tensor.name for tensor in made.initializer]
    assert len(names) == len(set(names))
