"""FER+ (Barsoum et al., ICMI 2016): FER-2013 faces of 48x48 with the votes of ten taggers.

Two layouts are read: the original (`fer2013new.csv` beside `FER2013Train`, `FER2013Valid` and
`FER2013Test`, whose PNG files it names) and a packed zip of lossless mosaics.

`edgefer.data.votes` says which faces a reading of the votes keeps and what their targets are. By
default these are soft labels, the shares of the votes, on the faces of the majority protocol.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from edgefer.data.broken import STRICT, Broken
from edgefer.data.faces import FaceSet
from edgefer.data.ferplus_packed import PACKED_SPLITS, find_packed, read_packed
from edgefer.data.listing import Listing, check_named
from edgefer.data.pictures import read_picture
from edgefer.data.tables import read_table, shown
from edgefer.data.votes import COLUMNS, LABELS, SOFT, Protocol, Votes, check_votes
from edgefer.errors import InputError

USAGES = {"train": "Training", "valid": "PublicTest", "test": "PrivateTest"}
_FOLDERS = {"train": "FER2013Train", "valid": "FER2013Valid", "test": "FER2013Test"}
_TABLE = "fer2013new.csv"
_MOST_VOTES = 1000  # there are ten taggers: what is far more is no vote


def read_ferplus(
    path: Path, split: str, broken: Broken = STRICT, protocol: Protocol = SOFT
) -> FaceSet:
    """The faces of `split` (train, valid or test) from a packed zip, or the original folder.

    `path` is the zip, a folder that holds one, or the folder (or file) of `fer2013new.csv`.
    Raises InputError where it is none of these, or has no such split.
    """
    if split not in ferplus_splits(path):
        msg = f"ferplus:{path}: expected one of {', '.join(ferplus_splits(path))}, found @{split}"
        raise InputError(msg)
    home = _home(path)
    if home.is_dir():
        return _read_original(home, split, broken, protocol)
    votes, load = read_packed(
        home, split, "votes", lambda votes: protocol.kept(check_votes(votes), split)
    )
    return FaceSet(f"{protocol.name}@{split}", LABELS, protocol.targets(votes), load)


def ferplus_splits(path: Path) -> tuple[str, ...]:
    """The splits that there are at `path`; InputError where it is not FER+."""
    home = _home(path)
    if not home.is_dir():
        return tuple(PACKED_SPLITS)
    found = tuple(split for split, folder in _FOLDERS.items() if (home / folder).is_dir())
    if not found:
        msg = f"ferplus:{home}: expected {', '.join(_FOLDERS.values())} beside {_TABLE}, found none"
        raise InputError(msg)
    return found


def check_usage(usage: str, where: str, broken: Broken) -> bool:
    """Whether a row of FER-2013 is of one of its splits; otherwise it is `broken`."""
    known = usage in USAGES.values()
    if not known:
        expected = ", ".join(USAGES.values())
        broken.found(f"{where}: expected a usage of {expected}, found {shown([usage])}")
    return known


def _home(path: Path) -> Path:
    """The packed zip, or the folder of the original table."""
    if path.name == _TABLE:
        path = path.parent
    if (path / _TABLE).is_file():
        return path
    archive = find_packed(path)
    if archive is None:
        msg = f"ferplus:{path}: expected {_TABLE} or a packed ferplus zip, found neither"
        raise InputError(msg)
    return archive


def _read_original(folder: Path, split: str, broken: Broken, protocol: Protocol) -> FaceSet:
    table, files = folder / _TABLE, Listing(folder / _FOLDERS[split])
    names, places, rows = [], [], []
    columns = ("Usage", "Image name", *COLUMNS)
    for where, (usage, name, *numbers) in read_table(table, columns, broken):
        # rows whose picture is not a face have no name
        if not check_usage(usage, where, broken) or usage != USAGES[split] or not name:
            continue
        votes = _votes(numbers, where, broken)
        if votes is not None:
            names.append(name)
            places.append(where)
            rows.append(votes)
    kept = protocol.kept(_table(rows), split)
    chosen = [
        index
        for index in np.flatnonzero(kept).tolist()
        if check_named(files, names[index], places[index], broken)
    ]
    targets = protocol.targets(_table([rows[index] for index in chosen]))
    paths = [files.root / names[index] for index in chosen]
    return FaceSet(
        f"{protocol.name}@{split}", LABELS, targets, lambda index: read_picture(paths[index])
    )


def _votes(numbers: list[str], where: str, broken: Broken) -> list[int] | None:
    try:
        votes = [int(number) for number in numbers]
    except ValueError:
        votes = [-1]
    if all(0 <= vote <= _MOST_VOTES for vote in votes):
        return votes
    broken.found(f"{where}: expected {len(COLUMNS)} votes of 0 or more, found {shown(numbers)}")
    return None


def _table(rows: list[list[int]]) -> Votes:
    return np.array(rows, np.int64).reshape(-1, len(COLUMNS))
