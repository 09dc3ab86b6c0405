"""Torch networks of a user's own modules, made by `package.module:factory`."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="the torch extra is not installed")

import torch
from safetensors.torch import save_file

from edgefer.data.drawn import drawn_faces
from edgefer.errors import InputError
from edgefer.export.answers import answers
from edgefer.export.pipeline import export_bundle
from edgefer.export.source import Source, find_source
from edgefer.export.spec import AnswerKind, Colour, Layout, Spec, parse_spec
from edgefer.files import sha256
from edgefer.labels import ORDERS
from edgefer.manifest import Precision
from edgefer.zoo.registry import Choices

SIZE = 24
LABELS = ORDERS["fer2013"]
# What a user has in the current folder.
CODE = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self, channels=3, form="tensor"):
        super().__init__()
        self.form = form
        self.conv = nn.Conv2d(channels, 8, 3, stride=2)
        self.dropout = nn.Dropout(0.5)
        self.fc = nn.Linear(8, 7)

    def forward(self, x):
        if self.form == "nhwc":
            x = x.permute(0, 3, 1, 2)
        features = torch.relu(self.conv(x)).flatten(2).amax(-1)
        logits = self.fc(self.dropout(features))
        if self.form == "tuple":
            return features, logits
        if self.form == "dict":
            return {"features": features, "logits": logits}
        if self.form == "softmax":
            return logits.softmax(1)
        if self.form == "one":
            return logits[:1].view(1, 7)
        return logits

def make(**chosen):
    print("their own print")
    torch.manual_seed(0)
    return Net(**chosen)

def grey(): return make(channels=1)
def pair(): return make(form="tuple")
def named(): return make(form="dict")
def last(): return make(form="nhwc")
def softmax(): return make(form="softmax")
def one(): return make(form="one")
def half(): return make().half()
def nothing(): return None
def broken(): raise KeyError("their own mistake")
def leaves(): raise SystemExit(3)
def wants(one): return one
"""


@pytest.fixture(autouse=True)
def _current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs/nets.py").write_text(CODE)
    monkeypatch.chdir(tmp_path)
    for name in ("theirs", "theirs.nets"):  # each test has another current folder
        monkeypatch.delitem(sys.modules, name, raising=False)


def spec(**others: object) -> Spec:
    fields: dict[str, object] = {
        "layout": Layout.NCHW,
        "colour": Colour.RGB,
        "size": SIZE,
        "scale": (1 / 64,),
        "offset": (-2.0,),
        "answers": AnswerKind.LOGITS,
        "labels": LABELS,
        **others,
    }
    return Spec(**fields)  # type: ignore[arg-type]


def found(factory: str, weights: str | None = None, **others: object) -> Source:
    return find_source(f"theirs.nets:{factory}", weights, spec=spec(**others))


def test_a_factory_makes_a_bundle(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = found("make")
    captured = capsys.readouterr()
    assert captured.out == "", "standard output is for results"
    assert "their own print" in captured.err
    assert source.parity[0].what == "FP32 graph against torch"
    assert source.parity[0].holds
    bundle = export_bundle(source, Precision.FP16)
    assert bundle.manifest.network == "theirs.nets-make"
    assert bundle.manifest.weights == {
        "source": "theirs.nets:make",
        "sha256": None,
        "factory": "theirs.nets:make",
        "spec": spec().to_json(),
    }


@pytest.mark.parametrize(
    ("factory", "others"),
    [
        ("grey", {"colour": Colour.GREY}),
        ("make", {"colour": Colour.GREY, "scale": (1 / 64, 1 / 64, 1 / 64)}),
        ("pair", {"output": "1"}),
        ("named", {"output": "logits"}),
        ("last", {"layout": Layout.NHWC}),
        ("softmax", {"answers": AnswerKind.PROBABILITIES}),
    ],
    ids=["grey", "grey thrice", "tuple", "dict", "nhwc", "softmax"],
)
def test_every_form_of_network(factory: str, others: dict[str, object]) -> None:
    graph = found(factory, **others).graph
    assert graph.outputs == ("probabilities",)
    for count in (1, 3):
        rows = answers(graph.data, drawn_faces(3, 1, SIZE).pixels(SIZE)[:count])["probabilities"]
        assert rows.shape == (count, 7)
        np.testing.assert_allclose(rows.sum(axis=1), 1, atol=1e-5)


def test_weights_are_those_of_a_file(tmp_path: Path) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(7)
        tensors = {
            "conv.weight": torch.randn(8, 3, 3, 3),
            "conv.bias": torch.randn(8),
            "fc.weight": torch.randn(7, 8),
            "fc.bias": torch.randn(7),
        }
    path = tmp_path / "w.safetensors"
    save_file(tensors, str(path))
    graph = found("make", str(path)).graph
    assert graph.origin["sha256"] == sha256(path.read_bytes())
    assert (graph.origin["source"], graph.origin["factory"]) == (
        "w.safetensors",
        "theirs.nets:make",
    )
    assert graph.sha256 != found("make").graph.sha256
    save_file({"fc.bias": torch.zeros(7)}, str(path))
    with pytest.raises(InputError, match="the tensors are not those of the network"):
        found("make", str(path))
    torch.save(tensors, path)
    with pytest.raises(InputError, match="expected a state dict in safetensors"):
        found("make", str(path))


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("theirs.nets:absent", "AttributeError"),
        ("theirs.missing:make", "ModuleNotFoundError: No module named 'theirs.missing'"),
        ("theirs.nets:broken", "KeyError: 'their own mistake'"),
        ("theirs.nets:leaves", "SystemExit"),
        ("theirs.nets:wants", "TypeError"),
        ("theirs.nets:nothing", "expected it to make a torch.nn.Module, found NoneType"),
        ("theirs.nets:half", "expected a network in float32, found torch.float16"),
        ("theirs.nets:grey", "RuntimeError"),
        ("theirs.nets:pair", "output: expected one of 0, 1 in the spec, found None"),
        ("theirs.nets:softmax", "softmax is inside"),
        ("theirs.nets:one", "theirs.nets:one: "),
    ],
)
def test_what_goes_wrong_is_one_line(what: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        find_source(what, None, spec=spec())
    assert message in str(caught.value)
    assert what in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500


def test_factory_and_spec_belong_together() -> None:
    with pytest.raises(InputError, match="expected --spec FILE"):
        find_source("theirs.nets:make", None)
    with pytest.raises(InputError, match="its form is the factory's choice"):
        find_source("theirs.nets:make", None, Choices(size=64), spec())
    with pytest.raises(InputError, match="leave out --spec"):
        find_source("fer-lite", None, spec=spec())


def test_a_spec_in_toml_does_the_same() -> None:
    assert parse_spec(spec().to_toml(), "s") == spec()
