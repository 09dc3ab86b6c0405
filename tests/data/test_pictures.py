"""Pictures from files and bytes, sound and otherwise."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgefer.data.pictures import SUFFIXES, decode_picture, read_picture
from edgefer.errors import InputError

cv2 = pytest.importorskip("cv2")

LOSSLESS = sorted(SUFFIXES - {".jpg", ".jpeg", ".webp"})
RED = np.zeros((6, 5, 3), np.uint8)
RED[..., 0] = 250


def encoded(suffix: str, picture: np.ndarray = RED) -> bytes:
    _, data = cv2.imencode(suffix, picture[..., ::-1])
    return bytes(data)


@pytest.mark.parametrize("suffix", sorted(SUFFIXES))
def test_every_suffix_is_read_as_rgb(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"face{suffix}"
    path.write_bytes(encoded(suffix))
    picture = read_picture(path)
    assert picture.shape == RED.shape
    assert picture.flags.c_contiguous
    np.testing.assert_allclose(picture, RED, atol=0 if suffix in LOSSLESS else 12)


def test_grey_has_three_equal_planes() -> None:
    grey = np.arange(64, dtype=np.uint8).reshape(8, 8)
    _, data = cv2.imencode(".png", grey)
    picture = decode_picture(bytes(data), "grey")
    assert (picture == grey[:, :, None]).all()


def test_alpha_and_sixteen_bits_are_read() -> None:
    for picture in (np.full((4, 4, 4), 128, np.uint8), np.full((4, 4, 3), 128 << 8, np.uint16)):
        _, data = cv2.imencode(".png", picture)
        assert (decode_picture(bytes(data), "face.png") == 128).all()


@pytest.mark.parametrize("data", [b"", b"x", b"not a picture" * 99, encoded(".png")[:20]])
def test_what_is_no_picture_is_named(data: bytes) -> None:
    with pytest.raises(InputError, match=r"^face\.png: "):
        decode_picture(data, "face.png")


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from([".png", ".jpg", ".bmp", ".webp"]), st.integers(0, 400), st.binary(max_size=9)
)
def test_damaged_bytes_decode_or_are_refused(suffix: str, place: int, junk: bytes) -> None:
    data = bytearray(encoded(suffix))
    data[place : place + len(junk)] = junk
    try:
        picture = decode_picture(bytes(data), "damaged")
    except InputError:
        return
    assert picture.ndim == 3
    assert picture.dtype == np.uint8


@pytest.mark.parametrize("name", ["none.png", ".", "empty.png"])
def test_paths_that_are_no_picture(name: str, tmp_path: Path) -> None:
    (tmp_path / "empty.png").touch()
    with pytest.raises(InputError, match="expected a picture"):
        read_picture(tmp_path / name)
