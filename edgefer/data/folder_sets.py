"""The data sets that their owners give out with one folder for each expression.

* CAER-S (Lee et al., ICCV 2019): `train/Anger/*.png`. Its pictures are whole scenes with one
  person or more, as they come: no face is cut out.
* SFEW 2.0 (Dhall et al., 2011 and 2015): `Train_Aligned_Faces/Angry/*.png` and
  `Val_Aligned_Faces_new/Angry/*.png`, faces cut out and aligned by its owners. Where these are not
  there, the whole frames of `Train/Angry` and `Val/Angry`. The labels of its test split are not
  given out.
* FED-RO (Li et al., 2019): 400 pictures with faces in part covered, `neural/*` (its spelling) and
  six more. All of it is for testing.
"""

from __future__ import annotations

from pathlib import Path

from edgefer.data.broken import STRICT, Broken
from edgefer.data.faces import FaceSet
from edgefer.data.folder import labels_in, read_classes
from edgefer.errors import InputError
from edgefer.labels import ORDERS

# Its owners' names of the classes, in the order of the labels.
_CLASSES = {
    "caer-s": ("Anger", "Disgust", "Fear", "Happy", "Neutral", "Sad", "Surprise"),
    "sfew": ("Angry", "Disgust", "Fear", "Happy", "Neutral", "Sad", "Surprise"),
    "fed-ro": ("anger", "disgust", "fear", "happy", "neural", "sad", "surprise"),
}
_CAER_S = ("train", "test")
_CAER_S_INNER = "CAER-S"
_SFEW_FRAMES = {"train": "Train", "valid": "Val"}
_SFEW_ALIGNED = {
    "train": ("Train_Aligned_Faces",),
    "valid": ("Val_Aligned_Faces_new", "Val_Aligned_Faces"),
}
_SFEW_TOGETHER = "Train_Aligned_Faces, Val_Aligned_Faces_new, Train or Val"


def read_caer_s(path: Path, split: str, broken: Broken = STRICT) -> FaceSet:
    """The scenes of `split` (train or test) in PATH or PATH/CAER-S."""
    return _read(_caer_s(path)[split], "caer-s", split, broken)


def caer_s_splits(path: Path) -> tuple[str, ...]:
    """The splits that there are at `path`; InputError where it is not CAER-S."""
    return tuple(_caer_s(path))


def read_sfew(path: Path, split: str, broken: Broken = STRICT) -> FaceSet:
    """The faces of `split` (train or valid), or the frames where no aligned faces are there."""
    return _read(_sfew(path)[split], "sfew", split, broken)


def sfew_splits(path: Path) -> tuple[str, ...]:
    """The splits that there are at `path`; InputError where it is not SFEW."""
    return tuple(_sfew(path))


def read_fed_ro(path: Path, split: str, broken: Broken = STRICT) -> FaceSet:
    """The 400 pictures, which are the split test."""
    return _read(path, "fed-ro", split, broken)


def fed_ro_splits(path: Path) -> tuple[str, ...]:
    """Its one split."""
    return ("test",)


def _read(folder: Path, kind: str, split: str, broken: Broken) -> FaceSet:
    """The pictures of a split; the folder of each class has to be there, sound or `broken`."""
    labels, there = ORDERS[kind], labels_in(folder)
    for name, label in zip(_CLASSES[kind], labels):
        if label not in there:
            broken.found(f"{folder / name}: expected a folder of pictures, found none")
    return read_classes(folder, f"{kind}@{split}", labels, broken)


def _caer_s(path: Path) -> dict[str, Path]:
    for home in (path, path / _CAER_S_INNER):
        found = {split: home / split for split in _CAER_S if (home / split).is_dir()}
        if found:
            return found
    expected = f"{' or '.join(_CAER_S)} in it or in {_CAER_S_INNER}"
    msg = f"caer-s:{path}: expected the folder {expected}, found none of them"
    raise InputError(msg)


def _sfew(path: Path) -> dict[str, Path]:
    """The folder of each split: all of them aligned faces, or all of them frames."""
    frames = {split: path / name for split, name in _SFEW_FRAMES.items()}
    aligned = {split: _aligned((path, frames[split]), split) for split in frames}
    faces = {split: folder for split, folder in aligned.items() if folder}
    found = faces or {split: folder for split, folder in frames.items() if folder.is_dir()}
    if not found:
        msg = f"sfew:{path}: expected the folder {_SFEW_TOGETHER}, found none of them"
        raise InputError(msg)
    return found


def _aligned(homes: tuple[Path, ...], split: str) -> Path | None:
    """The aligned faces of a split in one of these; at times in a folder in the folder."""
    for name in _SFEW_ALIGNED[split]:
        for home in homes:
            if (home / name).is_dir():
                return _aligned((home / name,), split) or home / name
    return None
