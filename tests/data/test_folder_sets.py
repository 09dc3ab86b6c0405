"""CAER-S, SFEW 2.0 and FED-RO: one folder for each expression."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgefer.data.folder_sets import (
    caer_s_splits,
    fed_ro_splits,
    read_caer_s,
    read_fed_ro,
    read_sfew,
    sfew_splits,
)
from edgefer.data.pictures import read_picture
from edgefer.errors import InputError
from edgefer.labels import ORDERS
from tests.data.trees import EACH, FOLDERS, caer_s, class_folders, fed_ro, sfew

IN_TURN = np.repeat(range(7), EACH).tolist()


@pytest.mark.parametrize("split", ["train", "test"])
def test_caer_s(split: str, tmp_path: Path) -> None:
    faces = read_caer_s(caer_s(tmp_path), split)
    assert (faces.name, faces.labels) == (f"caer-s@{split}", ORDERS["caer-s"])
    assert faces.classes.tolist() == IN_TURN
    picture = read_picture(tmp_path / split / "Anger" / "000.png")
    np.testing.assert_array_equal(faces.load(0), picture)


def test_caer_s_from_the_folder_above(tmp_path: Path) -> None:
    caer_s(tmp_path / "CAER-S")
    assert caer_s_splits(tmp_path) == ("train", "test")
    above = read_caer_s(tmp_path, "test").digest()
    assert above == read_caer_s(tmp_path / "CAER-S", "test").digest()


@pytest.mark.parametrize("split", ["train", "valid"])
def test_sfew(split: str, tmp_path: Path) -> None:
    faces = read_sfew(sfew(tmp_path), split)
    assert (faces.name, faces.labels) == (f"sfew@{split}", ORDERS["sfew"])
    assert faces.classes.tolist() == IN_TURN


ALIGNED = [
    ("Train_Aligned_Faces", "Val_Aligned_Faces_new"),
    ("Train_Aligned_Faces", "Val_Aligned_Faces"),
    ("Train/Train_Aligned_Faces", "Val/Val_Aligned_Faces_new/Val_Aligned_Faces"),
    ("Train_Aligned_Faces/Train_Aligned_Faces", "Val_Aligned_Faces_new/Val_Aligned_Faces_new"),
]


@pytest.mark.parametrize(("train", "valid"), ALIGNED)
def test_sfew_prefers_aligned_faces(train: str, valid: str, tmp_path: Path) -> None:
    class_folders(tmp_path / "Train", FOLDERS["sfew"], 20)
    class_folders(tmp_path / "Val", FOLDERS["sfew"], 40)
    frames = read_sfew(tmp_path, "train")
    assert frames.classes.tolist() == IN_TURN
    class_folders(tmp_path / train, FOLDERS["sfew"], 60)
    class_folders(tmp_path / valid, FOLDERS["sfew"], 80)
    assert sfew_splits(tmp_path) == ("train", "valid")
    for split, folder in (("train", train), ("valid", valid)):
        picture = read_picture(tmp_path / folder / "Angry" / "000.png")
        np.testing.assert_array_equal(read_sfew(tmp_path, split).load(0), picture)
    assert read_sfew(tmp_path, "train").digest() != frames.digest()


def test_sfew_mixes_no_frames_with_aligned_faces(tmp_path: Path) -> None:
    class_folders(tmp_path / "Val", FOLDERS["sfew"])
    class_folders(tmp_path / "Train_Aligned_Faces", FOLDERS["sfew"])
    assert sfew_splits(tmp_path) == ("train",)


def test_fed_ro(tmp_path: Path) -> None:
    faces = read_fed_ro(fed_ro(tmp_path), "test")
    assert fed_ro_splits(tmp_path) == ("test",)
    assert (faces.name, faces.labels) == ("fed-ro@test", ORDERS["fed-ro"])
    assert faces.classes.tolist() == IN_TURN


def test_contempt_is_no_label_of_theirs(tmp_path: Path) -> None:
    root = fed_ro(tmp_path)
    class_folders(root, ["contempt"], 70)
    with pytest.raises(InputError, match="contempt: expected folders named anger, .* found contem"):
        read_fed_ro(root, "test")
