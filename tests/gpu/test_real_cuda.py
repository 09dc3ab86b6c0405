"""Both CUDA libraries on the real device."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from edgefer.errors import MachineError
from edgefer.runtime.cuda import Cuda
from edgefer.runtime.cuda_pycuda import PyCuda
from edgefer.runtime.cuda_python import CudaPython
from tests.gpu.present import MIB, free_memory, open_cuda, slack

pytestmark = [pytest.mark.gpu, pytest.mark.filterwarnings("default")]

LIBRARIES: dict[str, type[Cuda]] = {"cuda-python": CudaPython, "pycuda": PyCuda}
SIZE = 3 * MIB + 1
LARGE = 256 * MIB


@pytest.fixture(params=LIBRARIES)
def cuda(request: pytest.FixtureRequest) -> Iterator[Cuda]:
    found = open_cuda(LIBRARIES[request.param])
    with found.current():
        yield found


def host(address: int, size: int) -> NDArray[np.uint8]:
    """Memory of the host as an array."""
    return np.frombuffer((ctypes.c_uint8 * size).from_address(address), np.uint8)


class Route:
    """From the host to the device, across it and back: a stream and four pieces of memory."""

    def __init__(self, cuda: Cuda, size: int = SIZE, *, mapped: bool = False) -> None:
        self.cuda, self.size = cuda, size
        self.stream = cuda.create_stream()
        self.start, self.end = (cuda.allocate_host(size, mapped=mapped) for _ in range(2))
        self.here, self.there = cuda.allocate(size), cuda.allocate(size)
        self.sent, self.came = host(self.start, size), host(self.end, size)
        self.sent[:] = np.random.default_rng(size).integers(0, 256, size, np.uint8)
        self.came[:] = 0

    def queue(self) -> None:
        self.cuda.copy_in(self.here, self.start, self.size, self.stream)
        self.cuda.copy_within(self.there, self.here, self.size, self.stream)
        self.cuda.copy_out(self.end, self.there, self.size, self.stream)

    def arrives(self) -> bool:
        self.cuda.synchronize(self.stream)
        return bool((self.sent == self.came).all())

    def free(self) -> None:
        del self.sent, self.came
        for address in (self.start, self.end):
            self.cuda.free_host(address)
        for address in (self.here, self.there):
            self.cuda.free(address)
        self.cuda.destroy_stream(self.stream)


@pytest.fixture
def route(cuda: Cuda) -> Iterator[Route]:
    made = Route(cuda)
    yield made
    made.free()


def test_the_facts_are_plausible(cuda: Cuda) -> None:
    device = cuda.device()
    assert device.name.strip()
    assert device.name.isprintable()
    assert (5, 0) <= device.capability < (20, 0)
    assert (11, 4) <= device.driver < (30, 0)
    free, total = cuda.memory()
    assert 0 < free <= total
    assert total >= 1 << 30


def test_both_libraries_see_the_same_device() -> None:
    seen = []
    for library in LIBRARIES.values():
        found = open_cuda(library)
        with found.current():
            seen.append((found.device(), found.memory()[1]))
    assert seen[0] == seen[1]


def test_bytes_come_back(route: Route) -> None:
    assert not (route.sent == route.came).all()
    route.queue()
    assert route.arrives()


def test_a_part_comes_back(route: Route) -> None:
    route.queue()
    assert route.arrives()
    route.sent[1001:2001] ^= 255
    route.cuda.copy_in(route.there + 1001, route.start + 1001, 1000, route.stream)
    route.cuda.copy_out(route.end + 1001, route.there + 1001, 1000, route.stream)
    assert route.arrives()


def test_another_thread_may_use_and_free_it(cuda: Cuda) -> None:
    route, arrived = Route(cuda), []

    def use() -> None:
        with cuda.current():
            route.queue()
            arrived.append(route.arrives())
            route.free()

    thread = threading.Thread(target=use)
    thread.start()
    thread.join()
    assert arrived == [True]


def test_a_stream_waits_for_another(cuda: Cuda) -> None:
    """What the other one does takes long enough to be missed."""
    route, consumer = Route(cuda, LARGE), cuda.create_stream()
    last = LARGE - MIB
    cuda.copy_in(route.here, route.start, LARGE, route.stream)
    cuda.wait_for(route.stream, consumer)
    cuda.copy_out(route.end + last, route.here + last, MIB, consumer)
    cuda.synchronize(consumer)
    assert (route.came[last:] == route.sent[last:]).all()
    cuda.synchronize(route.stream)
    cuda.destroy_stream(consumer)
    route.free()


@pytest.mark.parametrize("default", [0, 1])
def test_a_stream_waits_for_the_default_one(route: Route, default: int) -> None:
    route.cuda.wait_for(default, route.stream)
    route.queue()
    assert route.arrives()


def test_a_graph_of_copies(route: Route) -> None:
    cuda = route.cuda
    if not cuda.graphs:
        with pytest.raises(MachineError, match="install cuda-python"):
            cuda.begin_capture(route.stream)
        return
    cuda.begin_capture(route.stream)
    thread = threading.Thread(target=_allocate, args=(cuda,))  # as a camera's may
    thread.start()
    thread.join()
    route.queue()
    graph = cuda.end_capture(route.stream)
    cuda.synchronize(route.stream)
    assert not route.came.any()
    for value in (3, 4):
        route.sent[:] = value
        cuda.launch(graph, route.stream)
        assert route.arrives()
    cuda.destroy_graph(graph)


def _allocate(cuda: Cuda) -> None:
    with cuda.current():
        cuda.free(cuda.allocate(SIZE))


def test_a_spoilt_capture_leaves_the_stream_usable(route: Route) -> None:
    cuda = route.cuda
    if not cuda.graphs:
        pytest.skip(f"{cuda.name} has no graphs")
    cuda.begin_capture(route.stream)
    with pytest.raises(MachineError):
        cuda.synchronize(route.stream)
    with pytest.raises(MachineError):
        cuda.end_capture(route.stream)
    route.queue()
    assert route.arrives()


def test_mapped_memory_is_the_devices_too(cuda: Cuda) -> None:
    device = cuda.device()
    if not device.integrated:
        pytest.skip(f"{device.name} does not share its memory with the CPU")
    route = Route(cuda, mapped=True)
    cuda.copy_within(route.here, cuda.device_address(route.start), SIZE, route.stream)
    cuda.copy_within(cuda.device_address(route.end), route.here, SIZE, route.stream)
    assert route.arrives()
    route.free()


def test_memory_that_is_allocated_is_counted_and_comes_back(cuda: Cuda) -> None:
    Route(cuda).free()  # what the library takes once, for itself
    before, some = free_memory(cuda), slack(cuda, 2 * MIB)
    address = cuda.allocate(LARGE)
    assert abs(before - LARGE - free_memory(cuda)) <= some
    cuda.free(address)
    assert abs(before - free_memory(cuda)) <= some


def test_nothing_is_lost_over_many_rounds(cuda: Cuda) -> None:
    Route(cuda).free()
    before = free_memory(cuda)
    for _ in range(50):
        route = Route(cuda)
        route.queue()
        assert route.arrives()
        route.free()
    assert abs(before - free_memory(cuda)) <= slack(cuda, 2 * MIB)


def test_more_than_any_device_has(route: Route) -> None:
    with pytest.raises(MachineError, match=r"asked for 1,152,921,504,606,846,976 bytes, found"):
        route.cuda.allocate(1 << 60)
    route.queue()
    assert route.arrives()
