"""Ways in which the trees of `tests.data.trees` are broken, and what is said of each.

A case damages the train split (of FED-RO: test) and says how many of its faces are lost.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tests.data.trees import EACH

Damage = Callable[[Path], object]


@dataclass(frozen=True)
class Case:
    """Damage to the tree of a kind, the message that tells of it, and how many faces it costs."""

    kind: str
    name: str
    damage: Damage
    message: str
    lost: int = 1


def edit(file: str, old: str, new: str, count: int = 1) -> Damage:
    """Replace text in a list, or bytes where it is none."""
    return lambda root: (root / file).write_text((root / file).read_text().replace(old, new, count))


def drop_lines(file: str, having: str) -> Damage:
    """Remove the lines of a list that have that text in them."""

    def damage(root: Path) -> None:
        lines = (root / file).read_text().splitlines(keepends=True)
        (root / file).write_text("".join(line for line in lines if having not in line))

    return damage


def remove(file: str) -> Damage:
    """Remove a file or folder."""

    def damage(root: Path) -> None:
        path = root / file
        shutil.rmtree(path) if path.is_dir() else path.unlink()

    return damage


def write(file: str, data: bytes = b"no picture") -> Damage:
    """Put bytes into a file."""
    return lambda root: (root / file).write_bytes(data)


def empty(folder: str) -> Damage:
    """Remove what is in a folder."""
    return lambda root: [file.unlink() for file in (root / folder).iterdir()]


def annotate(number: int, value: object) -> Damage:
    """Another expression for a face of train_set."""
    note = Path("train_set") / "annotations" / f"{number}_exp.npy"
    return lambda root: np.save(root / note, np.asarray(value))


def of_folders(kind: str, train: str, happy: str) -> list[Case]:
    """The cases of a set with one folder for each expression."""
    return [
        Case(kind, "unreadable", write(f"{train}/{happy}/bad.png"), r"bad\.png: expected a", 0),
        Case(
            kind,
            "nothing in a picture",
            write(f"{train}/{happy}/none.png", b""),
            r"none\.png: expected a picture of 1 to",
            0,
        ),
        Case(
            kind,
            "unknown label",
            lambda root: (root / train / "smirk").mkdir(),
            r"smirk: label 'smirk': expected one of",
            0,
        ),
        Case(kind, "empty class", empty(f"{train}/{happy}"), f"{happy}: expected pictures", EACH),
    ]


RAF, ALIGNED = "EmoLabel/list_patition_label.txt", "Image/aligned"
FER, KAGGLE, TRAINING = "fer2013new.csv", "fer2013.csv", "training.csv"
IMAGES = "Manually_Annotated_Images"
SET = "train_set"

CASES = [
    *(
        case
        for kind in ("ferplus", "ferplus-majority", "ferplus-multi-label")
        for case in (
            Case(kind, "votes", edit(FER, "png,8,", "png,x,"), r"new\.csv:2: expected 10 votes"),
            Case(kind, "short", edit(FER, ",0,2,0", ""), r"new\.csv:2: expected 12 values, found"),
            Case(kind, "usage", edit(FER, "Tr", "tr"), r"new\.csv:2: expected a usage of Training"),
            Case(
                kind,
                "absent",
                remove("FER2013Train/fer0000003.png"),
                r"fer0000003\.png: named in fer2013new\.csv:5, expected a picture",
            ),
            Case(kind, "unreadable", write("FER2013Train/fer0000003.png"), r"0003\.png: expected"),
        )
    ),
    Case("fer2013", "label", edit(KAGGLE, "\n0,", "\n7,"), r"\.csv:2: expected a label of 0 to 6"),
    Case("fer2013", "pixels", edit(KAGGLE, "\n0,", "\n0,1 "), r"\.csv:2: expected 2304 pixels"),
    Case("fer2013", "no byte", edit(KAGGLE, "\n1,", "\n1,256 "), r"\.csv:3: expected 2304 pixels"),
    Case("fer2013", "usage", edit(KAGGLE, "Training", "Test"), r"\.csv:2: expected a usage of"),
    Case("fer2013", "short", edit(KAGGLE, ",Training", ""), r"\.csv:2: expected 3 values, found"),
    Case(
        "fer2013",
        "empty class",
        edit(KAGGLE, "\n0,", "\n1,", -1),
        r"fer2013\.csv: expected faces of anger for fer2013@train, found none",
        0,
    ),
    Case("raf-db", "label", edit(RAF, "jpg 1\n", "jpg 8\n"), r"\.txt:1: expected a label of 1 to"),
    Case("raf-db", "no label", edit(RAF, " 1\n", "\n"), r"\.txt:1: expected a line as 'train_0000"),
    Case("raf-db", "path", edit(RAF, "train_", "../train_"), r"\.txt:1: expected a line as"),
    Case(
        "raf-db",
        "absent",
        remove(f"{ALIGNED}/train_00003_aligned.jpg"),
        r"00003_aligned\.jpg: named in list_patition_label\.txt:3, expected a picture",
    ),
    Case(
        "raf-db",
        "unreadable",
        write(f"{ALIGNED}/train_00003_aligned.jpg"),
        r"00003_aligned\.jpg: expected a picture",
    ),
    Case(
        "raf-db",
        "empty class",
        drop_lines(RAF, " 4\n"),
        r"label\.txt: expected faces of happiness for raf-db@train, found none",
        EACH,
    ),
    Case("affectnet", "label", edit(TRAINING, ",0,-2", ",11,-2"), r"\.csv:2: expected an express"),
    Case("affectnet", "no label", edit(TRAINING, ",0,-2", ",,-2"), r"\.csv:2: expected an express"),
    Case("affectnet", "box", edit(TRAINING, ",4,6,", ",NULL,6,"), r"\.csv:2: expected a face box"),
    Case("affectnet", "no box", edit(TRAINING, "20,30", "20,0"), r"\.csv:2: expected a face box"),
    Case("affectnet", "short", edit(TRAINING, ",6,20,30,1.5;2.5,0,-2,-2", ""), r"\.csv:2: .* 9 v"),
    Case(
        "affectnet",
        "box outside",
        edit(TRAINING, ",4,6,", ",90,6,"),
        r"000\.jpg: expected a face of 20x30 at 90, 6, found a picture of 40x40",
    ),
    Case(
        "affectnet",
        "absent",
        remove(f"{IMAGES}/1/001.jpg"),
        r"1/001\.jpg: named in training\.csv:3, expected a picture",
    ),
    Case(
        "affectnet",
        "a path that leads out",
        edit(TRAINING, "0/000.jpg", "../training.csv"),
        r"training\.csv: named in training\.csv:2, expected a picture, found no such",
    ),
    Case("affectnet", "unreadable", write(f"{IMAGES}/1/001.jpg"), r"001\.jpg: expected a picture"),
    Case(
        "affectnet",
        "empty class",
        drop_lines(TRAINING, ",7,-2"),
        r"training\.csv: expected faces of contempt for affectnet@train",
        EACH,
    ),
    Case("affectnet-7", "label", annotate(0, "11"), r"0_exp\.npy: expected an expression of 0 to"),
    Case("affectnet-7", "fraction", annotate(0, 0.5), r"0_exp\.npy: expected an expression"),
    Case("affectnet-7", "many", annotate(0, [1, 2]), r"0_exp\.npy: .* found 'no number'"),
    Case("affectnet-7", "pickle", annotate(0, {1: 2}), r"0_exp\.npy: .* found 'no number'"),
    Case("affectnet-7", "junk", write(f"{SET}/annotations/0_exp.npy"), r"0_exp\.npy: expected an"),
    Case("affectnet-7", "empty", write(f"{SET}/annotations/0_exp.npy", b""), r"0_exp\.npy: expect"),
    Case(
        "affectnet-7",
        "no annotation",
        remove(f"{SET}/annotations/0_exp.npy"),
        r"0_exp\.npy: expected the expression of 0\.jpg, found no such file",
    ),
    Case(
        "affectnet-7",
        "absent",
        remove(f"{SET}/images/0.jpg"),
        r"0\.jpg: named by 0_exp\.npy, expected a picture, found no such file",
    ),
    Case("affectnet-7", "unreadable", write(f"{SET}/images/0.jpg"), r"0\.jpg: expected a picture"),
    Case(
        "affectnet-7",
        "empty class",
        lambda root: [annotate(number, 7)(root) for number in (6, 14)],
        "train_set: expected faces of anger for affectnet-7@train",
        EACH,
    ),
    *of_folders("caer-s", "train", "Happy"),
    *of_folders("sfew", "Train_Aligned_Faces", "Happy"),
    *of_folders("fed-ro", ".", "happy"),
    *of_folders("folder", "train", "happy"),
]
