"""Detectors find the face of a real picture at any size, and say what they are."""

from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from edgefer.errors import InputError, MachineError
from edgefer.runtime import detector as module
from edgefer.runtime.cache import cache_folder
from edgefer.runtime.detector import (
    YUNET,
    Detector,
    HaarDetector,
    YunetDetector,
    find_detector,
)

Pixels = NDArray[np.uint8]

# Where the face of the picture is, measured by eye: right eye, left eye, nose, mouth.
LANDMARKS = np.array([[200, 102], [247, 103], [221, 125], [199, 143], [240, 144]])


@pytest.fixture(scope="module")
def picture(shared: Path) -> Pixels:
    """One smiling face of about 100 pixels, 512x512, BGR."""
    read = cv2.imread(str(shared / "media/astronaut.png"))
    assert read is not None
    return np.asarray(read, np.uint8)


@pytest.fixture(params=["yunet", "haar"])
def detector(request: pytest.FixtureRequest, shared: Path) -> Detector:
    """Each of the detectors in turn."""
    if request.param == "haar":
        return HaarDetector()
    return YunetDetector(shared / "models/yunet_s_640_640.onnx")


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees the user's cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.mark.parametrize("factor", [1, 4])
def test_finds_the_face_at_any_size(detector: Detector, picture: Pixels, factor: int) -> None:
    frame = np.asarray(cv2.resize(picture, None, fx=factor, fy=factor), np.uint8)
    (face,) = detector.find(frame)
    x, y, width, height = face.box
    centre = np.array([x + width / 2, y + height / 2]) / factor
    assert np.abs(centre - [223, 117]).max() < 8
    assert 80 < width / factor < 120
    if detector.name == "yunet":
        assert face.score is not None
        assert 0.8 < face.score <= 1
        assert face.landmarks is not None
        assert (face.landmarks.dtype, face.landmarks.shape) == (np.float32, (5, 2))
        assert np.abs(face.landmarks / factor - LANDMARKS).max() < 6
    else:
        assert (face.score, face.landmarks) == (None, None)


def test_takes_views(detector: Detector, picture: Pixels) -> None:
    (face,) = detector.find(picture[:, ::-1])
    assert abs(face.box[0] + face.box[2] / 2 - (512 - 223)) < 8


@pytest.mark.parametrize(
    "shape",
    [(1, 1), (1, 2000), (3, 500), (8, 640), (24, 640), (640, 7), (2000, 2), (16, 16), (700, 500)],
    ids=str,
)
def test_finds_nothing_in_nothing(
    detector: Detector, picture: Pixels, shape: tuple[int, int]
) -> None:
    for colour in (0, 127, 255):
        detector.find(picture)  # leaves something in OpenCV's memory
        assert detector.find(np.full((*shape, 3), colour, np.uint8)) == []


def test_sizes_may_change(detector: Detector, picture: Pixels) -> None:
    small = np.asarray(cv2.resize(picture, (256, 300)), np.uint8)
    found = [len(detector.find(frame)) for frame in (picture, small, picture, picture[:250])]
    assert found == [1, 1, 1, 1]


@pytest.mark.parametrize("name", ["models/mini_xception_fer2013.onnx", "README.md"])
def test_another_file_is_no_detector(shared: Path, name: str) -> None:
    with pytest.raises(InputError, match="expected a YuNet face detector, OpenCV refused it"):
        YunetDetector(shared / name)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"absent\.onnx: expected a YuNet .*, found no such file"):
        find_detector(tmp_path / "absent.onnx")


def test_the_given_file_comes_first(shared: Path) -> None:
    assert find_detector(shared / "models/yunet_s_320_320.onnx").name == "yunet"


def test_without_a_model_there_is_the_cascade() -> None:
    assert find_detector().name == "haar"


def test_the_fetched_model_is_checked(shared: Path) -> None:
    cached = cache_folder() / YUNET
    cached.parent.mkdir(parents=True)
    shutil.copyfile(shared / "models/yunet_s_640_640.onnx", cached)
    assert find_detector().name == "yunet"
    cached.write_bytes(cached.read_bytes()[:-1])
    with pytest.raises(InputError, match="damaged; expected sha256 8f2383e4dd3c"):
        find_detector()


def test_an_opencv_without_them_is_named(shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(cv2, "FaceDetectorYN")
    with pytest.raises(MachineError, match="expected FaceDetectorYN, found none"):
        YunetDetector(shared / "models/yunet_s_640_640.onnx")
    monkeypatch.delattr(cv2, "data")
    monkeypatch.setattr(module, "_CASCADE_FOLDERS", ())
    with pytest.raises(MachineError, match=r"expected haarcascade_.*xml of OpenCV 4, found none"):
        HaarDetector()


def test_the_cascade_of_a_system_serves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Jetson's cv2 has no cv2.data."""
    shutil.copy(Path(cv2.data.haarcascades, "haarcascade_frontalface_alt2.xml"), tmp_path)
    monkeypatch.delattr(cv2, "data")
    monkeypatch.setattr(module, "_CASCADE_FOLDERS", (str(tmp_path),))
    assert HaarDetector().name == "haar"


def test_the_cache_is_the_users(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert cache_folder() == tmp_path / "cache/edgefer"
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert cache_folder() == tmp_path / ".cache/edgefer"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_folder() == tmp_path / ".cache/edgefer"


def test_a_user_without_a_home_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_home() -> Path:
        raise RuntimeError

    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setattr(Path, "home", no_home)
    with pytest.raises(MachineError, match="set XDG_CACHE_HOME"):
        cache_folder()
