"""RAF-DB, the basic set (Li, Deng and Du, CVPR 2017): aligned faces of 100x100, seven labels.

`EmoLabel/list_patition_label.txt` (its owners' spelling) has a line for each face, as
`train_00001.jpg 5`, and `Image/aligned` the pictures, as `train_00001_aligned.jpg`.
"""

from __future__ import annotations

import re
from pathlib import Path

from edgefer.data.broken import STRICT, Broken
from edgefer.data.faces import FaceSet
from edgefer.data.listing import Listing, check_folder, check_named, listed_faces
from edgefer.data.pictures import read_picture
from edgefer.data.tables import open_list, shown
from edgefer.errors import InputError
from edgefer.labels import ORDERS

LABELS = ORDERS["raf-db"]
_LIST = Path("EmoLabel") / "list_patition_label.txt"
_PICTURES = Path("Image") / "aligned"
_INNER = "basic"
_SPLITS = ("train", "test")
_LINE = re.compile(rf"(({'|'.join(_SPLITS)})_[0-9]+)\.jpg\s+(\S+)")
_NUMBERS = [str(number + 1) for number in range(len(LABELS))]  # they count from 1


def read_raf_db(path: Path, split: str, broken: Broken = STRICT) -> FaceSet:
    """The faces of `split` (train or test); `path` has EmoLabel and Image in it, or in `basic`."""
    home = _home(path)
    check_folder(home / _PICTURES, "the aligned pictures of RAF-DB")
    names: list[str] = []
    classes: list[int] = []
    files = Listing(home / _PICTURES)
    with open_list(home / _LIST) as lines:
        for number, line in enumerate(lines, 1):
            where = f"{home / _LIST}:{number}"
            found = _parse(line, where, broken) if line.strip() else None
            if found and found[0] == split and check_named(files, found[1], where, broken):
                names.append(found[1])
                classes.append(found[2])
    return listed_faces(
        f"raf-db@{split}",
        LABELS,
        classes,
        lambda index: read_picture(files.root / names[index]),
        home / _LIST,
        broken,
    )


def raf_db_splits(path: Path) -> tuple[str, ...]:
    """Its splits; InputError where the list is not there."""
    _home(path)
    return _SPLITS


def _home(path: Path) -> Path:
    for home in (path, path / _INNER):
        if (home / _LIST).is_file():
            return home
    msg = f"raf-db:{path}: expected {_LIST} in it or in {_INNER}, found neither"
    raise InputError(msg)


def _parse(line: str, where: str, broken: Broken) -> tuple[str, str, int] | None:
    """The split, the aligned picture and the class of a line; None where it is `broken`."""
    found = _LINE.fullmatch(line.strip())
    if not found:
        broken.found(f"{where}: expected a line as 'train_00001.jpg 5', found {shown([line])}")
        return None
    if found[3] not in _NUMBERS:
        expected = f"a label of {_NUMBERS[0]} to {_NUMBERS[-1]}"
        broken.found(f"{where}: expected {expected}, found {shown([found[3]])}")
        return None
    return found[2], f"{found[1]}_aligned.jpg", _NUMBERS.index(found[3])
