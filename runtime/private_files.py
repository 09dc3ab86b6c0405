"""Files that only their owner can have written: what is run as code comes from nowhere else."""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from pathlib import Path

from edgefer.errors import MachineError
from edgefer.files import sha256

OTHERS = stat.S_IWGRP | stat.S_IWOTH
_DIGEST = 64


class Untrusted(Exception):
    """A file or folder that somebody else may have written; its message says who could."""


def private_folder(path: Path) -> None:
    """Make the folder for its owner alone, or check that it is one.

    Raises Untrusted where others can write to it, MachineError where it cannot be made or is
    somebody else's.
    """
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = path.lstat()
    except OSError as error:
        msg = f"{path}: cannot make a folder for engines ({error.strerror}); set XDG_CACHE_HOME"
        raise MachineError(msg) from error
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
        msg = (
            f"{path}: expected a folder of the user who runs this ({os.geteuid()}), found "
            f"{'a link' if stat.S_ISLNK(status.st_mode) else f'one of user {status.st_uid}'}; "
            "remove it, or set XDG_CACHE_HOME"
        )
        raise MachineError(msg)
    _check_mode(path, status.st_mode)


def read_private(path: Path) -> bytes | None:
    """The bytes of a file that only this user can write to; None where there is no such file.

    Raises Untrusted for a link, another owner, or a mode that lets others write.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:
        msg = f"{path}: expected a plain file ({error.strerror})"
        raise Untrusted(msg) from error
    try:
        _check_file(path, os.fstat(handle))
        with os.fdopen(handle, "rb", closefd=False) as file:
            return file.read()
    finally:
        os.close(handle)


def _check_file(path: Path, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode) or status.st_uid != os.geteuid():
        msg = f"{path}: expected a file of user {os.geteuid()}, found one of {status.st_uid}"
        raise Untrusted(msg)
    _check_mode(path, status.st_mode)


def _check_mode(path: Path, mode: int) -> None:
    if mode & OTHERS:
        msg = f"{path}: others can write to it (mode {stat.S_IMODE(mode):o})"
        raise Untrusted(msg)


def write_private(path: Path, data: bytes) -> None:
    """Write a file for its owner alone, whole or not at all; MachineError where that fails."""
    temporary = path.with_name(f"{path.name}.{secrets.token_hex(8)}.tmp")
    try:
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(handle)
        temporary.replace(path)
    except OSError as error:
        msg = f"{path}: cannot keep {len(data):,} bytes there ({error.strerror}); make room for it"
        raise MachineError(msg) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


def read_hashed(path: Path) -> bytes | None:
    """What `write_hashed` wrote; None where it is not there, damaged, or could be another's."""
    try:
        if not path.parent.is_dir():
            return None
        private_folder(path.parent)
        data = read_private(path) or b""
    except (Untrusted, MachineError):
        return None
    return data[_DIGEST:] if sha256(data[_DIGEST:]).encode() == data[:_DIGEST] else None


def write_hashed(path: Path, data: bytes) -> None:
    """Write bytes behind their own hash; what cannot be kept is made again, so no error."""
    with contextlib.suppress(MachineError, Untrusted):
        private_folder(path.parent)
        write_private(path, sha256(data).encode() + data)
