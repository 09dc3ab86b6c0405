"""Golden faces come back as they were, or a BundleError."""

from __future__ import annotations

import io
import math
import zipfile
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgefer.errors import BundleError
from edgefer.golden import Golden
from edgefer.manifest import Flavour

FACES, SIZE, LABELS = 3, 4, 5


def golden() -> Golden:
    """Three random faces."""
    random = np.random.default_rng(0)
    faces = random.integers(0, 256, (FACES, SIZE, SIZE, 3), np.uint8)
    answers = random.random((FACES, LABELS), np.float32)
    return Golden(faces, answers, dict.fromkeys(Flavour, answers), dict.fromkeys(Flavour, 0.5))


DATA = golden().to_npz()


def npz(**changes: Any) -> bytes:
    """The golden npz with some arrays others, or None: absent."""
    with np.load(io.BytesIO(DATA)) as stored:
        arrays = {name: stored[name] for name in stored.files} | changes
    buffer = io.BytesIO()
    np.savez(buffer, **{name: array for name, array in arrays.items() if array is not None})
    return buffer.getvalue()


def test_reads_what_it_wrote() -> None:
    read = Golden.from_npz(DATA, SIZE, LABELS)
    assert (read.faces == golden().faces).all()
    assert (read.reference == golden().reference).all()
    assert read.tolerance == dict.fromkeys(Flavour, 0.5)
    assert all((read.expected[flavour] == golden().reference).all() for flavour in Flavour)
    assert golden().to_npz() == DATA


@given(st.binary())
def test_any_bytes(data: bytes) -> None:
    with pytest.raises(BundleError):
        Golden.from_npz(data, SIZE, LABELS)


@given(st.integers(0, len(DATA) * 8 - 1))
def test_any_bit_flipped(bit: int) -> None:
    data = bytearray(DATA)
    data[bit // 8] ^= 1 << bit % 8
    try:
        read = Golden.from_npz(bytes(data), SIZE, LABELS)
    except BundleError as error:
        if len(str(error).splitlines()) > 1:
            raise
    else:
        assert read.faces.shape == (FACES, SIZE, SIZE, 3)


@given(st.integers(0, len(DATA) - 1))
def test_cut_off_anywhere(length: int) -> None:
    with pytest.raises(BundleError):
        Golden.from_npz(DATA[:length], SIZE, LABELS)


ANSWERS = np.zeros((FACES, LABELS), np.float32)


@pytest.mark.parametrize(
    "changes",
    [
        {"faces": None},
        {"faces": np.zeros((0, SIZE, SIZE, 3), np.uint8), "reference": ANSWERS[:0]},
        {"faces": np.zeros((FACES, SIZE, SIZE, 3), np.int8)},
        {"faces": np.zeros((FACES, SIZE, SIZE), np.uint8)},
        {"faces": np.uint8(1)},
        {"reference": ANSWERS[:2]},
        {"reference": ANSWERS.astype(np.float64)},
        {"reference": ANSWERS.astype("U3")},
        {"expected_cpu": None},
        {"expected_cpu": ANSWERS + np.float32(math.nan)},
        {"tolerance_gpu": None},
        {"tolerance_gpu": np.float32([-1])},
        {"tolerance_gpu": np.float32([math.nan])},
        {"tolerance_gpu": np.float32([1, 2])},
        {"tolerance_gpu": np.array([1j])},
    ],
    ids=lambda changes: "+".join(changes),
)
def test_refuses(changes: dict[str, Any]) -> None:
    with pytest.raises(BundleError, match="expected faces of 4x4"):
        Golden.from_npz(npz(**changes), SIZE, LABELS)


def test_refuses_pickles() -> None:
    buffer = io.BytesIO()
    np.save(buffer, np.array([{}], object), allow_pickle=True)
    with pytest.raises(BundleError):
        Golden.from_npz(with_member("faces.npy", buffer.getvalue()), SIZE, LABELS)


def test_refuses_a_member_that_is_no_array() -> None:
    with pytest.raises(BundleError, match="bytes"):
        Golden.from_npz(with_member("faces.npy", b"not an array"), SIZE, LABELS)


def test_refuses_what_unpacks_to_too_much() -> None:
    buffer = io.BytesIO()
    with (
        zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("faces.npy", "w") as member,
    ):
        for _ in range(257):
            member.write(bytes(1 << 20))
    with pytest.raises(BundleError, match="unpacks to 269,484,032 bytes"):
        Golden.from_npz(buffer.getvalue(), SIZE, LABELS)


def with_member(name: str, data: bytes) -> bytes:
    """The golden npz with one member replaced."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(DATA)) as old, zipfile.ZipFile(buffer, "w") as new:
        for other in old.namelist():
            new.writestr(other, data if other == name else old.read(other))
    return buffer.getvalue()
