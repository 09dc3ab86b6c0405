"""Faces that torch and CuPy have made on the GPU, read by us where they are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from edgefer.errors import InputError
from edgefer.runtime.cuda import Cuda
from edgefer.runtime.device_array import device_faces
from tests.gpu.present import open_cuda

pytestmark = [pytest.mark.gpu, pytest.mark.filterwarnings("default")]

FACES = np.random.default_rng(1).integers(0, 256, (5, 48, 48, 3), np.uint8)
_BUSY = 4096


class Torch:
    """torch with CUDA."""

    def __init__(self) -> None:
        self._torch: Any = pytest.importorskip("torch")
        if not self._torch.cuda.is_available():
            pytest.skip(f"torch {self._torch.__version__} has no CUDA here")

    def put(self, faces: NDArray[np.generic]) -> Any:
        return self._torch.from_numpy(faces).cuda()

    def stream(self) -> AbstractContextManager[Any]:
        made: AbstractContextManager[Any] = self._torch.cuda.stream(self._torch.cuda.Stream())
        return made

    def late(self, faces: NDArray[np.uint8]) -> Callable[[], Any]:
        """Faces that the current stream makes only after some work."""
        ready, late = self.put(faces), self.put(np.zeros_like(faces))
        busy = self._torch.ones(_BUSY, _BUSY, device="cuda")
        self._torch.cuda.synchronize()

        def make() -> Any:
            for _ in range(20):
                busy.matmul(busy)
            late.copy_(ready)
            return late

        return make


class CuPy:
    """CuPy, whose arrays name their stream."""

    def __init__(self) -> None:
        self._cupy: Any = pytest.importorskip("cupy")
        if not self._cupy.cuda.is_available():
            pytest.skip(f"CuPy {self._cupy.__version__} has no CUDA here")

    def put(self, faces: NDArray[np.generic]) -> Any:
        return self._cupy.asarray(faces)

    def stream(self) -> AbstractContextManager[Any]:
        made: AbstractContextManager[Any] = self._cupy.cuda.Stream(non_blocking=True)
        return made

    def late(self, faces: NDArray[np.uint8]) -> Callable[[], Any]:
        """Faces that the current stream makes only after some work."""
        ready, late = self.put(faces), self.put(np.zeros_like(faces))
        busy = self._cupy.ones((_BUSY, _BUSY), "f4")
        busy @ busy  # loads cuBLAS
        self._cupy.cuda.Device().synchronize()

        def make() -> Any:
            for _ in range(20):
                busy @ busy
            late[...] = ready
            return late

        return make


@pytest.fixture
def cuda() -> Iterator[Cuda]:
    found = open_cuda()
    with found.current():
        yield found


@pytest.fixture(params=[Torch, CuPy])
def producer(request: pytest.FixtureRequest, cuda: Cuda) -> Torch | CuPy:
    made: Torch | CuPy = request.param()
    return made


def fetched(cuda: Cuda, faces: object) -> NDArray[np.uint8]:
    """The faces by our own way: copied within the device, then out."""
    stream = cuda.create_stream()
    found = device_faces(faces, stream)
    assert found is not None
    answer = np.zeros(found.shape, np.uint8)
    memory = cuda.allocate(answer.nbytes)
    if found.stream is not None:
        cuda.wait_for(found.stream, stream)
    cuda.copy_within(memory, found.address, answer.nbytes, stream)
    cuda.copy_out(answer.ctypes.data, memory, answer.nbytes, stream)
    cuda.synchronize(stream)
    cuda.free(memory)
    cuda.destroy_stream(stream)
    return answer


def test_faces_are_read_where_they_are(cuda: Cuda, producer: Torch | CuPy) -> None:
    np.testing.assert_array_equal(fetched(cuda, producer.put(FACES)), FACES)


def test_a_part_of_them_too(cuda: Cuda, producer: Torch | CuPy) -> None:
    np.testing.assert_array_equal(fetched(cuda, producer.put(FACES)[2:4]), FACES[2:4])


def test_faces_that_are_not_there_yet_are_waited_for(cuda: Cuda, producer: Torch | CuPy) -> None:
    make = producer.late(FACES)
    with producer.stream():
        np.testing.assert_array_equal(fetched(cuda, make()), FACES)


def test_what_cannot_be_read_as_it_is(cuda: Cuda, producer: Torch | CuPy) -> None:
    with pytest.raises(InputError, match="expected contiguous memory"):
        fetched(cuda, producer.put(FACES)[:, ::2])
    with pytest.raises(InputError, match="expected uint8"):
        fetched(cuda, producer.put(FACES.astype(np.float32)))
