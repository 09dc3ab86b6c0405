"""`edgefer run` on pictures, videos and cameras."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edgefer.labels import ORDERS
from tests.cli.program import program
from tests.cli.scenes import FRAMES

cv2 = pytest.importorskip("cv2")
pytest.importorskip("onnxruntime")

# For the tests that read the name from what is printed.
NAMED = ("--backend", "onnxruntime")


@pytest.mark.usefixtures("_two_faces")
def test_a_picture_is_shown_as_a_table_and_annotated(edgefer, bundle: Path, picture: Path) -> None:
    outcome = edgefer("run", bundle, *NAMED, picture)
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
    outcome = edgefer("run", bundle, *NAMED, picture, "--json", "--output", folder)
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
    document = json.loads(edgefer("run", bundle, *NAMED, black, "--json").out)
    assert (document["faces"], document["annotated"]) == ([], None)
    assert document["backend"] == "onnxruntime"
    assert [path.name for path in tmp_path.iterdir()] == ["black.png"]


@pytest.mark.usefixtures("_two_faces")
def test_a_video_as_one_line_a_frame(edgefer, bundle: Path, video: Path) -> None:
    outcome = edgefer("run", bundle, *NAMED, video, "--json")
    assert outcome.status == 0
    lines = [json.loads(line) for line in outcome.out.splitlines()]
    assert [line["frame"] for line in lines] == list(range(FRAMES))
    assert [line["time_s"] for line in lines] == pytest.approx([0, 0.1, 0.2, 0.3, 0.4, 0.5])
    assert [len(line["faces"]) for line in lines] == [0, 2] * (FRAMES // 2)
    assert {line["backend"] for line in lines} == {"onnxruntime"}


@pytest.mark.usefixtures("_two_faces")
def test_a_video_as_a_summary(edgefer, bundle: Path, video: Path) -> None:
    outcome = edgefer("run", bundle, *NAMED, video)
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
    outcome = edgefer("run", bundle, *NAMED, "7")
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
    assert outcome.err.splitlines()[-2:] == ["camera 0: Ctrl-C ends it", "edgefer: interrupted"]


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


@pytest.mark.parametrize("options", [("--backend", "abacus"), ("--threads", "0")])
def test_options_that_cannot_be(edgefer, bundle: Path, picture: Path, options) -> None:
    outcome = edgefer("run", bundle, picture, *options)
    assert outcome.status == 2
    assert outcome.err.count("\n") == 1


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
