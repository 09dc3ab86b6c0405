"""The program run in process, and a bundle small enough to look at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from edgefer.bundle import Bundle
from edgefer.cli.main import main
from edgefer.files import sha256
from edgefer.golden import Golden
from edgefer.labels import ORDERS
from edgefer.manifest import Flavour, HigherPrecision, Manifest, Member, Parity, Precision
from tests.cli.scenes import FRAMES, TwoFaces

LABELS = ORDERS["ferplus"]
# What rich, typer and Python itself go by when they print.
_TERMINAL = ("COLUMNS", "LINES", "TERM", "FORCE_COLOR", "NO_COLOR")
_STREAMS = ("PYTHONUNBUFFERED", "PYTHONIOENCODING")
SIZE = 16


@dataclass(frozen=True)
class Outcome:
    """What a run of the program left behind."""

    status: int
    out: str
    err: str


@pytest.fixture(autouse=True)
def no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever runs the tests may have any terminal."""
    for name in (*_TERMINAL, *_STREAMS):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def edgefer(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Outcome]:
    """Run `edgefer ARGUMENTS...` in this process."""

    def run(*arguments: object) -> Outcome:
        monkeypatch.setattr("sys.argv", ["edgefer", *map(str, arguments)])
        with pytest.raises(SystemExit) as stopped:
            main()
        captured = capsys.readouterr()
        assert isinstance(stopped.value.code, int)
        return Outcome(stopped.value.code, captured.out, captured.err)

    return run


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle whose network answers by the mean colour of the face."""
    path = tmp_path_factory.mktemp("bundle") / "tiny.edgefer"
    graph = _graph()
    faces = np.random.default_rng(0).integers(0, 256, (2, SIZE, SIZE, 3), np.uint8)
    answers = _answers(graph, faces)
    golden = Golden(faces, answers, dict.fromkeys(Flavour, answers), dict.fromkeys(Flavour, 1e-3))
    members = {
        Flavour.GPU.member: graph,
        Flavour.CPU.member: graph,
        "golden.npz": golden.to_npz(),
        "card.md": b"# tiny\n",
    }
    Bundle(_manifest(members), members).write(path)
    return path


@pytest.fixture(scope="session")
def tiny_graph() -> Callable[[int], bytes]:
    """The same network for faces of another size."""
    return _graph


def _manifest(members: dict[str, bytes]) -> Manifest:
    return Manifest(
        network="tiny",
        size=SIZE,
        labels=LABELS,
        precision=Precision.FP32,
        outputs=("probabilities",),
        higher_precision=(HigherPrecision("cpu", "mix", "MatMul", "fp32", "it is [tiny]"),),
        weights={"source": "random:0", "sha256": None, "training": {"data": {"sides": [3, 4]}}},
        calibration=None,
        accuracy=None,
        parity=(Parity("cpu.onnx against the FP32 network", 2, 0.0, 1e-4, 1.0),),
        versions={"edgefer": "0.1.0"},
        files={name: Member(sha256(data), len(data)) for name, data in members.items()},
    )


def _graph(size: int = SIZE) -> bytes:
    onnx = pytest.importorskip("onnx", reason="the tiny bundle is made with onnx")
    make, kinds = onnx.helper, onnx.TensorProto
    mix = np.random.default_rng(1).normal(0, 0.02, (3, len(LABELS))).astype(np.float32)
    nodes = [
        make.make_node("Cast", ["pixels"], ["values"], to=kinds.FLOAT),
        make.make_node("ReduceMean", ["values", "axes"], ["means"], keepdims=0),
        make.make_node("MatMul", ["means", "mix"], ["logits"], name="mix"),
        make.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
    ]
    graph = make.make_graph(
        nodes,
        "tiny",
        [make.make_tensor_value_info("pixels", kinds.UINT8, ["N", size, size, 3])],
        [make.make_tensor_value_info("probabilities", kinds.FLOAT, ["N", len(LABELS)])],
        [
            onnx.numpy_helper.from_array(np.array([1, 2], np.int64), "axes"),
            onnx.numpy_helper.from_array(mix, "mix"),
        ],
    )
    opset = [make.make_opsetid("", 19)]
    model = make.make_model(graph, ir_version=9, opset_imports=opset)
    onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString())


def _answers(graph: bytes, faces: np.ndarray) -> np.ndarray:
    onnxruntime = pytest.importorskip("onnxruntime")
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, {"pixels": faces})[0])


@pytest.fixture
def _two_faces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edgefer.runtime.recognizer.find_detector", lambda model: TwoFaces())


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    """A grey picture in a file whose name has a bracket."""
    path = tmp_path / "a [grey] one.png"
    cv2 = pytest.importorskip("cv2")
    cv2.imwrite(str(path), np.full((80, 100, 3), 120, np.uint8))
    return path


@pytest.fixture
def video(tmp_path: Path) -> Path:
    """Six frames at 10 a second, every other one black."""
    path = tmp_path / "clip.avi"
    cv2 = pytest.importorskip("cv2")
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10, (100, 80))
    for number in range(FRAMES):
        writer.write(np.full((80, 100, 3), 120 * (number % 2), np.uint8))
    writer.release()
    return path
