"""Frames in, readings out: faces found, cut out and answered in one batch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

import edgefer
from edgefer.errors import InputError
from edgefer.labels import Expression
from edgefer.runtime.align import crop
from edgefer.runtime.detector import Face
from edgefer.runtime.recognizer import Recognizer
from edgefer.runtime.session import Session

Pixels = NDArray[np.uint8]

FRAME = np.random.default_rng(3).integers(0, 256, (120, 160, 3), np.uint8)


class Told:
    """A detector that is told where the faces are."""

    name = "told"

    def __init__(self, *faces: Face) -> None:
        self.faces = list(faces)

    def find(self, frame: Pixels) -> list[Face]:
        return self.faces


SMALL = Face((90.0, 10.0, 20.0, 20.0))
LARGE = Face((10.0, 10.0, 60.0, 60.0), 0.9, np.float32([[0, 0], [9, 0], [5, 5], [1, 9], [8, 9]]))


@pytest.fixture
def recognizer(bundle_path: Path) -> Iterator[Recognizer]:
    """A recognizer that finds a small and a large face in every frame."""
    with Recognizer(bundle_path, detector=Told(SMALL, LARGE), threads=1) as made:
        yield made


def test_reads_the_largest_face_first(recognizer: Recognizer) -> None:
    readings = recognizer(FRAME)
    assert [reading.box for reading in readings] == [LARGE.box, SMALL.box]
    assert readings[0].landmarks is LARGE.landmarks
    assert readings[1].landmarks is None
    for reading, face in zip(readings, (LARGE, SMALL)):
        size = recognizer.session.size
        (answer,) = recognizer.session.run(crop(FRAME, face, size)[None])
        assert np.allclose(reading.probabilities, answer, atol=1e-5)
        assert reading.expression is recognizer.session.labels[int(answer.argmax())]
        assert reading.confidence == reading.probabilities.max()
        assert reading.backend == recognizer.session.backend


def test_no_face_is_no_reading(bundle_path: Path) -> None:
    with Recognizer(bundle_path, detector=Told(), threads=1) as recognizer:
        assert recognizer(FRAME) == []


def test_more_faces_than_a_batch_takes(bundle_path: Path) -> None:
    faces = [Face((float(x), 5.0, 20.0, 20.0 + x)) for x in range(40)]
    with Recognizer(bundle_path, detector=Told(*faces), threads=1) as recognizer:
        assert [reading.box[0] for reading in recognizer(FRAME)] == list(range(39, -1, -1))


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda frame: frame[..., 0], r"uint8 \[120, 160\]"),
        (lambda frame: frame[..., :2], r"uint8 \[120, 160, 2\]"),
        (lambda frame: frame[None], r"uint8 \[1, 120, 160, 3\]"),
        (lambda frame: frame[:0], r"uint8 \[0, 160, 3\]"),
        (lambda frame: frame / 255, "float64"),
        (lambda frame: np.zeros((1, 40_000, 3), np.uint8), r"uint8 \[1, 40000, 3\]"),
        (lambda frame: None, "NoneType"),
    ],
)
def test_says_what_it_takes(
    recognizer: Recognizer, change: Callable[[Pixels], Pixels], found: str
) -> None:
    with pytest.raises(InputError, match=rf"frame: expected uint8 .*, found {found}"):
        recognizer(change(FRAME))


@pytest.mark.parametrize("shape", [(1, 1), (1, 32_766), (32_766, 1)], ids=str)
def test_takes_any_other_frame(recognizer: Recognizer, shape: tuple[int, int]) -> None:
    assert len(recognizer(np.zeros((*shape, 3), np.uint8))) == 2


def test_closes_what_it_opened(bundle_path: Path, session: Session) -> None:
    own = Recognizer(bundle_path, detector=Told(SMALL), threads=1)
    own.close()
    own.close()
    with pytest.raises(InputError, match="closed"):
        own(FRAME)
    with Recognizer(session, detector=Told(SMALL)) as borrowed:
        assert borrowed.session is session
    assert len(Recognizer(session, detector=Told(SMALL))(FRAME)) == 1


def test_threads_share_it(recognizer: Recognizer) -> None:
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(recognizer, [FRAME] * 20))
    first = answers[0][0].probabilities
    assert all(np.allclose(answer[0].probabilities, first, atol=1e-6) for answer in answers)


def test_is_what_edgefer_names(bundle_path: Path) -> None:
    assert edgefer.Recognizer is Recognizer
    with edgefer.load(bundle_path) as session:
        assert isinstance(session, edgefer.Session)


# --- real pictures ---------------------------------------------------------------------------


@pytest.fixture
def picture(shared: Path) -> Pixels:
    """One smiling face, BGR."""
    return np.asarray(cv2.imread(str(shared / "media/astronaut.png")), np.uint8)


@pytest.mark.parametrize("model", [None, "models/yunet_s_640_640.onnx"], ids=["haar", "yunet"])
def test_finds_faces_itself(
    bundle_path: Path,
    shared: Path,
    picture: Pixels,
    model: str | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    half = cv2.resize(picture, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    frame = np.zeros((512, 768, 3), np.uint8)
    frame[:256, :256], frame[:, 256:] = half, picture
    detector = None if model is None else shared / model
    with Recognizer(bundle_path, detector=detector, threads=1) as recognizer:
        assert recognizer.detector.name == ("haar" if model is None else "yunet")
        large, small = recognizer(frame)
    assert large.box[0] > 256 > small.box[0]
    assert (large.landmarks is None) == (model is None)


def test_a_detector_may_be_a_name(bundle_path: Path, shared: Path) -> None:
    model = str(shared / "models/yunet_s_640_640.onnx")
    with Recognizer(str(bundle_path), detector=model, threads=1) as recognizer:
        assert recognizer.detector.name == "yunet"
    with pytest.raises(InputError, match="none.onnx: expected a YuNet face detector"):
        Recognizer(bundle_path, detector="none.onnx")


@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8"])
@pytest.mark.parametrize("model", [None, "models/yunet_s_640_640.onnx"], ids=["haar", "yunet"])
def test_sees_a_smile(
    exported: Path,
    shared: Path,
    picture: Pixels,
    precision: str,
    model: str | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    detector = None if model is None else shared / model
    bundle = exported / f"fer-lite-{precision}.edgefer"
    with Recognizer(bundle, detector=detector, threads=1) as recognizer:
        (reading,) = recognizer(picture)
    assert reading.expression is Expression.HAPPINESS
    assert reading.confidence > 0.5
