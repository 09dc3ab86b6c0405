"""`KIND:PATH[@SPLIT]` and `synthetic[:COUNT][@SEED]`."""

from __future__ import annotations

import contextlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgefer.data.broken import Broken
from edgefer.data.faces import without_duplicates
from edgefer.data.source import DRAWN_COUNT, read_data, read_sibling, read_splits
from edgefer.errors import InputError
from tests.data.trees import EACH, TREES

cv2 = pytest.importorskip("cv2")


def add(folder: Path, count: int = 1, value: int = 0) -> Path:
    """`count` pictures of sad faces in `folder`."""
    (folder / "sad").mkdir(parents=True)
    for number in range(count):
        picture = np.full((8, 8, 3), value + number, np.uint8)
        cv2.imwrite(str(folder / "sad" / f"{number}.png"), picture)
    return folder


def both_splits(folder: Path) -> Path:
    add(folder / "train", 3)
    add(folder / "valid", 2)
    return folder


@pytest.mark.parametrize(
    ("text", "count"), [("synthetic", DRAWN_COUNT), ("synthetic:5", 5), ("synthetic:7@3", 7)]
)
def test_drawn_faces(text: str, count: int) -> None:
    faces = read_data(text, "train")
    assert len(faces) == count
    assert faces.drawn


def test_the_seed_decides_and_each_split_has_its_own() -> None:
    def hashes(text: str, split: str) -> list[str]:
        return read_data(text, split).face_hashes()

    assert hashes("synthetic:2@5", "train") == hashes("synthetic:2@5", "valid")
    assert hashes("synthetic:2@5", "train") != hashes("synthetic:2@6", "train")
    train, valid = read_data("synthetic:3", "train"), read_data("synthetic:3", "valid")
    assert without_duplicates(train, valid)[1] == 0


@pytest.mark.parametrize(
    "text",
    ["synthetic:", "synthetic:0", "synthetic:-1", "synthetic:many", "synthetic@", "synthetic@x"]
    + ["synthetic:1000001", "synthetic:3@1@2", "synthetic:٣", "synthetic: 3", f"synthetic:{9**99}"],
)
def test_wrong_counts_and_seeds(text: str) -> None:
    with pytest.raises(InputError, match=r"expected synthetic\[:COUNT\]\[@SEED\]"):
        read_data(text, "train")


def test_the_named_split_wins_over_the_default(tmp_path: Path) -> None:
    both_splits(tmp_path)
    assert len(read_data(f"folder:{tmp_path}", "train")) == 3
    assert len(read_data(f"folder:{tmp_path}", "valid")) == 2
    assert len(read_data(f"folder:{tmp_path}@valid", "train")) == 2


@pytest.mark.parametrize("name", ["me@home", "a:b", "a@b@c", "x@train", "@", "@valid", "c:\\x@1.5"])
def test_paths_may_have_signs_of_ours(name: str, tmp_path: Path) -> None:
    folder = both_splits(tmp_path / name)
    assert len(read_data(f"folder:{folder}", "train")) == 3
    assert len(read_data(f"folder:{folder}@valid", "train")) == 2


def test_a_path_with_the_name_of_a_split_is_still_reached(tmp_path: Path) -> None:
    both_splits(tmp_path / "x")
    add(tmp_path / "x@train", 1)
    assert len(read_data(f"folder:{tmp_path}/x@train", "train")) == 1
    assert len(read_data(f"folder:{tmp_path}/x/@train", "train")) == 3


def test_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    add(tmp_path / "faces")
    assert len(read_data("folder:~/faces", "train")) == 1


def test_relative_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(add(tmp_path / "faces"))
    faces = read_data("folder:.", "train")
    assert faces.name == "folder:faces"


@pytest.mark.parametrize("text", ["", "x", "jaffe:x", "Ferplus:x", "/data/faces", "synthetic2"])
def test_an_unknown_kind_names_those_there_are(text: str) -> None:
    with pytest.raises(InputError, match=r"expected KIND:PATH.* of ferplus, .*, folder, or synth"):
        read_data(text, "train")


@pytest.mark.parametrize("text", ["folder:", "folder", "ferplus:"])
def test_a_path_is_needed(text: str) -> None:
    with pytest.raises(InputError, match=r"expected a path, found none"):
        read_data(text, "train")


@pytest.mark.parametrize(
    "path", ["none", "none@valid", "x" * 5000, "nul\0", "~nobody-of-this-name"]
)
@pytest.mark.parametrize("kind", ["folder", "ferplus"])
def test_an_absent_path(kind: str, path: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"expected a file or folder, found nothing"):
        read_data(f"{kind}:{tmp_path}/{path}", "train")


def test_an_absent_split_names_those_there_are(tmp_path: Path) -> None:
    both_splits(tmp_path)
    for text, default in ((f"folder:{tmp_path}@test", "valid"), (f"folder:{tmp_path}", "test")):
        with pytest.raises(InputError, match=r"expected the split test, found train or valid"):
            read_data(text, default)


def test_a_split_of_what_has_none(tmp_path: Path) -> None:
    add(tmp_path / "faces")
    (tmp_path / "empty").mkdir()
    for folder in ("faces", "empty"):
        with pytest.raises(InputError, match="found no splits there; leave out @valid$"):
            read_data(f"folder:{tmp_path}/{folder}@valid", "valid")


def test_an_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="expected folders named"):
        read_data(f"folder:{tmp_path}", "valid")


def test_a_split_without_faces(tmp_path: Path) -> None:
    (tmp_path / "FER2013Valid").mkdir()
    expressions = "neutral,happiness,surprise,sadness,anger,disgust,fear,contempt,unknown,NF"
    (tmp_path / "fer2013new.csv").write_text(f"Usage,Image name,{expressions}\n")
    with pytest.raises(InputError, match="expected faces in the split valid, found none"):
        read_data(f"ferplus:{tmp_path}", "valid")
    assert read_sibling(f"ferplus:{tmp_path}@valid", "valid") is None


def test_where_all_is_left_out_the_first_is_named(tmp_path: Path) -> None:
    both_splits(tmp_path)
    for file in tmp_path.glob("*/*/*.png"):
        file.write_bytes(b"no picture")
    first = r"found none; left out [35], the first for .*0\.png: expected a picture, found 10 b"
    with pytest.raises(InputError, match=first):
        read_data(f"folder:{tmp_path}", "train", Broken(skip=True))
    with pytest.raises(InputError, match=first):
        read_splits(f"folder:{tmp_path}", Broken(skip=True))


def test_sibling_is_the_other_split(tmp_path: Path) -> None:
    both_splits(tmp_path)
    for text in (f"folder:{tmp_path}", f"folder:{tmp_path}@train"):
        sibling = read_sibling(text, "valid")
        assert sibling is not None
        assert len(sibling) == 2
    assert read_sibling(f"folder:{tmp_path}@valid", "valid") is None


def test_what_is_whole_has_no_sibling(tmp_path: Path) -> None:
    add(tmp_path / "faces")
    assert read_sibling(f"folder:{tmp_path}/faces", "valid") is None
    assert read_sibling("synthetic:4@1", "valid") is None


def test_drawn_faces_have_a_sibling() -> None:
    sibling = read_sibling("synthetic:4", "valid")
    assert sibling is not None
    assert sibling.face_hashes() == read_data("synthetic:4", "valid").face_hashes()


OFFICIAL = {
    "ferplus": "train valid test",
    "ferplus-majority": "train valid test",
    "ferplus-multi-label": "train valid test",
    "fer2013": "train valid test",
    "raf-db": "train test",
    "affectnet": "train valid",
    "affectnet-7": "train valid",
    "caer-s": "train test",
    "sfew": "train valid",
    "fed-ro": "test",
    "folder": "train valid",
}


@pytest.mark.parametrize("kind", TREES)
def test_the_official_splits(kind: str, tmp_path: Path) -> None:
    build, split, count = TREES[kind]
    text = f"{kind}:{build(tmp_path / 'set')}"
    splits = read_splits(text)
    assert " ".join(splits) == OFFICIAL[kind]
    assert all(len(faces) == count for faces in splits.values())
    assert list(read_splits(f"{text}@{split}")) == [split]
    hashes = [set(faces.face_hashes()) for faces in splits.values()]
    assert len(set.union(*hashes)) == sum(map(len, hashes)), "no face stands in two splits"
    with pytest.raises(InputError, match=f"expected the split dev, found {split}"):
        read_data(f"{text}@dev", "train")


def test_what_has_no_splits_is_one(tmp_path: Path) -> None:
    add(tmp_path / "faces", 2)
    for text in (f"folder:{tmp_path}/faces", "synthetic:2"):
        splits = read_splits(text)
        assert {name: len(faces) for name, faces in splits.items()} == {"all": 2}


def test_a_split_without_faces_is_passed_over(tmp_path: Path) -> None:
    build, _, count = TREES["fer2013"]
    table = build(tmp_path / "set") / "fer2013.csv"
    lines = table.read_text().splitlines(keepends=True)
    table.write_text("".join(line for line in lines if "PublicTest" not in line))
    assert list(read_splits(f"fer2013:{table}")) == ["train", "test"]
    assert read_sibling(f"fer2013:{table}", "valid") is None
    table.write_text(lines[0])
    with pytest.raises(InputError, match="expected faces in train or valid or test, found none"):
        read_splits(f"fer2013:{table}")


def test_without_a_validation_split_there_is_no_sibling(tmp_path: Path) -> None:
    build, _, count = TREES["raf-db"]
    text = f"raf-db:{build(tmp_path / 'set')}"
    assert read_sibling(text, "valid") is None
    assert len(read_data(f"{text}@test", "valid")) == count == 7 * EACH


@given(st.text(max_size=30))
def test_any_text_is_read_or_refused(text: str) -> None:
    for written in (text, f"folder:/none/{text}", f"raf-db:/none/{text}", f"synthetic{text}"):
        with contextlib.suppress(InputError):
            assert len(read_data(written, "valid")) > 0
