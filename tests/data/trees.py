"""Small trees in the layouts in which the data sets are given out, of drawn faces."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from edgefer.data.drawn import draw_face
from edgefer.data.faces import Pixels
from edgefer.labels import Expression

cv2 = pytest.importorskip("cv2")

EACH = 2  # pictures of a class in a split
LIST_COLUMNS = (
    "subDirectory_filePath,face_x,face_y,face_width,face_height,"
    "facial_landmarks,expression,valence,arousal"
)
FOLDERS = {
    "caer-s": ("Anger", "Disgust", "Fear", "Happy", "Neutral", "Sad", "Surprise"),
    "sfew": ("Angry", "Disgust", "Fear", "Happy", "Neutral", "Sad", "Surprise"),
    "fed-ro": ("anger", "disgust", "fear", "happy", "neural", "sad", "surprise"),
}
USAGES = ("Training", "PublicTest", "PrivateTest")


def face(number: int, size: int = 24) -> Pixels:
    """The face of that number, RGB; each number has another."""
    return draw_face(Expression.NEUTRAL, size, 7, number)


def write_picture(path: Path, number: int, size: int = 24) -> None:
    """That face in a file, as the suffix says; folders are made for it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), face(number, size)[..., ::-1])


def raf_db(root: Path) -> Path:
    """EmoLabel and Image: two faces a class in each split, labels 1 to 7 in turn."""
    lines = []
    for offset, split in ((0, "train"), (50, "test")):
        for number in range(7 * EACH):
            name = f"{split}_{number + 1:05}"
            lines.append(f"{name}.jpg {number % 7 + 1}\n")
            write_picture(root / "Image" / "aligned" / f"{name}_aligned.jpg", offset + number)
    (root / "EmoLabel").mkdir()
    (root / "EmoLabel" / "list_patition_label.txt").write_text("".join(lines))
    return root


def fer2013(root: Path, name: str = "fer2013.csv") -> Path:
    """Kaggle's table: two faces a class for each usage."""
    root.mkdir(exist_ok=True)
    heads = ["emotion", "pixels", "Usage"]
    if name == "icml_face_data.csv":
        heads = ["emotion", " Usage", " pixels"]
    with (root / name).open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(heads)
        for number in range(3 * 7 * EACH):
            grey = face(number, 48)[:, :, 1]
            row = {
                "emotion": number % 7,
                "pixels": " ".join(map(str, grey.ravel())),
                "Usage": USAGES[number // (7 * EACH)],
            }
            table.writerow([row[head.strip()] for head in heads])
    return root


def affectnet_lists(root: Path, pictures: str = "Manually_Annotated_Images") -> Path:
    """training.csv and validation.csv with whole pictures of 40x40, each of the eleven labels."""
    for offset, name in ((0, "training.csv"), (50, "validation.csv")):
        lines = [LIST_COLUMNS]
        for number in range(11 * EACH):
            picture = f"{offset + number % 3}/{number:03}.jpg"
            lines.append(f"{picture},4,6,20,30,1.5;2.5,{number % 11},-2,-2")
            write_picture(root / pictures / picture, offset + number, 40)
        (root / name).write_text("\n".join(lines) + "\n")
    return root


def affectnet_sets(root: Path) -> Path:
    """train_set and val_set: numbers in half of the annotations, text in the others."""
    for offset, name in ((0, "train_set"), (50, "val_set")):
        (root / name / "annotations").mkdir(parents=True)
        for number in range(8 * EACH):
            write_picture(root / name / "images" / f"{number}.jpg", offset + number)
            label = number % 8
            value = np.array(str(label)) if number < 8 else np.int64(label)
            np.save(root / name / "annotations" / f"{number}_exp.npy", value)
            np.save(root / name / "annotations" / f"{number}_val.npy", np.float64(0.5))
    return root


def class_folders(folder: Path, names: Sequence[str], offset: int = 0) -> Path:
    """Two pictures in a folder for each of the names."""
    for number in range(len(names) * EACH):
        picture = folder / names[number % len(names)] / f"{number:03}.png"
        write_picture(picture, offset + number)
    return folder


def caer_s(root: Path) -> Path:
    """train and test."""
    class_folders(root / "train", FOLDERS["caer-s"])
    class_folders(root / "test", FOLDERS["caer-s"], 50)
    return root


def sfew(root: Path) -> Path:
    """The aligned faces, those of the validation split in a folder of its own."""
    class_folders(root / "Train_Aligned_Faces", FOLDERS["sfew"])
    valid = root / "Val_Aligned_Faces_new" / "Val_Aligned_Faces_new"
    class_folders(valid, FOLDERS["sfew"], 50)
    return root


def fed_ro(root: Path) -> Path:
    """The seven folders."""
    return class_folders(root, FOLDERS["fed-ro"])


def folder(root: Path) -> Path:
    """train and valid, two classes each."""
    class_folders(root / "train", ("happy", "sad"))
    class_folders(root / "valid", ("happy", "sad"), 50)
    return root


def ferplus(root: Path) -> Path:
    """fer2013new.csv with its folders: two faces for each expression and split, by eight votes."""
    names = ["neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt"]
    lines = [",".join(["Usage", "Image name", *names, "unknown", "NF"])]
    folders = ("FER2013Train", "FER2013Valid", "FER2013Test")
    for number in range(3 * 8 * EACH):
        part, votes = number // (8 * EACH), [0] * 10
        votes[number % 8] = 8
        votes[8] = 2
        name = f"fer{number:07}.png"
        lines.append(",".join([USAGES[part], name, *map(str, votes)]))
        write_picture(root / folders[part] / name, number, 48)
    (root / "fer2013new.csv").write_text("\n".join(lines) + "\n")
    return root


# What builds the tree of each kind, the split to read, and how many faces are in it.
TREES: dict[str, tuple[Callable[[Path], Path], str, int]] = {
    "ferplus": (ferplus, "train", 8 * EACH),
    "ferplus-majority": (ferplus, "train", 8 * EACH),
    "ferplus-multi-label": (ferplus, "train", 8 * EACH),
    "fer2013": (fer2013, "train", 7 * EACH),
    "raf-db": (raf_db, "train", 7 * EACH),
    "affectnet": (affectnet_lists, "train", 8 * EACH),
    "affectnet-7": (affectnet_sets, "train", 7 * EACH),
    "caer-s": (caer_s, "train", 7 * EACH),
    "sfew": (sfew, "train", 7 * EACH),
    "fed-ro": (fed_ro, "test", 7 * EACH),
    "folder": (folder, "train", 2 * EACH),
}
