"""Files that are whole or not there: read with a clear error, written by rename."""

from __future__ import annotations

import errno
import hashlib
import os
import tempfile
from pathlib import Path

from edgefer.errors import EdgeferError, InputError, MachineError

_DISK_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def sha256(data: bytes | memoryview) -> str:
    """The SHA-256 of `data`, in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def read_bytes(path: Path, what: str, limit: int) -> bytes:
    """The bytes of a regular, non-empty file of at most `limit` bytes; InputError otherwise."""
    try:
        if not path.is_file():
            found = "a folder" if path.is_dir() else "no such file"
            msg = f"{path}: expected {what}, found {found}"
            raise InputError(msg)
        size = path.stat().st_size
        if not 0 < size <= limit:
            msg = f"{path}: expected {what} of 1 to {limit:,} bytes, found {size:,}"
            raise InputError(msg)
        return path.read_bytes()
    except OSError as error:
        msg = f"{path}: expected {what}, cannot read it ({error.strerror})"
        raise InputError(msg) from error


def check_writable(path: Path) -> None:
    """Raise now, as far as can be told, what `write_atomically` would raise after the work."""
    try:
        is_folder = path.is_dir()
    except OSError as error:  # such as a name that is too long
        raise _writing_failed(path, 0, error) from error
    if is_folder:
        msg = f"{path}: expected a file name to write to, found a folder"
        raise InputError(msg)
    if not path.parent.is_dir() or not os.access(path.parent, os.W_OK):
        msg = (
            f"{path}: cannot write there; expected an existing folder with write permission: "
            "give another --output"
        )
        raise InputError(msg)


def write_atomically(path: Path, data: bytes) -> None:
    """Write `data` to `path` so that a reader sees the old file or the new one, never a part.

    Raises InputError where the path cannot be written, MachineError where the disk is full.
    """
    check_writable(path)
    temporary: str | None = None
    try:
        handle, temporary = tempfile.mkstemp(
            prefix=f".{path.name}.", suffix=".tmp", dir=path.parent
        )
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fchmod(file.fileno(), 0o644)
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except OSError as error:
        raise _writing_failed(path, len(data), error) from error
    finally:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)


def _writing_failed(path: Path, size: int, error: OSError) -> EdgeferError:
    if error.errno in _DISK_FULL:
        return MachineError(f"{path}: the disk cannot take {size:,} more bytes ({error.strerror})")
    return InputError(f"{path}: cannot write there ({error.strerror}); give another --output")
