"""FER+ in its two layouts, made here of drawn faces, and the real file where it is there."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edgefer.data.drawn import draw_face
from edgefer.data.ferplus import ferplus_splits, read_ferplus
from edgefer.errors import InputError
from edgefer.labels import ORDERS, Expression

cv2 = pytest.importorskip("cv2")

SIZE = 48
NAMES = ["neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt"]
HEADER = ["Usage", "Image name", *NAMES, "unknown", "NF"]
# One row a face: split, and the votes of ten taggers.
VOTES = [
    ("Training", [8, 2, 0, 0, 0, 0, 0, 0, 0, 0]),  # neutral
    ("Training", [0, 4, 0, 0, 4, 0, 0, 0, 2, 0]),  # a tie of happiness and anger
    ("Training", [1, 0, 0, 0, 0, 0, 0, 0, 9, 0]),  # unknown
    ("Training", [0, 0, 0, 0, 0, 0, 0, 0, 1, 9]),  # not a face
    ("PublicTest", [0, 0, 0, 0, 0, 0, 0, 10, 0, 0]),  # contempt
    ("PublicTest", [0, 5, 5, 0, 0, 0, 0, 0, 0, 0]),  # a tie
    ("PublicTest", [0, 0, 0, 4, 0, 0, 0, 0, 4, 2]),  # a tie with unknown
    ("PrivateTest", [0, 0, 0, 0, 0, 7, 1, 0, 2, 0]),  # disgust
    ("Training", [0, 0, 0, 0, 0, 1, 6, 1, 2, 0]),  # fear
]
FOLDERS = {
    "Training": "FER2013Train",
    "PublicTest": "FER2013Valid",
    "PrivateTest": "FER2013Test",
}
# Which rows each split keeps.
KEPT = {"train": [0, 1, 8], "valid": [4], "test": [7]}


def face(row: int) -> NDArray[np.uint8]:
    """Grey, [48, 48]."""
    return draw_face(Expression.NEUTRAL, SIZE, 3, row)[:, :, 1]


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


def packed(rows: list[int], columns: int = 2, **changes: object) -> bytes:
    """A zip of mosaics of at most two rows each."""
    usages = {"Training": 0, "PublicTest": 1}
    votes = np.array([VOTES[row][1] for row in rows], np.uint8)
    usage = np.array([usages[VOTES[row][0]] for row in rows], np.uint8)
    labels = {"votes": votes, "usage": usage, **changes}
    buffer, arrays = io.BytesIO(), io.BytesIO()
    np.savez(arrays, **{name: labels[name] for name in ("votes", "usage")})
    layout = {"n": len(rows), "cols": columns, "size": SIZE}
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("labels.npz", arrays.getvalue())
        archive.writestr("tiles.json", json.dumps({**layout, **changes.get("tiles", {})}))
        for start in range(0, len(rows), 2 * columns):
            mosaic = np.zeros((2 * SIZE, columns * SIZE), np.uint8)
            for place, row in enumerate(rows[start : start + 2 * columns]):
                y, x = divmod(place, columns)
                mosaic[y * SIZE : (y + 1) * SIZE, x * SIZE : (x + 1) * SIZE] = face(row)
            quality = [cv2.IMWRITE_WEBP_QUALITY, 101]
            _, data = cv2.imencode(".webp", mosaic, quality)
            archive.writestr(f"tile{start // (2 * columns):02}.webp", bytes(data))
    return buffer.getvalue()


ROWS = [row for row, (usage, _) in enumerate(VOTES) if usage != "PrivateTest"]


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
    "change",
    [
        lambda text: text.replace("Usage", "Use"),
        lambda text: text.replace("contempt,", ""),
        lambda text: text.replace("8,2,0", "eight,2,0"),
        lambda text: text.replace("8,2,0", "-8,2,0"),
        lambda text: text.replace("8,2,0", f"{2**70},2,0"),
        lambda text: text + "Training,fer0000000.png,1,2\n",
        lambda text: text.replace("Training", "Training\udcff"),
    ],
    ids=["column", "expression", "word", "negative", "huge", "short", "no text"],
)
def test_a_wrong_table_is_named(original: Path, change: Callable[[str], str]) -> None:
    table = original / "fer2013new.csv"
    table.write_text(change(table.read_text()), errors="surrogateescape")
    with pytest.raises(InputError, match=r"fer2013new\.csv: expected the columns Usage"):
        read_ferplus(original, "train")


def test_a_table_with_a_byte_order_mark(original: Path) -> None:
    table = original / "fer2013new.csv"
    table.write_bytes(b"\xef\xbb\xbf" + table.read_bytes())
    assert len(read_ferplus(original, "train")) == 3


@pytest.mark.parametrize(
    "changes",
    [
        {"votes": np.zeros((8, 9), np.uint8)},
        {"votes": np.zeros(8, np.uint8)},
        {"votes": np.full((8, 10), -1)},
        {"votes": np.full((8, 10), "x")},
        {"usage": np.zeros(3, np.uint8)},
        {"tiles": {"size": 0}},
        {"tiles": {"size": 47}},
        {"tiles": {"cols": 3}},
        {"tiles": {"n": None}},
        {"tiles": {"n": 2}},
    ],
    ids=str,
)
def test_a_wrong_pack_is_named(tmp_path: Path, changes: dict[str, object]) -> None:
    archive = tmp_path / "ferplus.zip"
    archive.write_bytes(packed(ROWS, **changes))
    with pytest.raises(InputError, match=r"ferplus\.zip: expected a packed ferplus zip"):
        read_ferplus(archive, "train")


@settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(place=st.floats(0, 1), junk=st.binary(min_size=1, max_size=12), cut=st.booleans())
def test_damaged_bytes_are_read_or_refused(
    tmp_path: Path, place: float, junk: bytes, cut: bool
) -> None:
    data = bytearray(PACKED)
    at = int(place * (len(data) - 1))
    data[at : len(data) if cut else at + len(junk)] = junk
    archive = tmp_path / "ferplus.zip"
    archive.write_bytes(data)
    try:
        faces = read_ferplus(archive, "train")
    except InputError:
        return
    assert all(faces.load(index).shape == (SIZE, SIZE, 3) for index in range(len(faces)))


PACKED = packed(ROWS)


def test_the_real_file(shared: Path) -> None:
    faces = read_ferplus(shared / "data" / "ferplus", "valid")
    assert len(faces) == 3352
    assert np.bincount(faces.classes).tolist() == [1233, 872, 421, 391, 307, 31, 73, 24]
    np.testing.assert_allclose(faces.targets.sum(axis=1), 1, rtol=1e-6)
    face = faces.load(0)
    assert face.shape == (SIZE, SIZE, 3)
    assert (face == face[:, :, :1]).all()


def test_the_shipped_weights_were_trained_on_the_real_file(shared: Path) -> None:
    from importlib import resources

    weights = (resources.files("edgefer.assets") / "fer-lite.safetensors").read_bytes()
    header = json.loads(weights[8 : 8 + int.from_bytes(weights[:8], "little")])
    data = json.loads(header["__metadata__"]["training"])["data"]
    faces = read_ferplus(shared / "data" / "ferplus", "train")
    assert (faces.name, len(faces), faces.digest()) == (data["name"], data["faces"], data["sha256"])
