"""Faces on the GPU are taken as their makers describe them, and given back once."""

from __future__ import annotations

import ctypes
import gc
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from edgefer.errors import InputError
from edgefer.runtime.device_array import DeviceFaces, _ManagedTensor, device_faces

CPU, CUDA, PINNED, MANAGED = 1, 2, 3, 13
OURS = 0xABC0
FACES = np.arange(2 * 4 * 4 * 3, dtype=np.uint8).reshape(2, 4, 4, 3)


@dataclass
class Interface:
    """Memory with `__cuda_array_interface__` alone, as Numba has it."""

    array: NDArray[Any]
    changes: dict[str, Any] = field(default_factory=dict)

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        contiguous = self.array.flags.c_contiguous
        found = {
            "shape": self.array.shape,
            "typestr": self.array.dtype.str,
            "data": (self.array.ctypes.data, False),
            "strides": None if contiguous else self.array.strides,
            "version": 3,
            "stream": 7,
        }
        return found | self.changes


_NEW = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p)(
    ("PyCapsule_New", ctypes.pythonapi)
)
_NAME = ctypes.PYFUNCTYPE(ctypes.c_char_p, ctypes.py_object)(
    ("PyCapsule_GetName", ctypes.pythonapi)
)
_DELETER = ctypes.CFUNCTYPE(None, ctypes.c_void_p)
_CODES = {"i": 0, "u": 1, "f": 2, "c": 5, "b": 6}


class Packed:
    """Memory with DLPack alone, in a capsule made by hand; `deleted` has what was given back."""

    def __init__(self, array: NDArray[Any], device: tuple[int, int] = (CUDA, 0)) -> None:
        self.array = array
        self.device = device
        self.name = b"dltensor"
        self.offset = 0
        self.deleted: list[int] = []
        self.streams: list[object] = []
        self._deleter = _DELETER(self.deleted.append)

    def __dlpack_device__(self) -> tuple[int, int]:
        return self.device

    def __dlpack__(self, *, stream: object = None) -> object:
        self.streams.append(stream)
        array = self.array
        sides = ctypes.c_int64 * array.ndim
        self.shape = sides(*array.shape)
        self.strides = sides(*(stride // array.itemsize for stride in array.strides))
        self.managed = managed = _ManagedTensor()
        tensor = managed.tensor
        tensor.data = array.ctypes.data - self.offset
        tensor.byte_offset = self.offset
        tensor.ndim = array.ndim
        tensor.code = _CODES[array.dtype.kind]
        tensor.bits = array.itemsize * 8
        tensor.lanes = 1
        tensor.shape = ctypes.cast(self.shape, ctypes.POINTER(ctypes.c_int64))
        if not array.flags.c_contiguous:
            tensor.strides = ctypes.cast(self.strides, ctypes.POINTER(ctypes.c_int64))
        managed.deleter = ctypes.cast(self._deleter, ctypes.c_void_p).value
        self.address = ctypes.addressof(managed)
        capsule: object = _NEW(self.address, self.name, None)
        self.capsule = capsule
        return capsule


class Both(Packed):
    """Memory with both, the first as torch has it (version 2) or as CuPy has it (version 3)."""

    version = 2

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        changes = {"version": self.version}
        return Interface(self.array, changes).__cuda_array_interface__


def test_the_interface_is_taken_as_it_stands() -> None:
    faces = Interface(FACES)
    found = device_faces(faces, OURS)
    assert found == DeviceFaces(FACES.ctypes.data, (2, 4, 4, 3), 7, faces)
    assert found.dtype == np.uint8


@pytest.mark.parametrize(
    ("changes", "stream"),
    [
        ({"stream": None}, None),
        ({"stream": 2}, 2),
        ({"version": 2, "stream": None}, 1),
        ({"data": (FACES.ctypes.data, True), "stream": 1}, 1),
        ({"strides": FACES.strides, "stream": None}, None),
    ],
    ids=str,
)
def test_what_there_is_to_wait_for(changes: dict[str, Any], stream: int | None) -> None:
    """Before version 3 nobody says: then it is the default stream."""
    found = device_faces(Interface(FACES, changes), OURS)
    assert found is not None
    assert found.stream == stream


def test_the_maker_is_held() -> None:
    faces = Interface(FACES)
    found = device_faces(faces, OURS)
    assert found is not None
    assert found.owner is faces


@pytest.mark.parametrize("device", [(CUDA, 0), (MANAGED, 0)], ids=str)
def test_dlpack_is_read_and_given_back_once(device: tuple[int, int]) -> None:
    faces = Packed(FACES, device)
    faces.offset = 48
    found = device_faces(faces, OURS)
    assert found is not None
    assert (found.address, found.shape, found.stream) == (FACES.ctypes.data, FACES.shape, None)
    assert faces.streams == [OURS]
    assert _NAME(faces.capsule) == b"used_dltensor"
    gc.collect()
    assert faces.deleted == []
    del found
    gc.collect()
    assert faces.deleted == [faces.address]


def test_memory_without_a_deleter_is_left_alone() -> None:
    faces = Packed(FACES)
    faces._deleter = _DELETER()
    found = device_faces(faces, OURS)
    assert found is not None
    del found
    gc.collect()


@pytest.mark.parametrize("shape", [(0, 4, 4, 3), (1, 4, 4, 3)], ids=str)
def test_strides_of_sides_that_do_not_matter(shape: tuple[int, ...]) -> None:
    odd = np.lib.stride_tricks.as_strided(FACES, shape, (999, 12, 3, 1))
    changes = {"strides": odd.strides}
    found = device_faces(Interface(odd, changes), OURS)
    assert found is not None
    assert found.shape == shape


@pytest.mark.parametrize(("version", "uses_dlpack"), [(2, True), (3, False)])
def test_of_both_the_one_that_names_a_stream(version: int, uses_dlpack: bool) -> None:
    faces = Both(FACES)
    faces.version = version
    found = device_faces(faces, OURS)
    assert found is not None
    assert found.address == FACES.ctypes.data
    assert bool(faces.streams) == uses_dlpack
    assert found.stream == (None if uses_dlpack else 7)


@pytest.mark.parametrize(
    "faces",
    [FACES, FACES.tolist(), None, "faces", Packed(FACES, (CPU, 0)), Packed(FACES, (PINNED, 0))],
    ids=lambda faces: type(faces).__name__,
)
def test_others_are_not_on_a_gpu(faces: object) -> None:
    assert device_faces(faces, OURS) is None


MAKERS = [Interface, Packed, Both]


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize(
    ("array", "message"),
    [
        (FACES.astype(np.float32), r"expected uint8 .*found float32 \[2, 4, 4, 3\]"),
        (FACES.astype(np.int8), "found int8"),
        (FACES[:, ::2], r"expected contiguous memory, found strides \[48, 24, 3, 1\]"),
        (FACES.transpose(0, 3, 1, 2), "make a contiguous copy first"),
    ],
    ids=["float32", "int8", "rows left out", "channels first"],
)
def test_other_memory_is_refused(
    make: Callable[[NDArray[Any]], Any], array: NDArray[Any], message: str
) -> None:
    faces = make(array)
    with pytest.raises(InputError, match=f"^faces: .*{message}"):
        device_faces(faces, OURS)
    gc.collect()
    if isinstance(faces, Packed):
        assert faces.deleted == [faces.address]


def test_a_type_of_dlpack_without_a_name_is_refused() -> None:
    class Brain(Packed):
        def __dlpack__(self, *, stream: object = None) -> object:
            capsule = super().__dlpack__(stream=stream)
            self.managed.tensor.code, self.managed.tensor.bits = 10, 8
            self.managed.tensor.lanes = 2
            return capsule

    with pytest.raises(InputError, match="found kind 10 of 8 x 2"):
        device_faces(Brain(FACES), OURS)


@pytest.mark.parametrize("make", [Packed, Both])
def test_another_gpu_is_refused(make: type[Packed]) -> None:
    with pytest.raises(InputError, match="expected them on GPU 0, found GPU 1; copy them there"):
        device_faces(make(FACES, (CUDA, 1)), OURS)


def test_a_mask_is_refused() -> None:
    with pytest.raises(InputError, match="without a mask"):
        device_faces(Interface(FACES, {"mask": Interface(FACES)}), OURS)


@pytest.mark.parametrize("name", [b"used_dltensor", b"dltensor_versioned"])
def test_another_capsule_is_refused(name: bytes) -> None:
    faces = Packed(FACES)
    faces.name = name
    with pytest.raises(InputError, match="expected a DLPack capsule named dltensor"):
        device_faces(faces, OURS)
    assert faces.deleted == []


class Unwilling:
    """As torch does for tensors with gradients."""

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        msg = "requires grad.\nUse detach()"
        raise RuntimeError(msg)


class UnwillingPack(Packed):
    def __dlpack__(self, *, stream: object = None) -> object:
        msg = "requires grad"
        raise BufferError(msg)


@pytest.mark.parametrize("faces", [Unwilling(), UnwillingPack(FACES)])
def test_a_maker_that_refuses_is_quoted(faces: object) -> None:
    message = r"faces: Unwilling.* does not give access to its memory \(requires grad"
    with pytest.raises(InputError, match=message):
        device_faces(faces, OURS)


def test_torch_on_the_cpu_is_not_on_a_gpu() -> None:
    torch = pytest.importorskip("torch")
    assert device_faces(torch.zeros((1, 4, 4, 3), dtype=torch.uint8), OURS) is None
