"""The fakes of cuda-python and pycuda, and how they compare with the real ones."""

from __future__ import annotations

import ctypes
import importlib
import inspect
import json
import subprocess
import sys
import threading
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from tests.fakes.device import DEVICE
from tests.fakes.planted import environment, plant

SIZE = 64


@pytest.fixture
def cuda(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    plant(monkeypatch, "cuda_python")
    return importlib.import_module("cuda.bindings.runtime")


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    plant(monkeypatch, "pycuda")
    found = importlib.import_module("pycuda.driver")
    found.init()
    return found


def code(answer: tuple[Any, ...]) -> int:
    return int(answer[0].value)


def read(address: int) -> bytes:
    return ctypes.string_at(address, SIZE)


def test_no_driver_and_no_device(cuda: ModuleType) -> None:
    DEVICE.missing = "device"
    assert code(cuda.cudaGetDeviceCount()) == 100
    DEVICE.missing = "driver"
    with pytest.raises(RuntimeError, match="libcuda"):
        cuda.cudaGetDeviceCount()
    DEVICE.runtime_version = 13000
    assert code(cuda.cudaGetDeviceCount()) == 35


def test_the_device_of_a_child_process(monkeypatch: pytest.MonkeyPatch) -> None:
    stated = {"name": "Thor", "capability": [11, 0], "driver_version": 13000}
    monkeypatch.setenv("EDGEFER_FAKE_DEVICE", json.dumps(stated))
    program = "from cuda.bindings import runtime as r; print(r.cudaGetDeviceProperties(0)[1].name)"
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=environment("cuda_python"),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "b'Thor'\n"


_SIGNATURES = """
import json
import cuda.bindings.runtime as r
told = {}
for name, thing in vars(r).items():
    if not name.startswith("cuda"):
        continue
    if hasattr(thing, "__members__"):
        told[name] = {key: int(value) for key, value in thing.__members__.items()}
    elif callable(thing) and not isinstance(thing, type):
        told[name] = (thing.__doc__ or "").strip().splitlines()[0]
    else:
        told[name] = thing if isinstance(thing, int) else None
print(json.dumps(told))
"""


def test_names_and_signatures_are_those_of_the_real_cuda_python(cuda: ModuleType) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _SIGNATURES], capture_output=True, text=True, check=False
    )
    if done.returncode:
        pytest.skip("cuda-python, with which the fake is compared, is not installed")
    real = json.loads(done.stdout)
    for name, thing in vars(cuda).items():
        if not name.startswith("cuda"):
            continue
        assert name in real
        if hasattr(thing, "__members__"):
            assert {key: thing[key].value for key in thing.__members__}.items() <= (
                real[name].items()
            )
        elif inspect.isfunction(thing):
            stated = real[name].partition("(")[2].partition(")")[0]
            names = [part.partition(":")[0].split()[-1] for part in stated.split(",") if part]
            assert list(inspect.signature(thing).parameters) == names
        elif isinstance(thing, int):
            assert thing == real[name]


def test_pycuda_needs_a_context(driver: ModuleType) -> None:
    context = driver.Device(0).retain_primary_context()
    with pytest.raises(driver.LogicError, match="invalid device context"):
        driver.mem_alloc(1)
    context.push()
    memory = driver.mem_alloc(SIZE)
    host = driver.pagelocked_empty((4, 4), np.float32, mem_flags=driver.host_alloc_flags.DEVICEMAP)
    host[:] = 3
    stream = driver.Stream(1)
    driver.memcpy_htod_async(memory, host, stream)
    assert read(int(memory)) != host.tobytes()
    stream.synchronize()
    assert read(int(memory)) == host.tobytes()
    assert read(host.base.get_device_pointer()) == host.tobytes()
    DEVICE.fail("malloc")
    with pytest.raises(driver.MemoryError, match="cuMemAlloc failed: out of memory"):
        driver.mem_alloc(1)
    with pytest.raises(driver.LogicError, match="invalid argument"):
        driver.memcpy_htod_async(memory, np.zeros(4), stream)
    memory.free()
    host.base.free()
    with pytest.raises(driver.LogicError, match="free failed"):
        memory.free()
    del stream
    driver.Context.pop()
    assert DEVICE.live == {}


def test_pycuda_leaves_behind_what_another_thread_lets_go_of(driver: ModuleType) -> None:
    context = driver.Device(0).retain_primary_context()
    context.push()
    memory = driver.mem_alloc(SIZE)
    context.pop()

    def let_go() -> None:
        with pytest.warns(UserWarning, match="out-of-thread context could not be cleaned up"):
            memory.free()

    thread = threading.Thread(target=let_go)
    thread.start()
    thread.join()
    assert DEVICE.live == {"device memory": 1}
