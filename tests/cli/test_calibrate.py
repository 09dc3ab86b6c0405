"""`edgefer calibrate` as a user runs it: ranges, sensitivity, picture, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from edgefer.calibration.table import CalibrationTable

DRAWN = ("--data", "synthetic:48", "--allow-drawn")


def test_the_table_is_written_and_told(edgefer, tmp_path: Path) -> None:
    path = tmp_path / "ranges.json"
    done = edgefer("calibrate", "fer-lite", *DRAWN, "--calibrator", "auto", "--output", path)
    assert done.status == 0, done.err
    table = CalibrationTable.from_json(path.read_bytes(), "it")
    assert table.drawn
    assert set(table.tried) == {"min-max", "percentile", "mse", "entropy"}
    assert table.calibrator in done.out
    assert "tried entropy" in done.out
    assert max(map(len, done.out.splitlines())) <= 80


def test_sensitivity_is_a_table_and_a_picture(
    edgefer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = edgefer("calibrate", "fer-lite", *DRAWN, "--sensitivity")
    assert done.status == 0, done.err
    assert "layers.1.conv2" in done.out
    assert max(map(len, done.out.splitlines())) <= 80
    root = ElementTree.parse(tmp_path / "fer-lite-layers.svg").getroot()
    drawn = " ".join(text for text in root.itertext())
    assert "layers.1.conv2" in drawn
    assert "12 faces" in drawn


def test_json_has_every_layer(edgefer, tmp_path: Path) -> None:
    picture = tmp_path / "layers.svg"
    command = ("calibrate", "fer-lite", *DRAWN, "--sensitivity", "--picture", picture, "--json")
    done = edgefer(*command)
    assert done.status == 0, done.err
    found = json.loads(done.out)
    assert len(found["layers"]) == 10
    assert set(found["layers"][0]) >= {"layer", "divergence", "flips", "saved", "estimate"}
    assert found["estimate_for"] == "Jetson Orin Nano 8GB Super"
    assert picture.is_file()


WRONG = {
    "drawn": (["--data", "synthetic:8"], "--allow-drawn"),
    "picture of nothing": ([*DRAWN, "--picture", "a.svg"], "--sensitivity"),
    "repair to no end": ([*DRAWN, "--repair", "all"], "--sensitivity"),
    "calibrator": ([*DRAWN, "--calibrator", "loud"], "min-max"),
    "faces": (["--data", "nothing:here"], "nothing"),
    "one file for both": (
        [*DRAWN, "--sensitivity", "--output", "a.svg", "--picture", "./a.svg"],
        "a file of its own",
    ),
    "output": ([*DRAWN, "--output", "nowhere/a.json"], "nowhere"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_input_is_one_line_and_no_file(
    edgefer, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments, expected = WRONG[name]
    monkeypatch.chdir(tmp_path)
    done = edgefer("calibrate", "fer-lite", *arguments)
    assert done.status == 2
    assert expected in done.err
    assert len(done.err.splitlines()) == 1
    assert not list(tmp_path.iterdir())


def test_no_ranges_are_left_where_the_picture_cannot_be(
    edgefer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "fer-lite-layers.svg").mkdir()
    done = edgefer("calibrate", "fer-lite", *DRAWN, "--sensitivity", "--output", "a.json")
    assert done.status == 2
    assert "fer-lite-layers.svg" in done.err
    assert not (tmp_path / "a.json").exists()


def test_few_faces_and_one_class_are_told(edgefer, tmp_path: Path, faces_of_one: Path) -> None:
    done = edgefer("calibrate", "fer-lite", "--data", f"folder:{faces_of_one}")
    assert done.status == 0, done.err
    assert "6 faces set the ranges; give 100 or more" in done.err
    assert "all faces are of one class, happiness" in done.err


@pytest.fixture
def faces_of_one(tmp_path: Path) -> Path:
    """A folder with drawn faces, all said to be happy."""
    cv2 = pytest.importorskip("cv2", reason="OpenCV is not installed")
    from edgefer.data.drawn import drawn_faces

    folder = tmp_path / "faces" / "happiness"
    folder.mkdir(parents=True)
    for number, face in enumerate(drawn_faces(6).pixels(48)):
        cv2.imwrite(str(folder / f"{number}.png"), face)
    return folder.parent
