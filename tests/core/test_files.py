"""Files are read with a clear error and written whole."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgefer.errors import InputError, MachineError
from edgefer.files import check_writable, read_bytes, sha256, write_atomically


@given(st.binary())
def test_hash_is_the_same_for_bytes_and_view(data: bytes) -> None:
    assert sha256(data) == sha256(memoryview(data))
    assert len(sha256(data)) == 64


def test_reads_what_was_written(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_atomically(path, b"first")
    write_atomically(path, b"second")
    assert read_bytes(path, "a file", 100) == b"second"
    assert list(tmp_path.iterdir()) == [path]
    assert path.stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize(
    ("name", "found"),
    [("absent", "no such file"), (".", "a folder"), ("empty", "found 0"), ("big", "found 101")],
)
def test_says_what_cannot_be_read(tmp_path: Path, name: str, found: str) -> None:
    (tmp_path / "empty").touch()
    (tmp_path / "big").write_bytes(bytes(101))
    with pytest.raises(InputError, match=found):
        read_bytes(tmp_path / name, "a file", 100)


@pytest.mark.parametrize("name", ["x" * 250, "x" * 300])
def test_a_name_that_cannot_be_is_an_input_error(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError):
        read_bytes(tmp_path / name, "a file", 100)
    with pytest.raises(InputError, match="cannot write there"):
        write_atomically(tmp_path / name, b"")


def test_refuses_to_write_over_a_folder_or_into_none(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="found a folder"):
        check_writable(tmp_path)
    with pytest.raises(InputError, match="existing folder"):
        check_writable(tmp_path / "absent" / "file")


@pytest.mark.parametrize(
    ("number", "kind"), [(errno.ENOSPC, MachineError), (errno.EROFS, InputError)]
)
def test_leaves_the_old_file_where_writing_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, kind: type[Exception]
) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def fail(handle: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(kind, match=os.strerror(number)):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]
