"""Files that are whole or not there: read with a clear error, written by rename."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import secrets
import stat
from pathlib import Path

from edgefer.errors import EdgeferError, InputError, MachineError

DISK_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


def sha256(data: bytes | memoryview) -> str:
    """The SHA-256 of `data`, in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def read_bytes(path: Path, what: str, limit: int) -> bytes:
    """The bytes of a regular, non-empty file of at most `limit` bytes; InputError otherwise."""
    size = check_readable(path, what)
    if not 0 < size <= limit:
        msg = f"{path}: expected {what} of 1 to {limit:,} bytes, found {size:,}"
        raise InputError(msg)
    try:
        return path.read_bytes()
    except OSError as error:
        raise _reading_failed(path, what, error) from error


def check_readable(path: Path, what: str) -> int:
    """The size of a regular file that can be opened; InputError for anything else."""
    try:
        status = path.stat()
        if stat.S_ISREG(status.st_mode):
            path.open("rb").close()
            return status.st_size
        found = _kind(status.st_mode)
    except (FileNotFoundError, NotADirectoryError):
        found = "no such file"
    except (OSError, ValueError) as error:
        raise _reading_failed(path, what, error) from error
    msg = f"{path}: expected {what}, found {found}"
    raise InputError(msg)


def utf8_name(path: Path) -> str:
    """The name for a library that breaks on any that is not UTF-8; InputError for such a one."""
    name = str(path)
    try:
        name.encode()
    except UnicodeEncodeError as error:
        msg = f"{ascii(name)}: expected a file name in UTF-8, found other bytes; rename the file"
        raise InputError(msg) from error
    return name


def check_writable(path: Path) -> None:
    """Raise now, as far as can be told, what `write_atomically` would raise after the work."""
    _target(path)


def write_atomically(path: Path, data: bytes) -> None:
    """Write `data` to `path` so that a reader sees the old file or the new one, never a part.

    A symbolic link stays one, and so does the mode of a file that is there. Raises InputError
    where the path cannot be written or is no regular file, MachineError where the disk is full.
    """
    target, mode = _target(path)
    temporary = target.with_name(f".edgefer-{secrets.token_hex(8)}.tmp")
    try:
        _write_new(temporary, data, mode)
        temporary.replace(target)
    except OSError as error:
        raise _writing_failed(path, len(data), error) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


def _target(path: Path) -> tuple[Path, int | None]:
    """The file behind `path` and its links, and its mode; None where it is not there yet."""
    try:
        target, mode = Path(os.path.realpath(path)), _mode(path)
        folder = target.parent
        possible = folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)
    except (OSError, ValueError) as error:
        raise _writing_failed(path, 0, error) from error
    if mode is not None and not stat.S_ISREG(mode):
        msg = (
            f"{path}: expected a regular file to write to, found {_kind(mode)}; "
            "give another --output"
        )
        raise InputError(msg)
    if not possible:
        msg = (
            f"{path}: cannot write there; expected an existing folder with write permission: "
            "give another --output"
        )
        raise InputError(msg)
    return target, mode


def _mode(path: Path) -> int | None:
    try:
        return path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return None


def _write_new(path: Path, data: bytes, mode: int | None) -> None:
    """Write a file that is not there, with the permissions of `mode` or those of any new file."""
    permissions = 0o666 if mode is None else stat.S_IMODE(mode) & 0o777
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, permissions)
    with os.fdopen(handle, "wb") as file:
        if mode is not None:
            os.fchmod(handle, permissions)  # the umask is for new files
        file.write(data)
        file.flush()
        os.fsync(handle)


def _kind(mode: int) -> str:
    return "a folder" if stat.S_ISDIR(mode) else "a device, pipe or socket, not a regular file"


def _reading_failed(path: Path, what: str, error: OSError | ValueError) -> EdgeferError:
    return InputError(f"{path}: expected {what}, cannot read it ({_reason(error)})")


def _writing_failed(path: Path, size: int, error: OSError | ValueError) -> EdgeferError:
    if isinstance(error, OSError) and error.errno in DISK_FULL:
        return MachineError(f"{path}: the disk cannot take {size:,} more bytes ({error.strerror})")
    return InputError(f"{path}: cannot write there ({_reason(error)}); give another --output")


def _reason(error: OSError | ValueError) -> str:
    return (isinstance(error, OSError) and error.strerror) or str(error)
