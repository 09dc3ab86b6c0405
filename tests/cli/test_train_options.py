"""What `edgefer train` is told of the network, its recipe and its start; and the preview."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import cv2
import pytest

from edgefer.data import source
from edgefer.data.drawn import drawn_faces
from edgefer.labels import ORDERS
from edgefer.training.recipes import RECIPES, by_network
from edgefer.training.variation import PRESETS
from edgefer.zoo.registry import NETWORKS, find_network
from edgefer.zoo.weights import load_network, read_weights
from tests.training.tiny import TINY

SHORT = ("--data", "synthetic:8", "--epochs", 1, "--batch", 4)


@pytest.fixture(autouse=True)
def tiny_network(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A network called tiny, for other labels than the data's, and an empty folder to work in."""
    monkeypatch.setitem(NETWORKS, TINY.name, replace(TINY, labels=ORDERS["affectnet-7"]))
    monkeypatch.chdir(tmp_path)


def trained(edgefer, *arguments: object) -> dict:
    done = edgefer("train", *arguments, "--json")
    assert done.status == 0, done.err
    return json.loads(done.out)


def test_a_variant_is_trained_for_the_labels_of_the_data(edgefer) -> None:
    document = trained(edgefer, "aglf", *SHORT, "--size", 32, "--without", "eca,regions")
    assert document["labels"] == list(ORDERS["ferplus"])
    assert document["variant"] == {"size": 32, "without": ["eca", "regions"]}
    loaded = load_network(find_network("aglf"), "aglf.safetensors")
    assert loaded.network.size == 32
    assert loaded.network.without == {"eca", "regions"}
    assert loaded.network.labels == ORDERS["ferplus"]


def test_the_recipe_holds_where_no_option_is_given(edgefer) -> None:
    options = trained(edgefer, "lnl-attennet", *SHORT, "--size", 64)["options"]
    own = RECIPES["lnl-attennet"]
    assert (options["optimizer"], options["schedule"]) == ("adam", "cosine")
    assert options["learning_rate"] == own.learning_rate
    assert options["augmentation"]["crop"]["area"] == [0.08, 1.0]
    assert (options["epochs"], options["batch"]) == (1, 4)


def test_options_override_the_recipe(edgefer) -> None:
    given = ("--optimizer", "adamw", "--schedule", "steps", "--step-epochs", 3, "--balanced")
    given += ("--weight-decay", 0.02, "--augmentation", "cabin")
    options = trained(edgefer, "tiny", *SHORT, *given, "--learning-rate", 0.001)["options"]
    assert (options["optimizer"], options["schedule"]) == ("adamw", "steps")
    assert (options["step_epochs"], options["balanced"]) == (3, True)
    assert options["weight_decay"] == 0.02
    assert options["augmentation"]["covers"] == {"share": 0.4}
    assert options["learning_rate"] == 0.001


def test_training_goes_on_from_weights(edgefer) -> None:
    first = trained(edgefer, "tiny", *SHORT, "--output", "first")
    assert first["start"] is None
    start = ("--weights", "first", "--trunk-rate", 0.5)
    second = trained(edgefer, "tiny", *SHORT, "--output", "second", *start)
    assert second["options"]["trunk_rate"] == 0.5
    assert second["start"]["source"] == "first"
    assert second["start"]["sha256"] == first["sha256"]
    assert second["start"]["fresh"] == []
    origin = read_weights(Path("second"), find_network("tiny")).origin["training"]
    assert origin["start"]["training"]["data"]["name"] == "synthetic"
    done = edgefer("train", "tiny", *SHORT, "--output", "third", "--weights", "second")
    assert "\n from " in done.out
    assert "second" in done.out


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Faces of two expressions, one of which the other data does not have."""
    for number, name in enumerate(["contempt", "happiness", "happiness"]):
        (tmp_path / "valid" / name).mkdir(parents=True, exist_ok=True)
        face = (number + 1) * 60 * (cv2.getGaussianKernel(24, 6) @ cv2.getGaussianKernel(24, 6).T)
        cv2.imwrite(str(tmp_path / "valid" / name / f"{number}.png"), face * 400)
    return tmp_path / "valid"


def test_validation_faces_get_the_labels_of_the_data(
    edgefer, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fewer = ORDERS["affectnet-7"]
    monkeypatch.setattr(source, "drawn_faces", lambda *some: drawn_faces(*some).relabelled(fewer))
    done = edgefer("train", "tiny", *SHORT, "--validation", "folder:valid", "--json")
    assert done.status == 0, done.err
    document = json.loads(done.out)
    assert document["labels"] == list(fewer)
    assert document["validation"] == {"name": "folder:valid", "faces": 2}
    assert "1 of 3 faces of folder:valid are not measured" in done.err


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preview_is_a_picture_and_no_training(edgefer, tmp_path: Path, preset: str) -> None:
    given = ("--augmentation", preset, "--preview", "p.png")
    document = trained(edgefer, "tiny", "--data", "synthetic:16", "--batch", 16, *given)
    assert document == {"preview": "p.png", "faces": 16}
    assert [path.name for path in tmp_path.iterdir()] == ["p.png"]
    assert cv2.imread("p.png").shape == (4 * TINY.size, 8 * TINY.size, 3)
    done = edgefer("train", "tiny", "--data", "synthetic:16", "--batch", 16, *given)
    assert "16 faces, each row over the same varied" in done.out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["resnet18", "--size", "50"], "expected a size of a multiple of 16 pixels"),
        (["resnet18", "--without", "regions"], "expected to leave out nothing, found regions"),
        (["aglf", "--scale-order", "forward"], "has no scale order to choose"),
        (["ma-net", "--scale-order", "up"], "scale order 'up'"),
        (["tiny", "--augmentation", "much"], "--augmentation"),
        (["tiny", "--optimizer", "lion"], "--optimizer"),
        (["tiny", "--schedule", "none"], "--schedule"),
        (["tiny", "--trunk-rate", "0"], "expected a trunk rate above 0, found 0.0"),
        (["tiny", "--step-epochs", "0"], "expected step epochs of 1 or more, found 0"),
        (["tiny", "--weights", "no"], "no: expected weights in safetensors"),
        (["tiny", "--preview", "no/p.png"], "cannot write there"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_input_is_one_line(
    edgefer, tmp_path: Path, arguments: list[str], message: str
) -> None:
    done = edgefer("train", *arguments, *SHORT)
    assert done.status == 2
    assert message in done.err
    assert len(done.err.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_help_shows_the_recipes(edgefer) -> None:
    done = edgefer("train", "--help")
    assert done.status == 0
    words = "".join(done.out.split())
    for name in ("epochs", "batch", "learning_rate", "optimizer", "schedule", "augmentation"):
        assert f"[default:{by_network(name)}]".replace(" ", "") in words


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--step-epochs", 3, "--schedule", "cosine"), "--step-epochs is for --schedule steps"),
        (("--trunk-rate", 0.1), "--trunk-rate is for weights that are loaded"),
    ],
)
def test_an_option_without_effect_is_refused(edgefer, arguments: tuple, message: str) -> None:
    done = edgefer("train", "tiny", *SHORT, *arguments)
    assert done.status == 2
    assert message in done.err
    assert len(done.err.splitlines()) == 1
