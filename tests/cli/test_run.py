"""`edgefer run` on pictures, videos and cameras."""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edgefer.labels import ORDERS
from edgefer.runtime.detector import Face
from tests.cli.program import program

cv2 = pytest.importorskip("cv2")
pytest.importorskip("onnxruntime")

FRAMES = 6


class TwoFaces:
    """Finds the same two faces in every frame, or none in a black one."""

    name = "two faces"

    def find(self, frame: np.ndarray) -> list[Face]:
        if not frame.any():
            return []
        landmarks = np.arange(10, dtype=np.float32).reshape(5, 2)
        return [Face((5.0, 5.0, 20.0, 20.0)), Face((30.0, 10.0, 40.0, 40.0), 0.9, landmarks)]


@pytest.fixture
def _two_faces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edgefer.runtime.recognizer.find_detector", lambda model: TwoFaces())


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    """A grey picture in a file whose name has a bracket."""
    path = tmp_path / "a [grey] one.png"
    cv2.imwrite(str(path), np.full((80, 100, 3), 120, np.uint8))
    return path


@pytest.fixture
def video(tmp_path: Path) -> Path:
    """Six frames at 10 a second, every other one black."""
    path = tmp_path / "clip.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10, (100, 80))
    for number in range(FRAMES):
        writer.write(np.full((80, 100, 3), 120 * (number % 2), np.uint8))
    writer.release()
    return path


@pytest.mark.usefixtures("_two_faces")
def test_a_picture_is_shown_as_a_table_and_annotated(edgefer, bundle: Path, picture: Path) -> None:
    outcome = edgefer("run", bundle, picture)
    assert outcome.status == 0
    first, second = (line for line in outcome.out.splitlines() if " at " in line)
    assert "40x40 at 30,10" in first, "the largest face comes first"
    assert "20x20 at 5,5" in second
    assert "onnxruntime" in outcome.out
    assert "a [grey] one.png" in outcome.out
    annotated = cv2.imread(str(picture.with_name("a [grey] one.edgefer.png")))
    assert min(annotated.shape[:2]) >= 480


@pytest.mark.usefixtures("_two_faces")
def test_a_picture_as_json(edgefer, bundle: Path, picture: Path, tmp_path: Path) -> None:
    folder = tmp_path / "annotated"
    folder.mkdir()
    outcome = edgefer("run", bundle, picture, "--json", "--output", folder)
    assert (outcome.status, outcome.err) == (0, "")
    document = json.loads(outcome.out)
    first, second = document["faces"]
    assert (document["source"], document["backend"]) == (str(picture), "onnxruntime")
    assert document["annotated"] == str(folder / "a [grey] one.edgefer.png")
    assert [path.name for path in folder.iterdir()] == ["a [grey] one.edgefer.png"]
    assert list(first["probabilities"]) == list(ORDERS["ferplus"])
    assert sum(first["probabilities"].values()) == pytest.approx(1, abs=1e-5)
    assert first["confidence"] == first["probabilities"][first["expression"]]
    assert first["landmarks"][4] == [8, 9]
    assert second["landmarks"] is None


@pytest.mark.usefixtures("_two_faces")
def test_a_picture_without_a_face_says_so(edgefer, bundle: Path, tmp_path: Path) -> None:
    black = tmp_path / "black.png"
    cv2.imwrite(str(black), np.zeros((50, 50, 3), np.uint8))
    outcome = edgefer("run", bundle, black)
    assert outcome.status == 0
    assert "no face found" in outcome.out
    document = json.loads(edgefer("run", bundle, black, "--json").out)
    assert (document["faces"], document["annotated"]) == ([], None)
    assert document["backend"] == "onnxruntime"
    assert [path.name for path in tmp_path.iterdir()] == ["black.png"]


@pytest.mark.usefixtures("_two_faces")
def test_a_video_as_one_line_a_frame(edgefer, bundle: Path, video: Path) -> None:
    outcome = edgefer("run", bundle, video, "--json")
    assert outcome.status == 0
    lines = [json.loads(line) for line in outcome.out.splitlines()]
    assert [line["frame"] for line in lines] == list(range(FRAMES))
    assert [line["time_s"] for line in lines] == pytest.approx([0, 0.1, 0.2, 0.3, 0.4, 0.5])
    assert [len(line["faces"]) for line in lines] == [0, 2] * (FRAMES // 2)
    assert {line["backend"] for line in lines} == {"onnxruntime"}


@pytest.mark.usefixtures("_two_faces")
def test_a_video_as_a_summary(edgefer, bundle: Path, video: Path) -> None:
    outcome = edgefer("run", bundle, video)
    assert outcome.status == 0
    facts = dict(line.rsplit(maxsplit=1) for line in outcome.out.splitlines() if "frames" in line)
    assert {name.strip(): int(count) for name, count in facts.items()} == {
        "frames": FRAMES,
        "frames with a face": FRAMES // 2,
    }
    assert "100.0%" in outcome.out
    assert f"{video} (onnxruntime, " in outcome.out, "a path is not broken over lines"


@pytest.mark.usefixtures("_two_faces")
def test_a_video_that_ends_early_says_so(
    edgefer, bundle: Path, video: Path, tmp_path: Path
) -> None:
    half = tmp_path / "half.avi"
    data = video.read_bytes()
    half.write_bytes(data[: data.rindex(b"00dc", 0, data.index(b"idx1"))])
    outcome = edgefer("run", bundle, half, "--json")
    assert outcome.status == 0
    assert len(outcome.out.splitlines()) == FRAMES - 1
    assert outcome.err.endswith(f"ended after {FRAMES - 1} frames; its header promises {FRAMES}\n")


@pytest.mark.usefixtures("_two_faces")
def test_a_camera_that_stops(
    edgefer, bundle: Path, video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened, capture = [], cv2.VideoCapture

    def camera(number: int) -> cv2.VideoCapture:
        opened.append(number)
        return capture(str(video))

    monkeypatch.setattr(cv2, "VideoCapture", camera)
    outcome = edgefer("run", bundle, "7")
    assert opened == [7]
    assert outcome.status == 3
    assert outcome.out.count("onnxruntime") == FRAMES
    assert outcome.err.splitlines()[-1].startswith("edgefer: camera 7: gives no more frames")
    lines = edgefer("run", bundle, "7", "--json").out.splitlines()
    assert [json.loads(line)["source"] for line in lines] == ["camera 7"] * FRAMES


@pytest.mark.usefixtures("_two_faces")
def test_a_camera_runs_until_ctrl_c(
    edgefer, bundle: Path, monkeypatch: pytest.MonkeyPatch, endless: Callable[[int], object]
) -> None:
    monkeypatch.setattr(cv2, "VideoCapture", endless)
    outcome = edgefer("run", bundle, "0")
    assert outcome.status == 130
    assert outcome.err.splitlines()[1:] == ["camera 0: Ctrl-C ends it", "edgefer: interrupted"]


@pytest.fixture
def endless() -> Callable[[int], object]:
    """A camera before which somebody presses Ctrl-C."""

    class Camera:
        released = False

        def __init__(self, number: int) -> None:
            self.left = 3

        def isOpened(self) -> bool:
            return True

        def set(self, what: int, value: float) -> bool:
            return True

        def get(self, what: int) -> float:
            return 0.0

        def read(self) -> tuple[bool, np.ndarray]:
            self.left -= 1
            if self.left < 0:
                raise KeyboardInterrupt
            return True, np.zeros((50, 50, 3), np.uint8)

        def release(self) -> None:
            pass

    return Camera


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


@pytest.mark.parametrize("options", [("--backend", "abacus"), ("--threads", "0")])
def test_options_that_cannot_be(edgefer, bundle: Path, picture: Path, options) -> None:
    outcome = edgefer("run", bundle, picture, *options)
    assert outcome.status == 2
    assert outcome.err.count("\n") == 1


@pytest.mark.usefixtures("_two_faces")
def test_two_pictures_for_one_name_are_refused_before_any_work(
    edgefer, bundle: Path, picture: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    shutil.copy(picture, other / picture.name)
    outcome = edgefer("run", bundle, picture, other / picture.name, "--output", other)
    assert outcome.status == 2
    assert "two of the pictures" in outcome.err
    assert outcome.err.endswith("with another --output\n")
    assert outcome.out == ""


def test_a_folder_that_is_not_there_is_refused_before_any_work(
    edgefer, bundle: Path, picture: Path, tmp_path: Path
) -> None:
    outcome = edgefer("run", bundle, picture, "--output", tmp_path / "no")
    assert outcome.status == 2
    assert "existing folder" in outcome.err


@pytest.fixture
def refusing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder where nothing can be written, not even by root."""
    folder = tmp_path / "read-only"
    folder.mkdir()
    access = os.access
    monkeypatch.setattr(os, "access", lambda path, how: path != folder and access(path, how))
    return folder


@pytest.mark.usefixtures("_two_faces")
def test_a_picture_where_nothing_can_be_written_is_read_all_the_same(
    edgefer, bundle: Path, picture: Path, refusing: Path
) -> None:
    here = Path(shutil.copy(picture, refusing))
    outcome = edgefer("run", bundle, here)
    assert outcome.status == 0
    assert "40x40 at 30,10" in outcome.out
    assert "annotated picture not written: " in outcome.err
    document = json.loads(edgefer("run", bundle, here, "--json").out)
    assert (len(document["faces"]), document["annotated"]) == (2, None)
    assert list(refusing.iterdir()) == [here]
    refused = edgefer("run", bundle, picture, "--output", refusing)
    assert (refused.status, refused.out) == (2, "")


@pytest.mark.usefixtures("_two_faces")
@pytest.mark.parametrize(("options", "status"), [((), 0), (("--output", "."), 2)])
def test_a_place_that_is_lost_during_the_work(
    edgefer, bundle: Path, picture: Path, monkeypatch: pytest.MonkeyPatch, options, status: int
) -> None:
    def fail(handle: int) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.chdir(picture.parent)
    monkeypatch.setattr(os, "fsync", fail)
    outcome = edgefer("run", bundle, picture, *options)
    assert outcome.status == status
    assert "Read-only file system" in outcome.err
    assert list(picture.parent.iterdir()) == [picture]


@pytest.mark.usefixtures("_two_faces")
def test_faces_of_an_earlier_run_are_written_over(edgefer, bundle: Path, picture: Path) -> None:
    annotated = Path(json.loads(edgefer("run", bundle, picture, "--json").out)["annotated"])
    cv2.imwrite(str(picture), np.zeros((480, 500, 3), np.uint8))
    document = json.loads(edgefer("run", bundle, picture, "--json").out)
    assert (document["faces"], document["annotated"]) == ([], str(annotated))
    assert not cv2.imread(str(annotated)).any()


@pytest.mark.usefixtures("_two_faces")
def test_a_picture_too_large_is_named(edgefer, bundle: Path, tmp_path: Path) -> None:
    long = tmp_path / "long.png"
    cv2.imwrite(str(long), np.zeros((16, 40_960, 3), np.uint8))
    outcome = edgefer("run", bundle, long)
    assert outcome.status == 2
    assert f"edgefer: {long}: frame: expected uint8" in outcome.err


def test_opencv_keeps_quiet(bundle: Path, picture: Path, video: Path, tmp_path: Path) -> None:
    noise = tmp_path / "noise.mp4"
    noise.write_bytes(bytes(range(256)) * 20)
    for source, *options in ((noise,), (picture, "--detector", video), (98,)):
        done = program("run", bundle, source, *options, "--json")
        assert done.returncode in {2, 3}
        assert done.stderr.startswith("edgefer: ")
        assert done.stderr.count("\n") == 1


def test_a_real_face(edgefer, bundle: Path, shared: Path, tmp_path: Path) -> None:
    outcome = edgefer(
        *("run", bundle, shared / "media/astronaut.png", "--json", "--output", tmp_path),
        *("--detector", shared / "models/yunet_s_640_640.onnx"),
    )
    (face,) = json.loads(outcome.out)["faces"]
    x, y, width, height = face["box"]
    assert x < 220 < x + width
    assert y < 120 < y + height
    assert cv2.imread(str(tmp_path / "astronaut.edgefer.png")).shape == (512, 512, 3)
