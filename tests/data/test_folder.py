"""One folder for each expression."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgefer.data.drawn import draw_face
from edgefer.data.folder import folder_splits, read_folder
from edgefer.errors import InputError
from edgefer.labels import ORDERS, Expression

cv2 = pytest.importorskip("cv2")


def add(folder: Path, *names: str, value: int = 9) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        _, data = cv2.imencode(Path(name).suffix, np.full((24, 24, 3), value, np.uint8))
        (folder / name).write_bytes(bytes(data))


def test_names_in_any_case_and_synonyms_in_the_order_of_ferplus(tmp_path: Path) -> None:
    for folder in ("Angry", "FEAR", "happiness", "Happy", "neutral"):
        add(tmp_path / folder, "b.PNG" if folder == "FEAR" else "a.png")
    faces = read_folder(tmp_path, "valid")
    assert faces.labels == ORDERS["ferplus"]
    found = [faces.labels[number] for number in faces.classes]
    assert found == [
        Expression.ANGER,
        Expression.FEAR,
        Expression.HAPPINESS,
        Expression.HAPPINESS,
        Expression.NEUTRAL,
    ]
    assert (faces.targets.sum(axis=1) == 1).all()
    assert faces.targets.dtype == np.float32
    assert not faces.drawn


def test_drawn_faces_come_back(tmp_path: Path) -> None:
    face = draw_face(Expression.SURPRISE, 32, 4)
    (tmp_path / "surprise").mkdir()
    cv2.imwrite(str(tmp_path / "surprise" / "face.png"), face[..., ::-1])
    np.testing.assert_array_equal(read_folder(tmp_path, "train").load(0), face)


def test_a_split_folder_comes_first(tmp_path: Path) -> None:
    add(tmp_path / "train" / "sad", "1.jpg", "2.jpg")
    add(tmp_path / "valid" / "sad", "3.jpg")
    assert folder_splits(tmp_path) == ("train", "valid")
    assert len(read_folder(tmp_path, "train")) == 2
    valid = read_folder(tmp_path, "valid")
    assert len(valid) == 1
    assert valid.name == f"folder:{tmp_path.name}@valid"


def test_without_split_folders_it_is_whole(tmp_path: Path) -> None:
    add(tmp_path / "sad", "1.jpg")
    assert folder_splits(tmp_path) == ()
    assert read_folder(tmp_path, "valid").name == f"folder:{tmp_path.name}"


def test_other_files_and_hidden_ones_are_passed_over(tmp_path: Path) -> None:
    add(tmp_path / "sad", "1.jpg", ".hidden.jpg")
    add(tmp_path / ".cache", "1.jpg")
    (tmp_path / "sad" / "notes.txt").write_text("no picture")
    (tmp_path / "README").write_text("no folder")
    assert len(read_folder(tmp_path, "valid")) == 1


def test_faces_are_read_when_they_are_asked_for(tmp_path: Path) -> None:
    add(tmp_path / "sad", "1.jpg", "2.jpg")
    (tmp_path / "sad" / "2.jpg").write_bytes(b"damaged")
    faces = read_folder(tmp_path, "valid")
    assert faces.load(0).shape == (24, 24, 3)
    with pytest.raises(InputError, match=r"2\.jpg: expected a picture"):
        faces.load(1)


def test_an_unknown_folder_is_named(tmp_path: Path) -> None:
    add(tmp_path / "happy", "1.png")
    add(tmp_path / "smirk", "1.png")
    with pytest.raises(InputError, match=r"smirk: label 'smirk': expected one of neutral"):
        read_folder(tmp_path, "valid")


def test_an_empty_class_is_named(tmp_path: Path) -> None:
    add(tmp_path / "happy", "1.png")
    (tmp_path / "sad").mkdir()
    with pytest.raises(InputError, match=r"sad: expected pictures .*found none"):
        read_folder(tmp_path, "valid")


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="expected folders named neutral"):
        read_folder(tmp_path, "valid")


def test_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="expected a folder of pictures"):
        read_folder(tmp_path / "file", "valid")
