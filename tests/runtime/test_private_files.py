"""What is run as code comes from files that nobody else could have written."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from edgefer.errors import MachineError
from edgefer.runtime import private_files
from edgefer.runtime.private_files import (
    Untrusted,
    private_folder,
    read_hashed,
    read_private,
    write_hashed,
    write_private,
)


def test_a_new_folder_is_its_owners_alone(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "engines"
    private_folder(folder)
    private_folder(folder)
    assert folder.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("mode", [0o770, 0o707, 0o777, 0o1777])
def test_a_folder_that_others_can_write_to_is_not_trusted(tmp_path: Path, mode: int) -> None:
    tmp_path.chmod(mode)
    with pytest.raises(Untrusted, match=f"others can write to it .mode {mode:o}"):
        private_folder(tmp_path)


def test_a_link_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with pytest.raises(MachineError, match=r"link: expected a folder of the user .* found a link"):
        private_folder(tmp_path / "link")


def test_a_folder_of_somebody_else_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = os.geteuid()
    monkeypatch.setattr(private_files.os, "geteuid", lambda: owner + 1)
    with pytest.raises(MachineError, match=f"found one of user {owner}.*XDG_CACHE_HOME"):
        private_folder(tmp_path)


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(MachineError, match=r"cannot make a folder .*; set XDG_CACHE_HOME"):
        private_folder(tmp_path / "file" / "engines")


def test_a_file_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "a"
    assert read_private(path) is None
    write_private(path, b"data")
    assert read_private(path) == b"data"
    assert path.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["a"]


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_a_file_that_others_can_write_to_is_not_trusted(tmp_path: Path, mode: int) -> None:
    write_private(tmp_path / "a", b"data")
    (tmp_path / "a").chmod(mode)
    with pytest.raises(Untrusted, match="others can write to it"):
        read_private(tmp_path / "a")


def test_neither_link_nor_folder_is_read(tmp_path: Path) -> None:
    write_private(tmp_path / "a", b"data")
    (tmp_path / "link").symlink_to(tmp_path / "a")
    for path in (tmp_path / "link", tmp_path):
        with pytest.raises(Untrusted):
            read_private(path)


def test_a_file_of_somebody_else_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_private(tmp_path / "a", b"data")
    owner = os.geteuid()
    monkeypatch.setattr(private_files.os, "geteuid", lambda: owner + 1)
    with pytest.raises(Untrusted, match=f"found one of {owner}"):
        read_private(tmp_path / "a")


def test_what_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    with pytest.raises(MachineError, match="cannot keep 4 bytes there"):
        write_private(tmp_path / "a", b"data")
    assert [each.name for each in tmp_path.iterdir()] == ["a"]


def test_hashed_bytes_come_back_only_whole(tmp_path: Path) -> None:
    path = tmp_path / "a"
    assert read_hashed(path) is None
    write_hashed(path, b"data")
    assert read_hashed(path) == b"data"
    whole = path.read_bytes()
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        assert read_hashed(path) is None
    path.write_bytes(whole)
    path.chmod(0o666)
    assert read_hashed(path) is None
    write_hashed(tmp_path / "no folder" / "a", b"data")  # it can be made again
