"""`NAME.edgefer`: one stored zip, every byte of it named and hashed in its manifest."""

from __future__ import annotations

import io
import re
import struct
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from edgefer.errors import BundleError, reason
from edgefer.files import read_bytes, sha256, write_atomically
from edgefer.golden import Golden
from edgefer.manifest import Flavour, Manifest, Member

MANIFEST = "manifest.json"
GOLDEN = "golden.npz"
CALIBRATION = "calibration.json"
CARD = "card.md"
_REQUIRED = {Flavour.GPU.member, Flavour.CPU.member, GOLDEN, CARD}
_KNOWN = _REQUIRED | {CALIBRATION, MANIFEST}
# An engine that was built ahead of time, or its sidecar.
_ENGINE = re.compile(r"engines/[a-z0-9][a-z0-9+-]{0,127}\.(engine|json)")

_FILE_LIMIT = 2 << 30
_MANIFEST_LIMIT = 4 << 20
# Sizes in the zip format, without names, extra fields and comments.
_LOCAL_HEADER, _DIRECTORY_ENTRY, _DIRECTORY_END = 30, 46, 22
# Every stored zip has the same date, so that the same content gives the same file.
_DATE = (1980, 1, 1, 0, 0, 0)
_ZIP_ERRORS = (
    zipfile.BadZipFile,
    NotImplementedError,
    RuntimeError,
    EOFError,
    ValueError,
    OverflowError,
    OSError,
    struct.error,
)


@dataclass(frozen=True)
class Bundle:
    """A bundle whose files have the hashes that its manifest names."""

    manifest: Manifest
    members: Mapping[str, bytes]

    @property
    def id(self) -> str:
        """SHA-256 of the manifest, and through it of every byte."""
        return sha256(self.manifest.to_json())

    def graph(self, flavour: Flavour) -> bytes:
        """The ONNX graph of a flavour."""
        return self.members[flavour.member]

    def golden(self) -> Golden:
        """The golden faces and answers."""
        manifest = self.manifest
        return Golden.from_npz(self.members[GOLDEN], manifest.size, len(manifest.labels))

    def engines(self) -> Iterator[tuple[str, bytes, bytes]]:
        """The engines that were built ahead of time: name, bytes and sidecar."""
        for name, data in self.members.items():
            stem, _, suffix = name.rpartition(".")
            if suffix == "engine":
                described = self.members.get(f"{stem}.json")
                if described is None:
                    msg = f"member '{stem}.json' is missing: the sidecar of an engine"
                    raise BundleError(msg)
                yield name, data, described

    def with_engine(self, name: str, plan: bytes, sidecar: bytes) -> Bundle:
        """The same bundle with one more engine, or another one of that name."""
        added = {f"engines/{name}.engine": plan, f"engines/{name}.json": sidecar}
        files = {member: Member(sha256(data), len(data)) for member, data in added.items()}
        manifest = replace(self.manifest, files={**self.manifest.files, **files})
        return Bundle(manifest, {**self.members, **added})

    def write(self, path: Path) -> None:
        """Write the bundle, whole or not at all."""
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
            for name, data in {MANIFEST: self.manifest.to_json(), **self.members}.items():
                archive.writestr(zipfile.ZipInfo(name, _DATE), data)
        write_atomically(path, buffer.getvalue())


def read_bundle(path: Path) -> Bundle:
    """Read a bundle and check every hash; nothing but the manifest is parsed.

    Raises InputError where there is no such file, BundleError where it is not an intact bundle.
    """
    data = read_bytes(path, "an edgefer bundle", _FILE_LIMIT)
    try:
        return _open(data)
    except BundleError as error:
        msg = f"{path}: {error}"
        raise BundleError(msg) from error


def _open(data: bytes) -> Bundle:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = archive.infolist()
            names = [entry.filename for entry in entries]
            _check_entries(entries)
            _check_nothing_between(entries, archive, len(data))
            members = {name: archive.read(name) for name in names}
    except BundleError:
        raise
    except _ZIP_ERRORS as error:
        msg = (
            "expected an edgefer bundle, found a damaged one or another kind of file "
            f"({reason(error, 200)}); copy or export it again"
        )
        raise BundleError(msg) from error
    written = members.pop(MANIFEST)
    manifest = Manifest.from_json(written)
    if manifest.to_json() != written:
        msg = f"{MANIFEST}: expected it as edgefer writes it, found other bytes; export it again"
        raise BundleError(msg)
    _check_members(manifest, members)
    return Bundle(manifest, members)


def _check_entries(entries: list[zipfile.ZipInfo]) -> None:
    names = [entry.filename for entry in entries]
    for entry in entries:
        if names.count(entry.filename) > 1:
            msg = f"member {entry.filename!r:.80} is there more than once"
            raise BundleError(msg)
        if entry.filename not in _KNOWN and not _ENGINE.fullmatch(entry.filename):
            msg = f"member {entry.filename!r:.80} does not belong in a bundle"
            raise BundleError(msg)
        if entry.compress_type != zipfile.ZIP_STORED:
            msg = f"member '{entry.filename}' is compressed; a bundle's members are stored"
            raise BundleError(msg)
        if entry.filename == MANIFEST and entry.file_size > _MANIFEST_LIMIT:
            msg = f"{MANIFEST} is larger than {_MANIFEST_LIMIT:,} bytes"
            raise BundleError(msg)
    if MANIFEST not in names:
        msg = f"member '{MANIFEST}' is missing"
        raise BundleError(msg)


def _check_nothing_between(
    entries: list[zipfile.ZipInfo], archive: zipfile.ZipFile, size: int
) -> None:
    """Every byte of the file belongs to a member, or is where the zip format wants it."""
    more = bool(archive.comment)
    end = 0
    for entry in entries:
        more |= entry.header_offset != end or bool(entry.extra or entry.comment)
        end += _LOCAL_HEADER + len(entry.filename) + entry.file_size
    directory = sum(_DIRECTORY_ENTRY + len(entry.filename) for entry in entries)
    if more or end + directory + _DIRECTORY_END != size:
        msg = "holds bytes that belong to none of its members; copy or export it again"
        raise BundleError(msg)


def _check_members(manifest: Manifest, members: Mapping[str, bytes]) -> None:
    for name in sorted((_REQUIRED | set(manifest.files)) - set(members)):
        msg = f"member {name!r:.80} is missing"
        raise BundleError(msg)
    for name, content in members.items():
        if name not in manifest.files:
            msg = f"member '{name}' is not named in the manifest"
            raise BundleError(msg)
        listed = manifest.files[name]
        if len(content) != listed.size or sha256(content) != listed.sha256:
            found = f"{len(content):,} bytes of sha256 {sha256(content)[:12]}…"
            msg = (
                f"member '{name}' is damaged: expected {listed.size:,} bytes of sha256 "
                f"{listed.sha256[:12]}…, found {found}; copy or export it again"
            )
            raise BundleError(msg)
