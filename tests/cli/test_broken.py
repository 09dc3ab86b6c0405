"""`--skip-broken` of the commands that read faces."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from edgefer.bundle import read_bundle
from edgefer.cli.broken import note_left_out
from edgefer.data.broken import Broken
from edgefer.zoo.registry import NETWORKS
from tests.data.trees import EACH, class_folders
from tests.training.tiny import TINY

CLASSES = ("angry", "fear", "happy", "sad")


@pytest.fixture
def damaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Faces with an unreadable one in each split; the working folder is beside them."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(NETWORKS, TINY.name, TINY)
    for offset, split in ((0, "train"), (50, "valid")):
        class_folders(tmp_path / "faces" / split, CLASSES, offset)
        (tmp_path / "faces" / split / "sad" / "bad.png").write_bytes(b"no picture")
    return tmp_path / "faces"


COMMANDS = {
    "train": ("train", "tiny", "--data", "folder:faces", "--epochs", 1, "--batch", 4),
    "evaluate": ("evaluate", "BUNDLE", "--data", "folder:faces"),
    "export": ("export", "--calibration", "folder:faces", "--output", "out.edgefer"),
}
BROKEN = {"train": ["train", "valid"], "evaluate": ["valid"], "export": ["train"]}


def arguments(command: str, bundle: Path) -> list[object]:
    return [bundle if word == "BUNDLE" else word for word in COMMANDS[command]]


def faces_of(command: str, document: dict[str, Any]) -> int:
    """How many faces a command says that it used."""
    if command == "export":
        return int(read_bundle(Path(document["path"])).manifest.calibration["faces"])
    return int(document["data"]["faces"])


@pytest.mark.parametrize("command", COMMANDS)
def test_an_unreadable_face_is_left_out_and_listed(
    edgefer, command: str, bundle: Path, damaged: Path
) -> None:
    done = edgefer(*arguments(command, bundle), "--skip-broken", "--json")
    assert done.status == 0, done.err
    document = json.loads(done.out)
    assert faces_of(command, document) == len(CLASSES) * EACH
    expected = [f"faces/{split}/sad/bad.png: expected a picture" for split in BROKEN[command]]
    assert len(document["left_out"]) == len(expected)
    for message, start in zip(document["left_out"], expected):
        assert message.startswith(start)
        assert f"left out: {message}" in done.err.splitlines()


@pytest.mark.parametrize("command", COMMANDS)
def test_without_the_option_it_is_refused(
    edgefer, command: str, bundle: Path, damaged: Path
) -> None:
    done = edgefer(*arguments(command, bundle))
    assert done.status == 2
    assert "bad.png: expected a picture" in done.err
    assert "left out" not in done.err


def test_twenty_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    broken = Broken(skip=True)
    for count, lines in ((0, 0), (20, 20), (21, 21), (1234, 21)):
        for number in range(count):
            broken.found(f"face {number}")
        note_left_out(broken)
        found = capsys.readouterr().err.splitlines()
        assert len(found) == lines
    assert found[-1] == "and 1,214 more, 1,234 in all; --json lists them"
