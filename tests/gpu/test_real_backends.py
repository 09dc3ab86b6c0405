"""The default network on every backend of the GPU, in each precision."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from edgefer.bundle import read_bundle
from edgefer.data.drawn import drawn_faces
from edgefer.errors import MachineError, MissingDependency
from edgefer.manifest import Flavour, Precision
from edgefer.runtime.selection import ENGINES, ON_GPU
from edgefer.runtime.session import Session, load
from tests.gpu.present import MIB, free_memory, open_cuda, open_session, slack

pytestmark = [pytest.mark.gpu, pytest.mark.filterwarnings("default")]

BOTH = [(backend, precision) for backend in ON_GPU for precision in Precision]
CALLS = 1000
_AGREE = 0.95


@pytest.fixture(scope="module", params=BOTH, ids=[f"{b} {p}" for b, p in BOTH])
def session(request: pytest.FixtureRequest, exported: dict[Precision, Path]) -> Iterator[Session]:
    """One bundle on one backend."""
    backend, precision = request.param
    with open_session(exported[precision], backend) as opened:
        yield opened


@pytest.fixture
def path(session: Session, exported: dict[Precision, Path]) -> Path:
    return exported[session.manifest.precision]


@pytest.fixture(scope="module")
def faces() -> NDArray[np.uint8]:
    return drawn_faces(64, seed=5).pixels(48)


def tolerance(path: Path) -> float:
    """How far an answer to a golden face may be off."""
    return read_bundle(path).golden().tolerance[Flavour.GPU]


def needs_engine(session: Session) -> None:
    if session.backend not in ENGINES:
        pytest.skip(f"{session.backend} has no engine")


def test_golden_faces(session: Session, path: Path) -> None:
    golden = read_bundle(path).golden()
    assert session.flavour is Flavour.GPU
    found = session.run(golden.faces)
    assert np.abs(found - golden.expected[Flavour.GPU]).max() <= golden.tolerance[Flavour.GPU]


def test_other_faces_are_answered_as_by_the_cpu(
    session: Session, path: Path, faces: NDArray[np.uint8]
) -> None:
    try:
        cpu = load(path, backend="onnxruntime", flavour="gpu")
    except MissingDependency as error:
        pytest.skip(str(error))
    except MachineError:  # an older ONNX Runtime, which does not round FP16 as it should
        cpu = load(path, backend="onnxruntime")
    with cpu:
        expected = cpu.run(faces)
    found = session.run(faces)
    # Our choice: these faces are four times as many as the golden ones.
    assert np.abs(found - expected).max() <= 2 * tolerance(path)
    assert (found.argmax(axis=1) == expected.argmax(axis=1)).mean() >= _AGREE


@pytest.mark.parametrize("count", [0, 1, 5, 16, 17])
def test_any_number_of_faces(
    session: Session, path: Path, faces: NDArray[np.uint8], count: int
) -> None:
    alone = [session.run(faces[number : number + 1]) for number in range(count)]
    for _ in range(2):
        found = session.run(faces[:count])
        assert found.shape == (count, len(session.labels))
        if count:
            np.testing.assert_allclose(found, np.concatenate(alone), atol=tolerance(path))
            np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-3)


def test_the_second_time_it_is_from_the_cache(session: Session, path: Path) -> None:
    needs_engine(session)
    with load(path, backend=session.backend, on_mismatch="error") as again:
        assert "engine from the cache" in again.why
        assert again.engine == session.engine


def test_one_face_is_one_graph(session: Session) -> None:
    needs_engine(session)
    if not open_cuda().graphs:
        pytest.skip("this CUDA library has no graphs")
    assert "no CUDA graph" not in session.why


@pytest.mark.parametrize("count", [1, 16])
def test_a_thousand_calls_take_no_memory(
    session: Session, faces: NDArray[np.uint8], count: int
) -> None:
    cuda = open_cuda()
    session.run(faces[:count])
    before = free_memory(cuda)
    for number in range(CALLS):
        start = number % (len(faces) - count)
        session.run(faces[start : start + count])
    assert abs(before - free_memory(cuda)) <= slack(cuda, 2 * MIB)


def test_closing_frees_what_loading_took(
    session: Session, path: Path, faces: NDArray[np.uint8]
) -> None:
    cuda = open_cuda()

    def once() -> int:
        with load(path, backend=session.backend) as opened:
            opened.run(faces[:1])
            opened.run(faces[:16])
        gc.collect()
        return free_memory(cuda)

    once()  # what a library keeps for the next one
    before = once()
    for _ in range(3):
        after = once()
    assert before - after <= slack(cuda, 4 * MIB)


def test_faces_on_the_gpu_are_answered_as_those_on_the_host(
    session: Session, faces: NDArray[np.uint8]
) -> None:
    needs_engine(session)
    torch = pytest.importorskip("torch")
    if not torch.cuda.is_available():
        pytest.skip(f"torch {torch.__version__} has no CUDA here")
    there = torch.from_numpy(faces).cuda()
    for count in (1, 16, 17):
        np.testing.assert_allclose(
            session.run(there[:count]), session.run(faces[:count]), atol=1e-3
        )
