"""FER-2013 in Kaggle's two tables and in the packed zip."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgefer.data.fer2013 import fer2013_splits, read_fer2013
from edgefer.data.ferplus import read_ferplus
from edgefer.labels import ORDERS
from tests.data.packs import ROWS, VOTES, packed
from tests.data.trees import EACH, face, fer2013

TABLES = ("fer2013.csv", "icml_face_data.csv")


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize(("split", "first"), [("train", 0), ("valid", 14), ("test", 28)])
def test_each_row_is_a_face(name: str, split: str, first: int, tmp_path: Path) -> None:
    for path in (fer2013(tmp_path, name), tmp_path / name):
        faces = read_fer2013(path, split)
        assert (faces.name, faces.labels) == (f"fer2013@{split}", ORDERS["fer2013"])
        assert faces.classes.tolist() == [*range(7)] * EACH
        grey = face(first + 8, 48)[:, :, 1]
        np.testing.assert_array_equal(faces.load(8), np.dstack([grey] * 3))


def test_blanks_in_the_heading_and_the_values(tmp_path: Path) -> None:
    table = fer2013(tmp_path) / "fer2013.csv"
    table.write_text(table.read_text().replace(",", " , "))
    assert len(read_fer2013(table, "train")) == 7 * EACH


def test_the_packed_zip_has_its_labels_too(tmp_path: Path) -> None:
    rows = ROWS * 2
    train = [row for row, one in enumerate(rows) if VOTES[one][0] == "Training"]
    labels = np.zeros(len(rows), np.uint8)
    labels[train] = np.arange(len(train)) % 7
    (tmp_path / "ferplus.zip").write_bytes(packed(rows, fer2013_label=labels))
    assert fer2013_splits(tmp_path) == ("train", "valid")
    faces = read_fer2013(tmp_path, "train")
    assert faces.classes.tolist() == [0, 1, 2, 3, 4, 5, 6, 0, 1, 2]
    both = read_ferplus(tmp_path, "train").face_hashes()
    assert set(both) < set(faces.face_hashes()), "FER+ drops some of the same faces"


def test_the_real_file(shared: Path) -> None:
    faces = read_fer2013(shared / "data" / "ferplus", "valid")
    assert np.bincount(faces.classes).tolist() == [461, 55, 494, 890, 650, 392, 601]
    assert faces.load(0).shape == (48, 48, 3)
