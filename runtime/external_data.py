"""Finds ONNX tensors whose values stand in another file, without the onnx library.

ONNX Runtime and TensorRT follow such a reference wherever it points, for a graph loaded from
memory relative to the working directory; no hash of the bundle covers what they would read.
"""

from __future__ import annotations

from collections.abc import Iterator

from edgefer.errors import BundleError

_TENSOR = "TensorProto"
_EXTERNAL_DATA, _DATA_LOCATION = 13, 14

# The fields of onnx.proto through which a message can come to hold a tensor.
_HOLDERS: dict[str, dict[int, str]] = {
    "ModelProto": {7: "GraphProto", 20: "TrainingInfoProto", 25: "FunctionProto"},
    "TrainingInfoProto": {1: "GraphProto", 2: "GraphProto"},
    "FunctionProto": {7: "NodeProto", 11: "AttributeProto"},
    "GraphProto": {1: "NodeProto", 5: _TENSOR, 15: "SparseTensorProto"},
    "NodeProto": {5: "AttributeProto"},
    "AttributeProto": {
        5: _TENSOR,
        6: "GraphProto",
        10: _TENSOR,
        11: "GraphProto",
        22: "SparseTensorProto",
        23: "SparseTensorProto",
    },
    "SparseTensorProto": {1: _TENSOR, 2: _TENSOR},
}

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
# Protobuf's limits. Its parsers cut off what lies beyond, and would see another field than this.
_LAST_FIELD = (1 << 29) - 1
_LARGEST = (1 << 64) - 1
_WIDTHS = {_FIXED64: 8, _FIXED32: 4}


def refuse_external_data(graph: bytes, name: str) -> None:
    """Raise BundleError where the ONNX file `name` keeps a tensor in another file."""
    pending = [("ModelProto", memoryview(graph))]
    while pending:
        kind, message = pending.pop()
        try:
            fields = list(_fields(message))
        except (ValueError, IndexError) as error:
            msg = f"{name}: expected an ONNX graph, found other bytes ({error})"
            raise BundleError(msg) from error
        for number, value in fields:
            if kind == _TENSOR:
                if number == _EXTERNAL_DATA or (number == _DATA_LOCATION and value != 0):
                    msg = f"{name}: a tensor's values are in another file; a bundle holds all of it"
                    raise BundleError(msg)
            elif number in _HOLDERS[kind] and isinstance(value, memoryview):
                pending.append((_HOLDERS[kind][number], value))


def _fields(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Number and value of each field; ValueError or IndexError where it is not protobuf."""
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        wire = tag & 7
        if not 0 < tag >> 3 <= _LAST_FIELD:
            msg = f"field {tag >> 3}"
            raise ValueError(msg)
        if wire == _VARINT:
            value, at = _varint(message, at)
            yield tag >> 3, value
            continue
        length, at = (_WIDTHS[wire], at) if wire in _WIDTHS else _length(message, at, wire)
        if at + length > len(message):
            msg = "cut off"
            raise ValueError(msg)
        yield tag >> 3, message[at : at + length]
        at += length


def _length(message: memoryview, at: int, wire: int) -> tuple[int, int]:
    if wire != _BYTES:
        msg = f"wire type {wire}"
        raise ValueError(msg)
    return _varint(message, at)


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            if value > _LARGEST:
                break
            return value, at
    msg = "a number of more than 64 bits"
    raise ValueError(msg)
