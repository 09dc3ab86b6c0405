"""The fake device: memory, streams, graphs, and how they fail."""

from __future__ import annotations

import ctypes
import importlib
import threading
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from tests.fakes.device import DEVICE
from tests.fakes.faults import OPERATIONS, STICKY
from tests.fakes.planted import plant

SIZE = 64


@pytest.fixture
def cuda(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    plant(monkeypatch, "cuda_python")
    return importlib.import_module("cuda.bindings.runtime")


def good(answer: tuple[Any, ...]) -> Any:
    assert answer[0].value == 0, answer
    return answer[1] if len(answer) > 1 else None


def code(answer: tuple[Any, ...]) -> int:
    return int(answer[0].value)


def read(address: int) -> bytes:
    return ctypes.string_at(address, SIZE)


class Two:
    """Memory on both sides, and two streams."""

    def __init__(self, cuda: ModuleType) -> None:
        self.cuda = cuda
        self.device = good(cuda.cudaMalloc(SIZE))
        self.host = good(cuda.cudaHostAlloc(SIZE, cuda.cudaHostAllocMapped))
        self.streams = [good(cuda.cudaStreamCreateWithFlags(1)) for _ in range(2)]
        ctypes.memset(self.host, 7, SIZE)

    def copy(self, stream: Any, size: int = SIZE) -> tuple[Any, ...]:
        kind = self.cuda.cudaMemcpyKind.cudaMemcpyHostToDevice
        answer: tuple[Any, ...] = self.cuda.cudaMemcpyAsync(
            self.device, self.host, size, kind, stream
        )
        return answer


def test_nothing_happens_before_somebody_waits(cuda: ModuleType) -> None:
    two = Two(cuda)
    good(two.copy(two.streams[0]))
    assert read(two.device) != bytes([7]) * SIZE
    good(cuda.cudaStreamSynchronize(two.streams[1]))
    assert read(two.device) != bytes([7]) * SIZE
    good(cuda.cudaStreamSynchronize(int(two.streams[0])))
    assert read(two.device) == bytes([7]) * SIZE


def test_a_stream_that_waits_for_an_event_of_another(cuda: ModuleType) -> None:
    two = Two(cuda)
    event = good(cuda.cudaEventCreateWithFlags(cuda.cudaEventDisableTiming))
    good(two.copy(two.streams[0]))
    good(cuda.cudaEventRecord(event, two.streams[0]))
    good(cuda.cudaStreamWaitEvent(two.streams[1], event, 0))
    good(cuda.cudaEventDestroy(event))
    good(cuda.cudaStreamSynchronize(two.streams[1]))
    assert read(two.device) == bytes([7]) * SIZE


def test_copies_stay_within_one_allocation_of_the_right_kind(cuda: ModuleType) -> None:
    two = Two(cuda)
    stream, kinds = two.streams[0], cuda.cudaMemcpyKind
    assert code(two.copy(stream, SIZE + 1)) == 1
    wrong = cuda.cudaMemcpyAsync(two.host, two.device, SIZE, kinds.cudaMemcpyHostToDevice, stream)
    assert code(wrong) == 1
    good(two.copy(stream))
    good(cuda.cudaFree(two.device))
    assert code(cuda.cudaFree(two.device)) == 1
    # Freed while the copy was queued: the device finds out, and is lost.
    assert code(cuda.cudaStreamSynchronize(stream)) == 700
    assert code(cuda.cudaMalloc(1)) == 700


def test_mapped_memory_has_two_addresses(cuda: ModuleType) -> None:
    two = Two(cuda)
    alias = good(cuda.cudaHostGetDevicePointer(two.host, 0))
    assert alias != two.host
    assert read(alias) == bytes([7]) * SIZE
    kind = cuda.cudaMemcpyKind.cudaMemcpyDeviceToDevice
    assert code(cuda.cudaMemcpyAsync(two.device, two.host, SIZE, kind, two.streams[0])) == 1
    good(cuda.cudaMemcpyAsync(two.device, alias, SIZE, kind, two.streams[0]))
    plain = good(cuda.cudaHostAlloc(SIZE, cuda.cudaHostAllocDefault))
    assert code(cuda.cudaHostGetDevicePointer(plain, 0)) == 1


def test_a_capture_allows_no_waiting_and_no_allocating(cuda: ModuleType) -> None:
    two = Two(cuda)
    stream, other = two.streams
    local = cuda.cudaStreamCaptureMode.cudaStreamCaptureModeThreadLocal
    calls: tuple[Callable[[], tuple[Any, ...]], ...] = (
        lambda: cuda.cudaMalloc(1),
        lambda: cuda.cudaHostAlloc(1, 0),
        lambda: cuda.cudaStreamSynchronize(stream),
        lambda: cuda.cudaDeviceSynchronize(),
        lambda: cuda.cudaMemcpy(
            two.device, two.host, 1, cuda.cudaMemcpyKind.cudaMemcpyHostToDevice
        ),
    )
    for forbidden in calls:
        good(cuda.cudaStreamBeginCapture(stream, local))
        assert code(forbidden()) == 900
        assert code(cuda.cudaStreamEndCapture(stream)) == 901
    good(cuda.cudaStreamBeginCapture(stream, local))
    good(cuda.cudaStreamSynchronize(other))
    answers: list[int] = []
    thread = threading.Thread(target=lambda: answers.append(code(cuda.cudaMalloc(1))))
    thread.start()
    thread.join()
    assert answers == [0]
    good(two.copy(stream))
    assert DEVICE.counts["copy_in"] == 0
    graph = good(cuda.cudaStreamEndCapture(stream))
    made = good(cuda.cudaGraphInstantiate(graph, 0))
    good(cuda.cudaGraphDestroy(graph))
    for _ in range(2):
        good(cuda.cudaGraphLaunch(made, stream))
    good(cuda.cudaStreamSynchronize(stream))
    assert (DEVICE.counts["copy_in"], DEVICE.counts["launch"]) == (2, 2)


def _everything(cuda: ModuleType) -> dict[str, int]:
    """Do everything once; the first error of each kind of call."""
    two, found = Two(cuda), {}
    stream, kinds = two.streams[0], cuda.cudaMemcpyKind
    event = good(cuda.cudaEventCreateWithFlags(2))
    good(cuda.cudaStreamBeginCapture(stream, cuda.cudaStreamCaptureMode(1)))
    graph = good(cuda.cudaStreamEndCapture(stream))
    back = (two.host, two.device, SIZE, kinds.cudaMemcpyDeviceToHost, stream)
    within = (two.device, two.device, SIZE, kinds.cudaMemcpyDeviceToDevice, stream)
    calls: dict[str, Any] = {
        "malloc": lambda: cuda.cudaMalloc(1),
        "host_alloc": lambda: cuda.cudaHostAlloc(1, 0),
        "copy_in": lambda: two.copy(stream),
        "copy_out": lambda: cuda.cudaMemcpyAsync(*back),
        "copy_within": lambda: cuda.cudaMemcpyAsync(*within),
        "stream_create": lambda: cuda.cudaStreamCreateWithFlags(1),
        "event_create": lambda: cuda.cudaEventCreateWithFlags(2),
        "event_record": lambda: cuda.cudaEventRecord(event, stream),
        "wait_event": lambda: cuda.cudaStreamWaitEvent(stream, event, 0),
        "begin_capture": lambda: cuda.cudaStreamBeginCapture(
            two.streams[1], cuda.cudaStreamCaptureMode(1)
        ),
        "end_capture": lambda: cuda.cudaStreamEndCapture(two.streams[1]),
        "graph_instantiate": lambda: cuda.cudaGraphInstantiate(graph, 0),
        "synchronize": lambda: cuda.cudaStreamSynchronize(stream),
        "graph_destroy": lambda: cuda.cudaGraphDestroy(graph),
        "event_destroy": lambda: cuda.cudaEventDestroy(event),
        "stream_destroy": lambda: cuda.cudaStreamDestroy(stream),
        "free": lambda: cuda.cudaFree(two.device),
        "host_free": lambda: cuda.cudaFreeHost(two.host),
    }
    for name, call in calls.items():
        DEVICE.fail(name, error=46)
        found[name] = code(call())
        if name == "begin_capture":
            good(call())
    return found


def test_every_operation_can_fail(cuda: ModuleType) -> None:
    found = _everything(cuda)
    assert set(found) == set(OPERATIONS) - {"launch", "enqueue", "executed"}
    assert set(found.values()) == {46}
    with pytest.raises(ValueError, match="no operation"):
        DEVICE.fail("mallok")


def test_some_errors_stay_and_frees_count_even_then(cuda: ModuleType) -> None:
    two = Two(cuda)
    DEVICE.fail("malloc", after=1)
    DEVICE.fail("copy_in", error=719)
    good(cuda.cudaFree(good(cuda.cudaMalloc(1))))
    assert code(cuda.cudaMalloc(1)) == 2
    good(cuda.cudaFree(good(cuda.cudaMalloc(1))))
    assert code(two.copy(two.streams[0])) == 719
    assert 719 in STICKY
    for answer in (
        cuda.cudaFree(two.device),
        cuda.cudaFreeHost(two.host),
        *map(cuda.cudaStreamDestroy, two.streams),
        cuda.cudaMemGetInfo(),
    ):
        assert code(answer) == 719
    assert DEVICE.live == {}


def test_memory_runs_out(cuda: ModuleType) -> None:
    free, total = cuda.cudaMemGetInfo()[1:]
    assert (free, total) == (6 << 30, 8 << 30)
    DEVICE.free_memory = 100
    good(cuda.cudaMalloc(60))
    assert cuda.cudaMalloc(60) == (cuda.cudaError_t.cudaErrorMemoryAllocation, None)
    assert cuda.cudaGetErrorName(cuda.cudaError_t(2))[1] == b"cudaErrorMemoryAllocation"
