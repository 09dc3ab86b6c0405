"""What `edgefer run` cannot read: one line that says why."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

import pytest

cv2 = pytest.importorskip("cv2")
pytest.importorskip("onnxruntime")


def test_no_such_camera(edgefer, bundle: Path) -> None:
    outcome = edgefer("run", bundle, "97")
    assert outcome.status == 3
    assert "camera 97: cannot be opened" in outcome.err
    assert "Ctrl-C" not in outcome.err


@pytest.mark.parametrize("number", ["2147483648", "9" * 20, "9" * 5000, "00000"], ids=len)
def test_no_camera_has_such_a_number(edgefer, bundle: Path, number: str) -> None:
    outcome = edgefer("run", bundle, number)
    assert outcome.status == 2
    assert f"expected a number of at most 4 digits, found {len(number)}" in outcome.err
    assert len(outcome.err) < 200


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("notes.txt", b"FFmpeg would make a film of a text file.\n" * 50),
        ("noise.mp4", bytes(range(256)) * 20),
        ("empty.png", b""),
        ("half.png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"),
        ("missing.png", None),
        ("folder", None),
    ],
)
def test_what_is_no_picture_and_no_video(
    edgefer, bundle: Path, tmp_path: Path, name: str, content: bytes | None
) -> None:
    path = tmp_path / name
    if name == "folder":
        path.mkdir()
    elif content is not None:
        path.write_bytes(content)
    outcome = edgefer("run", bundle, path, "--json")
    assert (outcome.status, outcome.out) == (2, "")
    assert outcome.err.count("\n") == 1
    assert outcome.err.startswith(f"edgefer: {path}: expected a picture")


@pytest.fixture(params=["a pipe", "a device", "no permission", "a folder without permission"])
def unreadable(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[Path, str]:
    """A source that cannot be read, and what there is to say of it."""
    denied = PermissionError(errno.EACCES, "Permission denied")

    def deny(path: Path, *_: object, **__: object) -> None:
        raise denied

    path = tmp_path / "source.png"
    if request.param == "a device":
        return Path("/dev/null"), "not a regular file"
    if request.param == "a pipe":
        os.mkfifo(path)
        return path, "not a regular file"
    path.touch()  # permissions are nothing to root, who may run this
    monkeypatch.setattr(Path, "open" if request.param == "no permission" else "stat", deny)
    return path, "cannot read it (Permission denied)"


def test_what_cannot_be_read(edgefer, bundle: Path, unreadable: tuple[Path, str]) -> None:
    path, found = unreadable
    outcome = edgefer("run", bundle, path)
    assert (outcome.status, outcome.out) == (2, "")
    assert outcome.err.startswith(f"edgefer: {path}: expected a picture, a video or the number")
    assert "0 for /dev/video0" in outcome.err
    assert outcome.err.endswith(f"{found}\n")


@pytest.mark.parametrize("options", [(), ("--detector",)], ids=["source", "detector"])
def test_a_name_that_is_not_utf8_is_refused(
    edgefer, bundle: Path, picture: Path, options: tuple[str, ...]
) -> None:
    """OpenCV ends the process at one."""
    copy = shutil.copy(picture, picture.with_name(os.fsdecode(b"caf\xe9.png")))
    outcome = edgefer("run", bundle, picture, *options, copy)
    assert (outcome.status, outcome.out) == (2, "")
    assert "caf\\udce9.png': expected a file name in UTF-8" in outcome.err
    assert outcome.err.endswith("rename the file\n")
