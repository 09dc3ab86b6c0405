"""A bundle is intact in every byte, or a BundleError says which member is not."""

from __future__ import annotations

import io
import json
import warnings
import zipfile
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgefer.bundle import CALIBRATION, CARD, GOLDEN, MANIFEST, Bundle, _open, read_bundle
from edgefer.errors import BundleError, InputError
from edgefer.files import sha256
from edgefer.labels import ORDERS
from edgefer.manifest import Flavour, Manifest, Member

MEMBERS = {
    "gpu.onnx": b"the GPU's graph",
    "cpu.onnx": b"the CPU's graph",
    GOLDEN: b"golden faces",
    CALIBRATION: b"{}",
    CARD: b"# A network",
}


def manifest_of(members: dict[str, bytes]) -> Manifest:
    """A manifest that names these members."""
    files = {name: Member(sha256(data), len(data)) for name, data in members.items()}
    return replace(Manifest.bare("tiny", 8, ORDERS["ferplus"]), files=files)


BUNDLE = Bundle(manifest_of(MEMBERS), MEMBERS)
MANIFEST_JSON = BUNDLE.manifest.to_json()
ALL = {MANIFEST: MANIFEST_JSON, **MEMBERS}


def packed(members: Iterable[tuple[str, bytes]], compression: int = zipfile.ZIP_STORED) -> bytes:
    """A zip of these members; a name may come twice."""
    buffer = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(buffer, "w", compression) as archive:
        warnings.simplefilter("ignore", UserWarning)  # zipfile's, for the same name twice
        for name, data in members:
            archive.writestr(name, data)
    return buffer.getvalue()


# zipfile cuts a name at NUL, and cannot write one that is empty then.
NAMES = st.text(min_size=1, max_size=100).filter(lambda name: not name.startswith("\0"))
INTACT = packed(ALL.items())


def opens_or_bundle_error(data: bytes) -> None:
    """What opens is the same bundle to the last byte."""
    try:
        found: Bundle | str = _open(data)
    except BundleError as error:
        found = str(error)
    assert found == BUNDLE or (isinstance(found, str) and is_one_short_line(found))


def is_one_short_line(message: str) -> bool:
    return len(message.splitlines()) == 1 and len(message) < 500


def test_reads_what_it_wrote(tmp_path: Path) -> None:
    path = tmp_path / "tiny.edgefer"
    BUNDLE.write(path)
    assert read_bundle(path) == BUNDLE
    assert read_bundle(path).id == BUNDLE.id == sha256(MANIFEST_JSON)
    assert read_bundle(path).graph(Flavour.CPU) == MEMBERS["cpu.onnx"]
    first = path.read_bytes()
    BUNDLE.write(path)
    assert path.read_bytes() == first


def test_names_the_file(tmp_path: Path) -> None:
    path = tmp_path / "tiny.edgefer"
    with pytest.raises(InputError, match=r"tiny\.edgefer: expected an edgefer bundle, found no"):
        read_bundle(path)
    path.write_bytes(b"PK, but no zip")
    with pytest.raises(BundleError, match=r"tiny\.edgefer: expected an edgefer bundle"):
        read_bundle(path)


def test_a_bundle_does_not_need_a_calibration() -> None:
    members = {name: data for name, data in MEMBERS.items() if name != CALIBRATION}
    manifest = manifest_of(members)
    bundle = _open(packed({MANIFEST: manifest.to_json(), **members}.items()))
    assert bundle == Bundle(manifest, members)


def with_comment() -> bytes:
    buffer = io.BytesIO(INTACT)
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.comment = b"more"
    return buffer.getvalue()


def with_extra() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in ALL.items():
            entry = zipfile.ZipInfo(name)
            entry.extra = b"\x34\x12\x02\x00ab"
            archive.writestr(entry, data)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "data",
    [b"more" + INTACT, INTACT + b"more", with_comment(), with_extra()],
    ids=["in front", "behind", "comment", "extra fields"],
)
def test_bytes_of_no_member_are_refused(data: bytes) -> None:
    with pytest.raises(BundleError):
        _open(data)


def test_a_manifest_that_says_something_twice_is_refused() -> None:
    twice = MANIFEST_JSON.replace(b'"network"', b'"network": "other",\n "network"', 1)
    assert json.loads(twice) == json.loads(MANIFEST_JSON)
    with pytest.raises(BundleError, match="expected it as edgefer writes it"):
        _open(packed({MANIFEST: twice, **MEMBERS}.items()))


@given(st.binary())
def test_any_bytes(data: bytes) -> None:
    opens_or_bundle_error(data)


@given(st.integers(0, len(INTACT) * 8 - 1))
def test_any_bit_flipped(bit: int) -> None:
    data = bytearray(INTACT)
    data[bit // 8] ^= 1 << bit % 8
    opens_or_bundle_error(bytes(data))


@given(st.integers(0, len(INTACT)), st.integers(0, len(INTACT)), st.binary(max_size=64))
def test_any_part_replaced(start: int, end: int, data: bytes) -> None:
    opens_or_bundle_error(INTACT[: min(start, end)] + data + INTACT[max(start, end) :])


@given(st.sampled_from(sorted(MEMBERS)), st.data())
def test_any_bit_flipped_in_a_member(name: str, data: st.DataObject) -> None:
    """With a checksum that the zip believes."""
    content = bytearray(MEMBERS[name])
    bit = data.draw(st.integers(0, len(content) * 8 - 1))
    content[bit // 8] ^= 1 << bit % 8
    with pytest.raises(BundleError, match=f"member '{name}' is damaged"):
        _open(packed({**ALL, name: bytes(content)}.items()))


@given(st.dictionaries(NAMES, st.binary(max_size=9), max_size=4))
def test_any_members(members: dict[str, bytes]) -> None:
    with pytest.raises(BundleError):
        _open(packed(members.items()))


@given(NAMES)
def test_any_member_added(name: str) -> None:
    with pytest.raises(BundleError):
        _open(packed([*ALL.items(), (name, b"")]))


@pytest.mark.parametrize("name", sorted(ALL))
def test_a_member_is_missing(name: str) -> None:
    members = {other: data for other, data in ALL.items() if other != name}
    with pytest.raises(BundleError, match=f"member '{name}' is missing"):
        _open(packed(members.items()))


@pytest.mark.parametrize("name", sorted(ALL))
def test_a_member_is_there_twice(name: str) -> None:
    with pytest.raises(BundleError, match=f"member '{name}' is there more than once"):
        _open(packed([*ALL.items(), (name, ALL[name])]))


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "x.onnx", "cpu.onnx.data", "a\nb"])
def test_a_member_does_not_belong(name: str) -> None:
    with pytest.raises(BundleError, match="does not belong in a bundle"):
        _open(packed([*ALL.items(), (name, b"x")]))


def test_a_member_is_not_in_the_manifest() -> None:
    files = {name: file for name, file in BUNDLE.manifest.files.items() if name != CALIBRATION}
    manifest = replace(BUNDLE.manifest, files=files).to_json()
    with pytest.raises(BundleError, match=f"'{CALIBRATION}' is not named in the manifest"):
        _open(packed({**ALL, MANIFEST: manifest}.items()))


def test_a_required_member_is_in_neither() -> None:
    members = {name: data for name, data in MEMBERS.items() if name != "cpu.onnx"}
    manifest = manifest_of(members).to_json()
    with pytest.raises(BundleError, match=r"member 'cpu\.onnx' is missing"):
        _open(packed({MANIFEST: manifest, **members}.items()))


@pytest.mark.parametrize("compression", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2])
def test_nothing_is_unpacked(compression: int) -> None:
    with pytest.raises(BundleError, match="is compressed"):
        _open(packed({**ALL, CARD: bytes(1 << 24)}.items(), compression))


def test_a_manifest_is_not_large() -> None:
    with pytest.raises(BundleError, match=r"manifest\.json is larger than"):
        _open(packed({**ALL, MANIFEST: bytes((4 << 20) + 1)}.items()))


def test_a_newer_schema_is_named() -> None:
    newer = json.dumps({"schema": 2}).encode()
    with pytest.raises(BundleError, match="schema 2"):
        _open(packed({**ALL, MANIFEST: newer}.items()))


def test_members_are_not_parsed_before_their_hash_is_checked(tmp_path: Path) -> None:
    """None of the members here is what its name says, and the bundle opens all the same."""
    path = tmp_path / "tiny.edgefer"
    BUNDLE.write(path)
    with pytest.raises(BundleError, match=r"golden\.npz"):
        read_bundle(path).golden()
    assert list(tmp_path.iterdir()) == [path]
