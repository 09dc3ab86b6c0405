"""A packed zip that is not as it should be."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edgefer.data.fer2013 import read_fer2013
from edgefer.data.ferplus import read_ferplus
from edgefer.errors import InputError
from tests.data.packs import ROWS, SIZE, packed

PACKED = packed(ROWS)


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


@pytest.mark.parametrize(
    "labels",
    [np.full(8, 7), np.full(8, -1), np.zeros((8, 2)), np.zeros(3), np.full(8, "x")],
    ids=str,
)
def test_wrong_labels_of_fer2013_are_named(tmp_path: Path, labels: object) -> None:
    archive = tmp_path / "ferplus.zip"
    archive.write_bytes(packed(ROWS, fer2013_label=labels))
    with pytest.raises(InputError, match=r"ferplus\.zip: expected a packed ferplus zip"):
        read_fer2013(archive, "train")
