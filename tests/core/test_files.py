"""Files are read with a clear error and written whole."""

from __future__ import annotations

import errno
import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgefer.errors import InputError, MachineError
from edgefer.files import check_writable, read_bytes, sha256, utf8_name, write_atomically


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


@pytest.fixture(params=[0o022, 0o077], ids=oct)
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


@pytest.mark.parametrize("mode", [None, 0o600, 0o666, 0o444], ids=str)
def test_a_new_file_has_the_mode_of_any_and_an_old_one_keeps_its_own(
    tmp_path: Path, umask: int, mode: int | None
) -> None:
    path = tmp_path / "file"
    if mode is not None:
        path.touch()
        path.chmod(mode)
    write_atomically(path, b"new")
    wanted = 0o666 & ~umask if mode is None else mode
    assert path.stat().st_mode & 0o777 == wanted


@pytest.mark.parametrize("there", [True, False], ids=["file", "dangling"])
def test_a_link_is_written_through(tmp_path: Path, there: bool) -> None:
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    target, link = folder / "file", tmp_path / "link"
    link.symlink_to("elsewhere/file")
    if there:
        target.write_bytes(b"old")
    check_writable(link)
    write_atomically(link, b"new")
    assert link.is_symlink()
    assert target.read_bytes() == b"new"
    assert [list(folder.iterdir()), sorted(tmp_path.iterdir())] == [[target], [folder, link]]


@pytest.fixture(params=["device", "pipe", "socket", "link"])
def special(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A path that is no regular file."""
    path = tmp_path / "special"
    if request.param == "device":
        return Path(os.devnull)
    if request.param == "pipe":
        os.mkfifo(path)
    elif request.param == "socket":
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(str(path))
    else:
        path.symlink_to(os.devnull)
    return path


def test_what_is_no_regular_file_is_neither_read_nor_replaced(special: Path) -> None:
    before = special.lstat()
    with pytest.raises(InputError, match="not a regular file"):
        read_bytes(special, "a file", 100)
    for write in (check_writable, lambda path: write_atomically(path, b"x")):
        with pytest.raises(InputError, match="expected a regular file .* not a regular file"):
            write(special)
    assert special.lstat().st_ino == before.st_ino
    assert not stat.S_ISREG(special.stat().st_mode)


@pytest.mark.parametrize("path", ["loop", "nul\0"])
def test_paths_that_lead_nowhere(tmp_path: Path, path: str) -> None:
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(InputError, match="cannot read it"):
        read_bytes(tmp_path / path, "a file", 100)
    with pytest.raises(InputError, match="cannot write there"):
        write_atomically(tmp_path / path, b"")


def test_what_may_not_be_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def deny(path: Path, **_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "stat", deny)
    with pytest.raises(InputError, match=r"expected a file, cannot read it \(Permission denied"):
        read_bytes(tmp_path / "file", "a file", 100)
    with pytest.raises(InputError, match=r"cannot write there \(Permission denied"):
        check_writable(tmp_path / "file")


def test_only_utf8_names_are_given_on() -> None:
    assert utf8_name(Path("é [1].png")) == "é [1].png"
    with pytest.raises(InputError) as refused:
        utf8_name(Path(os.fsdecode(b"caf\xe9.png")))
    assert str(refused.value).isascii()
    assert "rename the file" in str(refused.value)


@pytest.mark.parametrize(
    ("name", "found"),
    [("absent", "no such file"), (".", "a folder"), ("empty", "found 0"), ("big", "found 101")],
)
def test_says_what_cannot_be_read(tmp_path: Path, name: str, found: str) -> None:
    (tmp_path / "empty").touch()
    (tmp_path / "big").write_bytes(bytes(101))
    with pytest.raises(InputError, match=found):
        read_bytes(tmp_path / name, "a file", 100)


def test_the_longest_name_there_is_can_be_written(tmp_path: Path) -> None:
    longest = os.pathconf(tmp_path, "PC_NAME_MAX")
    write_atomically(tmp_path / ("x" * longest), b"x")
    assert [len(path.name) for path in tmp_path.iterdir()] == [longest]
    with pytest.raises(InputError, match="cannot read it"):
        read_bytes(tmp_path / ("x" * (longest + 1)), "a file", 100)
    with pytest.raises(InputError, match="cannot write there"):
        write_atomically(tmp_path / ("x" * (longest + 1)), b"")


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
