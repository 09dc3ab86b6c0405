"""Files of torch.save, read by torch's own unpickler for weights, which makes tensors and no more.

That unpickler stops at any class it does not know, and a training script's checkpoint has some
beside the tensors. They are given to it as `Inert` ones, so that nothing of theirs is imported or
run. What torch forbids by name (os.system) it refuses even so.
"""

from __future__ import annotations

import io
import pickletools
import warnings
import zipfile
from dataclasses import dataclass
from typing import Any

import torch

from edgefer.errors import reason

_ZIP = b"PK\x03\x04"
_PICKLE = b"\x80"
_LEGACY_PICKLES = 4  # magic number, protocol, system, content


class Inert:
    """In place of an object of another class: takes whatever is done to it, and does nothing."""

    def __new__(cls, *_arguments: Any, **_named: Any) -> Inert:
        return super().__new__(cls)

    def __init__(self, *_arguments: Any, **_named: Any) -> None:
        pass

    def __setstate__(self, _state: Any) -> None:
        pass


@dataclass(frozen=True)
class TorchFile:
    """What torch.save was given; `foreign` names the classes and functions passed over."""

    form: str
    content: Any
    foreign: tuple[str, ...]


def is_torch_file(data: bytes) -> bool:
    """Whether the first bytes are those of torch.save, since 1.6 (a zip) or before."""
    return data.startswith((_ZIP, _PICKLE))


def read_torch_file(data: bytes) -> TorchFile:
    """The content, with tensors on the CPU; ValueError for another file, or a damaged one."""
    zipped = data.startswith(_ZIP)
    if zipped:
        _check_zip(data)
    names = _foreign_in_zip(data) if zipped else _foreign_in_pickles(data)
    inert: list[Any] = [(type(name, (Inert,), {}), name) for name in names]
    try:
        with torch.serialization.safe_globals(inert), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            content = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except Exception as error:  # torch and pickle raise a dozen kinds
        named = f"; it names {', '.join(names)[:200]}" if names else ""
        msg = f"a file that torch does not read as plain weights{named}"
        raise ValueError(msg) from error
    return TorchFile("torch zip" if zipped else "torch legacy", content, names)


def _check_zip(data: bytes) -> None:
    """ValueError where torch.save did not write the archive, or its checksums do not hold."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = archive.infolist()
            packed = any(member.compress_type != zipfile.ZIP_STORED for member in members)
            damaged = None if packed else archive.testzip()
    except Exception as error:  # zipfile raises a dozen kinds
        msg = f"a damaged zip archive ({reason(error, 100)})"
        raise ValueError(msg) from error
    names = {member.filename.rpartition("/")[2] for member in members}
    if packed or "data.pkl" not in names:
        msg = "a zip archive that torch.save did not write"
        raise ValueError(msg)
    if damaged is not None:
        msg = f"a damaged {ascii(damaged)[:80]} in the archive"
        raise ValueError(msg)
    if "constants.pkl" in names:
        msg = "a TorchScript archive; save the state_dict() of its network instead"
        raise ValueError(msg)


def _foreign_in_zip(data: bytes) -> tuple[str, ...]:
    try:
        found = torch.serialization.get_unsafe_globals_in_checkpoint(io.BytesIO(data))
    except Exception as error:  # torch and pickle raise a dozen kinds
        msg = f"a damaged pickle ({reason(error, 100)})"
        raise ValueError(msg) from error
    return tuple(sorted(found))


def _foreign_in_pickles(data: bytes) -> tuple[str, ...]:
    """The names in the pickles that the older format begins with, but for torch's own."""
    stream = io.BytesIO(data)
    names: set[str] = set()
    try:
        for _ in range(_LEGACY_PICKLES):
            operations = pickletools.genops(stream)
            names |= {str(given) for code, given, _ in operations if code.name == "GLOBAL"}
    except Exception as error:  # pickletools raises a dozen kinds
        msg = f"a damaged pickle, or one that torch.save did not write ({reason(error, 100)})"
        raise ValueError(msg) from error
    found = {name.replace(" ", ".") for name in names}
    known = {name for name in found if name.startswith("torch.")} | {"collections.OrderedDict"}
    return tuple(sorted(found - known))
