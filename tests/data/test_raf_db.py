"""RAF-DB as its owners give it out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgefer.data.pictures import read_picture
from edgefer.data.raf_db import raf_db_splits, read_raf_db
from edgefer.errors import InputError
from edgefer.labels import ORDERS, Expression
from tests.data.trees import EACH, raf_db

LIST = Path("EmoLabel") / "list_patition_label.txt"


@pytest.mark.parametrize("split", ["train", "test"])
def test_each_line_is_a_face(split: str, tmp_path: Path) -> None:
    root = raf_db(tmp_path)
    faces = read_raf_db(root, split)
    assert (faces.name, faces.labels) == (f"raf-db@{split}", ORDERS["raf-db"])
    assert faces.classes.tolist() == [*range(7)] * EACH
    for index in (0, 7):
        path = root / "Image" / "aligned" / f"{split}_{index + 1:05}_aligned.jpg"
        np.testing.assert_array_equal(faces.load(index), read_picture(path))


def test_numbers_begin_at_one(tmp_path: Path) -> None:
    root = raf_db(tmp_path)
    (root / LIST).write_text("".join(f"train_{n:05}.jpg {8 - n}\n" for n in range(1, 8)))
    faces = read_raf_db(root, "train")
    assert faces.labels[faces.classes[0]] is Expression.NEUTRAL
    assert faces.labels[faces.classes[6]] is Expression.SURPRISE


def test_the_folder_above_is_accepted(tmp_path: Path) -> None:
    raf_db(tmp_path / "basic")
    assert raf_db_splits(tmp_path) == ("train", "test")
    assert (
        read_raf_db(tmp_path, "test").digest() == read_raf_db(tmp_path / "basic", "test").digest()
    )


def test_blank_lines_and_other_ends_of_line(tmp_path: Path) -> None:
    root = raf_db(tmp_path)
    text = (root / LIST).read_text().replace("\n", "\r\n") + "\r\n\r\n"
    (root / LIST).write_bytes(text.encode())
    assert len(read_raf_db(root, "train")) == 7 * EACH


def test_pictures_that_are_not_aligned_are_no_substitute(tmp_path: Path) -> None:
    root = raf_db(tmp_path)
    (root / "Image" / "aligned").rename(root / "Image" / "original")
    with pytest.raises(InputError, match="Image/aligned: expected the folder of the aligned"):
        read_raf_db(root, "train")
