"""Both CUDA libraries do the same behind one class, on a fake GPU, and fail with errors of ours."""

from __future__ import annotations

import ctypes
import importlib.util
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from edgefer.errors import MachineError, MissingDependency, RuntimeLost
from edgefer.runtime import cuda_python
from edgefer.runtime.cuda import Cuda, Device, find_cuda
from edgefer.runtime.cuda_pycuda import PyCuda
from edgefer.runtime.cuda_python import LOST, CudaPython
from tests.fakes.device import DEVICE
from tests.fakes.planted import plant, uproot

LIBRARIES: dict[str, type[Cuda]] = {"cuda_python": CudaPython, "pycuda": PyCuda}
SIZE = 3000
PIXELS = np.random.default_rng(0).integers(0, 256, SIZE, np.uint8)


@pytest.fixture(params=LIBRARIES)
def cuda(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cuda]:
    plant(monkeypatch, request.param)
    found = LIBRARIES[request.param]()
    with found.current():
        yield found


@pytest.fixture
def graphs(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cuda]:
    plant(monkeypatch, "cuda_python")
    found = CudaPython()
    with found.current():
        yield found


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch) -> None:
    """What stands for the driver's library loads."""
    monkeypatch.setattr("edgefer.runtime.cuda.DRIVER", None)


def host(address: int, size: int = SIZE) -> np.ndarray[tuple[int], np.dtype[np.uint8]]:
    """Memory of the host as an array."""
    return np.frombuffer((ctypes.c_uint8 * size).from_address(address), np.uint8)


class Buffers:
    """A stream, and memory on both sides; `free` frees them all."""

    def __init__(self, cuda: Cuda) -> None:
        self.cuda = cuda
        self.stream = cuda.create_stream()
        self.host, self.back = cuda.allocate_host(SIZE), cuda.allocate_host(SIZE)
        self.device, self.other = cuda.allocate(SIZE), cuda.allocate(SIZE)
        host(self.host)[:] = PIXELS

    def queue(self) -> None:
        """In, across and out again."""
        self.cuda.copy_in(self.device, self.host, SIZE, self.stream)
        self.cuda.copy_within(self.other, self.device, SIZE, self.stream)
        self.cuda.copy_out(self.back, self.other, SIZE, self.stream)

    def came_back(self) -> bool:
        return bool((host(self.back) == PIXELS).all())

    def free(self) -> None:
        for address in (self.host, self.back):
            self.cuda.free_host(address)
        for address in (self.device, self.other):
            self.cuda.free(address)
        self.cuda.destroy_stream(self.stream)


def test_the_device(cuda: Cuda) -> None:
    DEVICE.name, DEVICE.capability, DEVICE.driver_version = "Thor", (11, 0), 13020
    DEVICE.integrated = False
    assert cuda.device() == Device("Thor", (11, 0), (13, 2), False)


def test_memory_free_and_total(cuda: Cuda) -> None:
    before, total = cuda.memory()
    address = cuda.allocate(1 << 20)
    assert cuda.memory() == (before - (1 << 20), total)
    cuda.free(address)
    assert total == DEVICE.total_memory


def test_copies_in_across_and_out(cuda: Cuda) -> None:
    buffers = Buffers(cuda)
    assert all(type(value) is int for value in (buffers.stream, buffers.host, buffers.device))
    buffers.queue()
    assert not buffers.came_back()
    cuda.synchronize(buffers.stream)
    assert buffers.came_back()
    buffers.free()
    assert not DEVICE.live


def test_copies_of_a_part(cuda: Cuda) -> None:
    buffers = Buffers(cuda)
    buffers.queue()
    cuda.synchronize(buffers.stream)
    host(buffers.host)[100:200] = 7
    cuda.copy_in(buffers.other + 100, buffers.host + 100, 100, buffers.stream)
    cuda.copy_out(buffers.back + 100, buffers.other + 100, 100, buffers.stream)
    cuda.synchronize(buffers.stream)
    assert (host(buffers.back)[100:200] == 7).all()
    assert (host(buffers.back)[200:] == PIXELS[200:]).all()
    buffers.free()


def test_mapped_memory_is_reached_from_both_sides(cuda: Cuda) -> None:
    buffers = Buffers(cuda)
    mapped = cuda.allocate_host(SIZE, mapped=True)
    host(mapped)[:] = PIXELS
    seen = cuda.device_address(mapped)
    cuda.copy_within(buffers.device, seen, SIZE, buffers.stream)
    cuda.copy_out(buffers.back, buffers.device, SIZE, buffers.stream)
    cuda.synchronize(buffers.stream)
    assert buffers.came_back()
    cuda.free_host(mapped)
    buffers.free()
    assert not DEVICE.live


def test_a_stream_waits_for_another(cuda: Cuda) -> None:
    buffers, producer = Buffers(cuda), cuda.create_stream()
    cuda.copy_in(buffers.other, buffers.host, SIZE, producer)
    cuda.wait_for(producer, buffers.stream)
    cuda.copy_out(buffers.back, buffers.other, SIZE, buffers.stream)
    cuda.synchronize(buffers.stream)
    assert buffers.came_back()
    cuda.destroy_stream(producer)
    buffers.free()
    assert not DEVICE.live


def test_a_stream_waits_for_one_of_another_library(cuda: Cuda) -> None:
    buffers = Buffers(cuda)
    foreign = DEVICE.stream_create(blocking=False)
    DEVICE.copy("copy_in", buffers.other, buffers.host, SIZE, foreign)
    cuda.wait_for(foreign, buffers.stream)
    cuda.copy_out(buffers.back, buffers.other, SIZE, buffers.stream)
    cuda.synchronize(buffers.stream)
    assert buffers.came_back()


def test_a_stream_waits_for_the_default_one(cuda: Cuda) -> None:
    buffers = Buffers(cuda)
    DEVICE.copy("copy_in", buffers.other, buffers.host, SIZE, 0)
    cuda.wait_for(0, buffers.stream)
    cuda.copy_out(buffers.back, buffers.other, SIZE, buffers.stream)
    cuda.synchronize(buffers.stream)
    assert buffers.came_back()


def test_another_thread(cuda: Cuda) -> None:
    """What one thread allocated, another uses and frees."""
    buffers = Buffers(cuda)
    failed: list[BaseException] = []

    def use() -> None:
        try:
            with cuda.current():
                buffers.queue()
                cuda.synchronize(buffers.stream)
                buffers.free()
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=use)
    thread.start()
    thread.join()
    assert not failed
    assert not DEVICE.live


def test_current_within_current(cuda: Cuda) -> None:
    with cuda.current(), cuda.current():
        cuda.memory()
    cuda.memory()


def test_a_graph_is_recorded_launched_and_freed(graphs: Cuda) -> None:
    assert graphs.graphs
    buffers = Buffers(graphs)
    graphs.begin_capture(buffers.stream)
    buffers.queue()
    graph = graphs.end_capture(buffers.stream)
    assert type(graph) is int
    graphs.synchronize(buffers.stream)
    assert not buffers.came_back()
    for value in (3, 4):
        host(buffers.host)[:] = value
        graphs.launch(graph, buffers.stream)
        graphs.synchronize(buffers.stream)
        assert (host(buffers.back) == value).all()
    graphs.destroy_graph(graph)
    buffers.free()
    assert not DEVICE.live


def test_a_thread_that_allocates_does_not_spoil_a_capture(graphs: Cuda) -> None:
    buffers = Buffers(graphs)
    graphs.begin_capture(buffers.stream)
    thread = threading.Thread(target=lambda: DEVICE.free(DEVICE.malloc(10)))
    thread.start()
    thread.join()
    buffers.queue()
    graphs.destroy_graph(graphs.end_capture(buffers.stream))


def test_a_spoilt_capture_leaves_the_stream_usable(graphs: Cuda) -> None:
    buffers = Buffers(graphs)
    graphs.begin_capture(buffers.stream)
    with pytest.raises(MachineError, match="cudaErrorStreamCaptureUnsupported"):
        graphs.synchronize(buffers.stream)
    with pytest.raises(MachineError, match="cudaErrorStreamCaptureInvalidated: operation failed"):
        graphs.end_capture(buffers.stream)
    buffers.queue()
    graphs.synchronize(buffers.stream)
    assert buffers.came_back()
    buffers.free()
    assert not DEVICE.live


def test_a_graph_that_cannot_be_instantiated_leaks_nothing(graphs: Cuda) -> None:
    stream = graphs.create_stream()
    graphs.begin_capture(stream)
    DEVICE.fail("graph_instantiate", error=1)
    with pytest.raises(MachineError, match="cudaGraphInstantiate: .*invalid argument"):
        graphs.end_capture(stream)
    graphs.destroy_stream(stream)
    assert not DEVICE.live


@pytest.mark.parametrize("operation", ["event_record", "wait_event"])
def test_waiting_that_fails_leaks_nothing(cuda: Cuda, operation: str) -> None:
    producer, stream = cuda.create_stream(), cuda.create_stream()
    DEVICE.fail(operation, error=400)
    with pytest.raises(MachineError, match="invalid resource handle"):
        cuda.wait_for(producer, stream)
    for each in (producer, stream):
        cuda.destroy_stream(each)
    assert not DEVICE.live


def test_pycuda_has_no_graphs(monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch, "pycuda")
    cuda = PyCuda()
    assert not cuda.graphs
    calls: list[Callable[[], object]] = [
        lambda: cuda.begin_capture(1),
        lambda: cuda.end_capture(1),
        lambda: cuda.launch(1, 1),
        lambda: cuda.destroy_graph(1),
    ]
    for call in calls:
        with pytest.raises(MachineError, match="cannot capture CUDA graphs; install cuda-python"):
            call()


FAILURES: dict[str, Callable[[Cuda, Buffers], object]] = {
    "malloc": lambda cuda, buffers: cuda.allocate(SIZE),
    "free": lambda cuda, buffers: cuda.free(buffers.other),
    "host_alloc": lambda cuda, buffers: cuda.allocate_host(SIZE),
    "host_free": lambda cuda, buffers: cuda.free_host(buffers.back),
    "copy_in": lambda cuda, buffers: buffers.queue(),
    "copy_within": lambda cuda, buffers: buffers.queue(),
    "copy_out": lambda cuda, buffers: buffers.queue(),
    "synchronize": lambda cuda, buffers: cuda.synchronize(buffers.stream),
    "stream_create": lambda cuda, buffers: cuda.create_stream(),
    "event_create": lambda cuda, buffers: cuda.wait_for(buffers.stream, buffers.stream),
}


def skip_what_pycuda_hides(cuda: Cuda, operation: str) -> None:
    if isinstance(cuda, PyCuda) and operation in ("free", "host_free"):
        pytest.skip("pycuda prints what goes wrong when it frees something, and goes on")


@pytest.mark.parametrize("operation", FAILURES)
def test_a_refusal_is_the_machines(cuda: Cuda, operation: str) -> None:
    skip_what_pycuda_hides(cuda, operation)
    buffers = Buffers(cuda)
    DEVICE.fail(operation, error=801)
    with pytest.raises(MachineError, match="CUDA refused it .*operation not supported"):
        FAILURES[operation](cuda, buffers)


@pytest.mark.parametrize("operation", FAILURES)
def test_after_a_sticky_error_the_process_is_lost(cuda: Cuda, operation: str) -> None:
    skip_what_pycuda_hides(cuda, operation)
    buffers = Buffers(cuda)
    DEVICE.fail(operation, error=700)
    with pytest.raises(RuntimeLost, match="CUDA lost this process .*illegal memory .*start it"):
        FAILURES[operation](cuda, buffers)
    with pytest.raises(RuntimeLost):
        cuda.memory()


@pytest.mark.parametrize("error", sorted(LOST - {226, 721, 810, 911}))
def test_every_sticky_error_is_known(cuda: Cuda, error: int) -> None:
    stream = cuda.create_stream()
    DEVICE.fail("synchronize", error=error)
    with pytest.raises(RuntimeLost):
        cuda.synchronize(stream)


@pytest.mark.parametrize("operation", ["launch", "begin_capture", "end_capture"])
@pytest.mark.parametrize(("error", "kind"), [(1, MachineError), (719, RuntimeLost)])
def test_graphs_fail_as_all_else(
    graphs: Cuda, operation: str, error: int, kind: type[Exception]
) -> None:
    stream = graphs.create_stream()
    DEVICE.fail(operation, error=error)

    def all_of_it() -> None:
        graphs.begin_capture(stream)
        graphs.launch(graphs.end_capture(stream), stream)

    with pytest.raises(kind):
        all_of_it()


def test_no_memory_says_how_much_there_is(cuda: Cuda) -> None:
    message = "asked for 9,000,000,000 bytes, found 6,442,450,944 of 8,589,934,592 free .*close"
    for allocate in (cuda.allocate, cuda.allocate_host):
        with pytest.raises(MachineError, match=message):
            allocate(9_000_000_000)
    assert not DEVICE.live


@pytest.mark.parametrize("free", ["free", "free_host", "destroy_stream"])
def test_what_was_never_made_cannot_be_freed(cuda: Cuda, free: str) -> None:
    with pytest.raises(MachineError):
        getattr(cuda, free)(0x1230)


def test_an_error_inside_current_comes_out_as_it_is(cuda: Cuda) -> None:
    """Even where leaving the context fails too."""
    stream = cuda.create_stream()
    DEVICE.fail("synchronize", error=700)
    with pytest.raises(RuntimeLost, match="illegal memory"), cuda.current():
        cuda.synchronize(stream)
    with pytest.raises(RuntimeLost), cuda.current():
        cuda.memory()


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize(
    ("missing", "version", "message"),
    [
        ("driver", 12060, "no NVIDIA driver"),
        ("driver", 13000, "no NVIDIA driver|cudaErrorInsufficientDriver: .*update the NVIDIA"),
        ("device", 13000, "no CUDA-capable device is detected"),
    ],
)
@pytest.mark.usefixtures("driver")
def test_no_gpu(
    monkeypatch: pytest.MonkeyPatch, library: str, missing: str, version: int, message: str
) -> None:
    if library == "pycuda" and missing == "driver":
        pytest.skip("pycuda cannot be imported without the driver")
    plant(monkeypatch, library)
    DEVICE.missing, DEVICE.runtime_version = missing, version
    with pytest.raises(MachineError, match=message) as raised:
        LIBRARIES[library]()
    assert not isinstance(raised.value, MissingDependency)
    if library == "pycuda":
        monkeypatch.setitem(sys.modules, "cuda", None)
    with pytest.raises(MachineError, match=message):
        find_cuda()


def test_pycuda_without_the_driver(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    uproot(monkeypatch)
    package = tmp_path / "pycuda"
    package.mkdir()
    (package / "__init__.py").touch()
    missing = "libcuda.so.1: cannot open shared object file"
    (package / "driver.py").write_text(f"raise ImportError({missing!r}, name='pycuda._driver')")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(MachineError, match=f"no NVIDIA driver .*{missing}.*; install it") as raised:
        PyCuda()
    assert not isinstance(raised.value, MissingDependency)


def test_pycuda_without_its_own_libraries(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    uproot(monkeypatch)
    package = tmp_path / "pycuda"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "driver.py").write_text("import pytools_that_is_not_there")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(MissingDependency, match=r"does not load .*edgefer\[pycuda\]"):
        PyCuda()


@pytest.mark.parametrize(
    ("jetson", "l4t", "extra"),
    [
        (None, None, "tensorrt"),
        ("Orin NX", "R36 (release), REVISION: 4.3", "jetpack6"),
        ("Orin NX", "R39 (release), REVISION: 2.0", "jetpack7"),
    ],
)
@pytest.mark.usefixtures("driver")
def test_no_library(
    monkeypatch: pytest.MonkeyPatch, jetson: str | None, l4t: str | None, extra: str
) -> None:
    uproot(monkeypatch)
    for name in ("cuda", "pycuda"):
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setattr(
        cuda_python, "read_machine", lambda: SimpleNamespace(jetson=jetson, l4t=l4t)
    )
    with pytest.raises(MissingDependency, match=rf"bindings.*edgefer\[{extra}\]"):
        CudaPython()
    with pytest.raises(MissingDependency, match=r"pycuda is not installed.*edgefer\[pycuda\]"):
        PyCuda()
    with pytest.raises(MissingDependency, match=rf"edgefer\[{extra}\].*; or,.*edgefer\[pycuda\]"):
        find_cuda()


def test_an_older_cuda_python(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before 12.6 the same functions were in cuda.cudart."""
    plant(monkeypatch, "cuda_python")
    runtime = importlib.import_module("cuda.bindings.runtime")
    monkeypatch.setitem(sys.modules, "cuda.bindings", None)
    monkeypatch.setitem(sys.modules, "cuda.bindings.runtime", None)
    monkeypatch.setitem(sys.modules, "cuda.cudart", runtime)
    assert CudaPython().device().name == DEVICE.name


def test_the_device_of_a_host_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch, "cuda_python")
    runtime = importlib.import_module("cuda.bindings.runtime")
    selected = [1]

    def select(device: int) -> tuple[int]:
        selected.append(device)
        return (0,)

    monkeypatch.setattr(runtime, "cudaGetDevice", lambda: (0, selected[-1]))
    monkeypatch.setattr(runtime, "cudaSetDevice", select)
    with CudaPython().current():
        assert selected == [1, 0]
    assert selected == [1, 0, 1]


@pytest.mark.parametrize(
    ("installed", "imported", "found"),
    [
        (("cuda_python", "pycuda"), (), CudaPython),
        (("cuda_python",), (), CudaPython),
        (("pycuda",), (), PyCuda),
        (("cuda_python", "pycuda"), ("pycuda.driver",), PyCuda),
        (("cuda_python", "pycuda"), ("cuda.bindings.runtime", "pycuda.driver"), CudaPython),
    ],
)
@pytest.mark.usefixtures("driver")
def test_which_one_is_taken(
    monkeypatch: pytest.MonkeyPatch,
    installed: tuple[str, ...],
    imported: tuple[str, ...],
    found: type[Cuda],
) -> None:
    plant(monkeypatch, *installed)
    for name in ("cuda", "pycuda"):
        if not any(each.startswith(name) for each in installed):
            monkeypatch.setitem(sys.modules, name, None)
    for name in imported:
        importlib.import_module(name)
    assert type(find_cuda()) is found


def test_the_real_cuda_python() -> None:
    """In a process of its own, as its modules cannot be loaded twice."""
    if importlib.util.find_spec("cuda") is None:
        pytest.skip("cuda-python is not installed")
    code = (
        "from edgefer.errors import MachineError, MissingDependency\n"
        "from edgefer.runtime.cuda_python import CudaPython\n"
        "try:\n"
        "    cuda = CudaPython()\n"
        "    with cuda.current():\n"
        "        assert cuda.device().name and cuda.memory()[1]\n"
        "        cuda.destroy_stream(cuda.create_stream())\n"
        "except MachineError as error:\n"
        "    assert not isinstance(error, MissingDependency), error\n"
        "    assert 'driver' in str(error) or 'cudaErrorNoDevice' in str(error), error\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
