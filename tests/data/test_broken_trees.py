"""What every reader does with a tree that has something broken: refuse it, or leave it out."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from edgefer.data.broken import Broken
from edgefer.data.faces import FaceSet
from edgefer.data.source import read_data
from edgefer.errors import InputError
from tests.data.damage import (
    ALIGNED,
    CASES,
    FER,
    IMAGES,
    KAGGLE,
    RAF,
    SET,
    TRAINING,
    Case,
    Damage,
    edit,
    remove,
    write,
)
from tests.data.trees import TREES


def names(case: Case) -> str:
    return f"{case.kind} {case.name}"


def read(case: Case, tmp_path: Path, broken: Broken) -> FaceSet:
    """The damaged tree, each of its faces loaded."""
    build, split, _ = TREES[case.kind]
    root = build(tmp_path / "set")
    case.damage(root)
    faces = read_data(f"{case.kind}:{root}", split, broken)
    faces.face_hashes()
    return faces


@pytest.mark.parametrize("case", CASES, ids=names)
def test_what_is_broken_is_refused_in_one_line(case: Case, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=case.message) as refused:
        read(case, tmp_path, Broken())
    assert len(str(refused.value).splitlines()) == 1


@pytest.mark.parametrize("case", CASES, ids=names)
def test_what_is_broken_is_left_out_and_listed(case: Case, tmp_path: Path) -> None:
    broken = Broken(skip=True)
    faces = read(case, tmp_path, broken)
    assert len(faces) == TREES[case.kind][2] - case.lost
    (message,) = broken.left_out
    assert pytest.approx(1) == faces.targets.sum(axis=1)
    assert re.search(case.message, message)


@pytest.mark.parametrize("kind", TREES)
def test_a_sound_tree_has_nothing_left_out(kind: str, tmp_path: Path) -> None:
    build, split, count = TREES[kind]
    root, broken = build(tmp_path / "set"), Broken(skip=True)
    faces = read_data(f"{kind}:{root}", split, broken)
    assert (len(faces), broken.left_out) == (count, [])
    assert faces.digest() == read_data(f"{kind}:{root}", split).digest()


@pytest.mark.parametrize(
    ("kind", "damage", "message"),
    [
        ("ferplus", remove(FER), "expected fer2013new.csv or a packed"),
        ("ferplus", edit(FER, "Usage", "Use"), "expected the columns Usage, Image name"),
        ("fer2013", remove(KAGGLE), "expected fer2013.csv or icml_face_data.csv or a packed"),
        ("fer2013", edit(KAGGLE, "pixels", "pixel"), "expected the columns emotion, pixels"),
        ("fer2013", write(KAGGLE, b"\xff\xfe"), "expected a list of faces in UTF-8"),
        ("raf-db", remove(RAF), "expected EmoLabel/list_patition_label.txt in it or in basic"),
        ("raf-db", remove(ALIGNED), "aligned: expected the folder of the aligned pictures"),
        ("raf-db", write(RAF, b"\xff\xfe"), "label.txt: expected a list of faces in UTF-8"),
        ("affectnet", remove(IMAGES), "expected the folder Manually_Annotated_Images or"),
        ("affectnet", write(TRAINING, b"a,b\n1,2\n"), "expected the columns subDirectory_filePa"),
        ("affectnet-7", remove(f"{SET}/images"), "images: expected the folder of its pictures"),
        ("affectnet-7", remove(f"{SET}/annotations"), "annotations: expected the folder of th"),
    ],
)
@pytest.mark.parametrize("skip", [False, True])
def test_a_list_or_folder_cannot_be_left_out(
    kind: str, damage: Damage, message: str, skip: bool, tmp_path: Path
) -> None:
    build, split, _ = TREES[kind]
    root = build(tmp_path / "set")
    damage(root)
    with pytest.raises(InputError, match=message):
        read_data(f"{kind}:{root}", split, Broken(skip))


@pytest.mark.parametrize(
    ("kind", "folder"),
    [("caer-s", "train/Happy"), ("sfew", "Train_Aligned_Faces/Angry"), ("fed-ro", "neural")],
)
def test_the_folder_of_a_class_is_missed(kind: str, folder: str, tmp_path: Path) -> None:
    build, split, count = TREES[kind]
    root = build(tmp_path / "set")
    remove(folder)(root)
    with pytest.raises(InputError, match=rf"{folder}: expected a folder of pictures, found none"):
        read_data(f"{kind}:{root}", split)
    broken = Broken(skip=True)
    assert 0 < len(read_data(f"{kind}:{root}", split, broken)) < count
    assert len(broken.left_out) == 1


@pytest.mark.parametrize("kind", TREES)
def test_another_folder_is_refused_by_every_kind(kind: str, tmp_path: Path) -> None:
    for broken in (Broken(), Broken(skip=True)):
        with pytest.raises(InputError, match=rf"{tmp_path.name}.*: expected"):
            read_data(f"{kind}:{tmp_path}", TREES[kind][1], broken)
