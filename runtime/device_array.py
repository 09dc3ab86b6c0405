"""Faces that are on the GPU already: what torch, CuPy, Numba and others say of their memory."""

from __future__ import annotations

import ctypes
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from edgefer.errors import InputError, reason

_ON_GPU = (2, 13)  # DLPack: kDLCUDA and kDLCUDAManaged
_DEFAULT_STREAM = 1
# Of `__cuda_array_interface__`: since then it says which stream makes the memory.
_HAS_STREAM = 3

_KINDS = {0: "int", 1: "uint", 2: "float", 4: "bfloat", 5: "complex", 6: "bool"}
_FRESH = b"dltensor"
_USED = b"used_dltensor"
# Functions of our own: what is set on those of ctypes.pythonapi is set for everybody.
_POINTER = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p)(
    ("PyCapsule_GetPointer", ctypes.pythonapi)
)
_RENAME = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.py_object, ctypes.c_char_p)(
    ("PyCapsule_SetName", ctypes.pythonapi)
)
_DELETER = ctypes.PYFUNCTYPE(None, ctypes.c_void_p)


@dataclass(frozen=True)
class DeviceFaces:
    """uint8 in contiguous memory of GPU 0.

    `stream` is the one of the library that makes them, to be waited for before they are read; None
    where there is nothing to wait for. They are valid as long as this object, which holds `owner`.
    """

    dtype: ClassVar[np.dtype[np.uint8]] = np.dtype(np.uint8)
    address: int
    shape: tuple[int, ...]
    stream: int | None
    owner: object


def device_faces(faces: object, stream: int) -> DeviceFaces | None:
    """The faces where they are on a GPU, by `__cuda_array_interface__` or DLPack; None for others.

    With DLPack the producer itself lets `stream` wait for them.

    Raises InputError where they cannot be used as they are.
    """
    if isinstance(faces, np.ndarray):
        return None
    try:
        interface = getattr(faces, "__cuda_array_interface__", None)
        device = faces.__dlpack_device__() if hasattr(faces, "__dlpack_device__") else (None, 0)
    except Exception as error:  # each producer has its own: torch for tensors with gradients
        raise _keeps_it(faces, error) from error
    has_dlpack = device[0] in _ON_GPU
    if interface is None and not has_dlpack:
        return None
    if has_dlpack and device[1] != 0:
        msg = f"faces: expected them on GPU 0, found GPU {device[1]}; copy them there first"
        raise InputError(msg)
    if interface is None:
        return _from_dlpack(faces, stream)
    if has_dlpack and interface["version"] < _HAS_STREAM:
        # torch: without its stream the faces could be read before they are there.
        return _from_dlpack(faces, stream)
    return _from_interface(faces, interface)


def _from_interface(faces: object, interface: Mapping[str, Any]) -> DeviceFaces:
    shape = tuple(interface["shape"])
    strides = interface.get("strides")
    _check(np.dtype(interface["typestr"]).name, shape, strides)
    if interface.get("mask") is not None:
        msg = "faces: expected an array without a mask, found one; leave it out"
        raise InputError(msg)
    says = interface["version"] >= _HAS_STREAM
    stream: int | None = interface.get("stream") if says else _DEFAULT_STREAM
    return DeviceFaces(interface["data"][0], shape, stream, faces)


def _from_dlpack(faces: Any, stream: int) -> DeviceFaces:
    try:
        capsule = faces.__dlpack__(stream=stream)
    except Exception as error:
        raise _keeps_it(faces, error) from error
    managed = _Managed(capsule)
    tensor = managed.tensor
    sides = range(tensor.ndim)
    shape = tuple(tensor.shape[side] for side in sides)
    strides = tuple(tensor.strides[side] for side in sides) if tensor.strides else None
    _check(tensor.kind, shape, strides)
    address = (tensor.data or 0) + tensor.byte_offset
    return DeviceFaces(address, shape, None, managed)


def _check(kind: str, shape: tuple[int, ...], strides: tuple[int, ...] | None) -> None:
    """Raise InputError unless it is uint8, one value beside the other."""
    if kind != "uint8":
        msg = f"faces: expected uint8 [n, height, width, 3], RGB, found {kind} {list(shape)}"
        raise InputError(msg)
    if strides is None or 0 in shape:
        return
    step = 1
    for side, stride in zip(reversed(shape), reversed(strides)):
        if side > 1 and stride != step:
            msg = (
                f"faces: expected contiguous memory, found strides {list(strides)} of "
                f"{list(shape)}; make a contiguous copy first"
            )
            raise InputError(msg)
        step *= side


def _keeps_it(faces: object, error: Exception) -> InputError:
    found = type(faces).__name__
    return InputError(f"faces: {found} does not give access to its memory ({reason(error)})")


class _Tensor(ctypes.Structure):
    """DLPack's DLTensor."""

    data: int | None
    ndim: int
    shape: Sequence[int]
    strides: Sequence[int]
    byte_offset: int
    code: int
    bits: int
    lanes: int
    _fields_ = (
        ("data", ctypes.c_void_p),
        ("device_type", ctypes.c_int32),
        ("device_id", ctypes.c_int32),
        ("ndim", ctypes.c_int32),
        ("code", ctypes.c_uint8),
        ("bits", ctypes.c_uint8),
        ("lanes", ctypes.c_uint16),
        ("shape", ctypes.POINTER(ctypes.c_int64)),
        ("strides", ctypes.POINTER(ctypes.c_int64)),
        ("byte_offset", ctypes.c_uint64),
    )

    @property
    def kind(self) -> str:
        """What NumPy calls its type; other codes than these keep their number."""
        name = _KINDS.get(self.code, f"kind {self.code} of ")
        return f"{name}{self.bits}" + (f" x {self.lanes}" if self.lanes != 1 else "")


class _ManagedTensor(ctypes.Structure):
    """DLPack's DLManagedTensor: the tensor, and how to give it back."""

    tensor: _Tensor
    deleter: int | None
    _fields_ = (
        ("tensor", _Tensor),
        ("context", ctypes.c_void_p),
        ("deleter", ctypes.c_void_p),
    )


class _Managed:
    """A tensor taken out of its capsule, and given back when nobody holds this any more."""

    def __init__(self, capsule: object) -> None:
        try:
            address = _POINTER(capsule, _FRESH)
        except ValueError as error:
            msg = f"faces: expected a DLPack capsule named dltensor ({reason(error)})"
            raise InputError(msg) from error
        # From now on it is ours: the capsule no longer frees it.
        _RENAME(capsule, _USED)
        managed = _ManagedTensor.from_address(address)
        self.tensor = managed.tensor
        if managed.deleter:
            weakref.finalize(self, _DELETER(managed.deleter), address)
