"""FER+ in its two layouts, made here of drawn faces, and the real file where it is there."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edgefer.data.ferplus import ferplus_splits, read_ferplus
from edgefer.data.votes import MAJORITY, MULTI_LABEL
from edgefer.errors import InputError
from edgefer.labels import ORDERS
from tests.data.packs import HEADER, ROWS, SIZE, VOTES, face, packed

cv2 = pytest.importorskip("cv2")

FOLDERS = {
    "Training": "FER2013Train",
    "PublicTest": "FER2013Valid",
    "PrivateTest": "FER2013Test",
}
# Which rows each split keeps.
KEPT = {"train": [0, 1, 8], "valid": [4], "test": [7]}


@pytest.fixture
def original(tmp_path: Path) -> Path:
    """fer2013new.csv with its three folders of PNG, as generate_training_data.py leaves them."""
    for folder in FOLDERS.values():
        (tmp_path / folder).mkdir()
    with (tmp_path / "fer2013new.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(HEADER)
        for row, (usage, votes) in enumerate(VOTES):
            name = f"fer{row:07}.png"
            table.writerow([usage, name, *votes])
            cv2.imwrite(str(tmp_path / FOLDERS[usage] / name), face(row))
        # Rows whose picture is not a face have no name.
        table.writerow(["Training", "", 0, 0, 0, 0, 0, 0, 0, 0, 0, 10])
    return tmp_path


@pytest.mark.parametrize("split", ["train", "valid", "test"])
def test_the_original_layout(original: Path, split: str) -> None:
    faces = read_ferplus(original, split)
    assert faces.name == f"ferplus@{split}"
    assert faces.labels == ORDERS["ferplus"]
    assert not faces.drawn
    assert len(faces) == len(KEPT[split])
    for index, row in enumerate(KEPT[split]):
        np.testing.assert_array_equal(faces.load(index), np.dstack([face(row)] * 3))
        votes = np.array(VOTES[row][1][:8])
        np.testing.assert_allclose(faces.targets[index], votes / votes.sum(), rtol=1e-6)


@pytest.mark.parametrize("split", ["train", "valid"])
@pytest.mark.parametrize("columns", [1, 2, 3])
def test_the_packed_layout_has_the_same_faces(
    original: Path, tmp_path: Path, split: str, columns: int
) -> None:
    archive = tmp_path / "ferplus_packed.zip"
    archive.write_bytes(packed(ROWS, columns))
    found, expected = read_ferplus(archive, split), read_ferplus(original, split)
    assert found.digest() == expected.digest()
    assert found.name == expected.name


def test_every_way_to_name_the_place(original: Path, tmp_path: Path) -> None:
    assert len(read_ferplus(original / "fer2013new.csv", "train")) == 3
    folder = tmp_path / "packed"
    folder.mkdir()
    (folder / "ferplus_any.zip").write_bytes(packed(ROWS))
    assert (
        ferplus_splits(folder) == ferplus_splits(folder / "ferplus_any.zip") == ("train", "valid")
    )
    assert len(read_ferplus(folder, "train")) == 3


def test_splits_are_those_whose_folder_is_there(original: Path) -> None:
    assert ferplus_splits(original) == ("train", "valid", "test")
    (original / "FER2013Test" / "fer0000007.png").unlink()
    (original / "FER2013Test").rmdir()
    assert ferplus_splits(original) == ("train", "valid")
    with pytest.raises(InputError, match="expected one of train, valid, found @test"):
        read_ferplus(original, "test")


def test_a_table_without_pictures(original: Path, tmp_path: Path) -> None:
    alone = tmp_path / "alone"
    alone.mkdir()
    (alone / "fer2013new.csv").write_bytes((original / "fer2013new.csv").read_bytes())
    with pytest.raises(InputError, match="expected FER2013Train, .* beside fer2013new.csv"):
        read_ferplus(alone, "train")


def test_a_missing_picture_is_named(original: Path) -> None:
    (original / "FER2013Train" / "fer0000000.png").unlink()
    with pytest.raises(InputError, match=r"fer0000000\.png: named in fer2013new\.csv"):
        read_ferplus(original, "train")


def test_neither_layout(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="expected fer2013new.csv or a packed ferplus zip"):
        read_ferplus(tmp_path, "train")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: text.replace("Usage", "Use"), ": expected the columns Usage"),
        (lambda text: text.replace("contempt,", ""), ": expected the columns Usage"),
        (lambda text: text.replace("8,2,0", "eight,2,0"), ":2: expected 10 votes of 0 or more"),
        (lambda text: text.replace("8,2,0", "-8,2,0"), ":2: expected 10 votes of 0 or more"),
        (lambda text: text.replace("8,2,0", f"{2**70},2,0"), ":2: expected 10 votes of 0 or more"),
        (lambda text: text + "Training,fer0000000.png,1,2\n", ":12: expected 12 values, found"),
        (lambda text: text.replace("Training", "Training\udcff"), ": expected a list of faces in"),
    ],
    ids=["column", "expression", "word", "negative", "huge", "short", "no text"],
)
def test_a_wrong_table_is_named(original: Path, change: Callable[[str], str], message: str) -> None:
    table = original / "fer2013new.csv"
    table.write_text(change(table.read_text()), errors="surrogateescape")
    with pytest.raises(InputError, match=rf"fer2013new\.csv{message}"):
        read_ferplus(original, "train")


def test_a_table_with_a_byte_order_mark(original: Path) -> None:
    table = original / "fer2013new.csv"
    table.write_bytes(b"\xef\xbb\xbf" + table.read_bytes())
    assert len(read_ferplus(original, "train")) == 3


def test_the_real_file(shared: Path) -> None:
    faces = read_ferplus(shared / "data" / "ferplus", "valid")
    assert len(faces) == 3352
    assert np.bincount(faces.classes).tolist() == [1233, 872, 421, 391, 307, 31, 73, 24]
    np.testing.assert_allclose(faces.targets.sum(axis=1), 1, rtol=1e-6)
    face = faces.load(0)
    assert face.shape == (SIZE, SIZE, 3)
    assert (face == face[:, :, :1]).all()
    one = read_ferplus(shared / "data" / "ferplus", "valid", protocol=MAJORITY)
    assert (one.name, one.face_hashes()) == ("ferplus-majority@valid", faces.face_hashes())
    np.testing.assert_array_equal(one.targets, np.eye(8)[faces.classes])


def test_several_labels_of_the_real_file(shared: Path) -> None:
    faces = read_ferplus(shared / "data" / "ferplus", "valid", protocol=MULTI_LABEL)
    assert faces.name == "ferplus-multi-label@valid"
    assert np.bincount((faces.targets > 0).sum(axis=1)).tolist() == [0, 2652, 759, 18]
    np.testing.assert_allclose(faces.targets.sum(axis=1), 1, rtol=1e-6)


def test_the_shipped_weights_were_trained_on_the_real_file(shared: Path) -> None:
    from importlib import resources

    weights = (resources.files("edgefer.assets") / "fer-lite.safetensors").read_bytes()
    header = json.loads(weights[8 : 8 + int.from_bytes(weights[:8], "little")])
    data = json.loads(header["__metadata__"]["training"])["data"]
    faces = read_ferplus(shared / "data" / "ferplus", "train")
    assert (faces.name, len(faces), faces.digest()) == (data["name"], data["faces"], data["sha256"])
