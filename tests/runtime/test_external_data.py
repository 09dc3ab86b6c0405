"""No graph makes a library read a file that the bundle does not hold."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgefer.errors import BundleError
from edgefer.runtime.external_data import _HOLDERS, refuse_external_data
from edgefer.runtime.session import load


def varint(number: int) -> bytes:
    """Protobuf's variable-length number."""
    low, rest = number & 0x7F, number >> 7
    return bytes([low | 0x80]) + varint(rest) if rest else bytes([low])


def field(number: int, content: bytes | int) -> bytes:
    """One field of a protobuf message."""
    if isinstance(content, int):
        return varint(number << 3) + varint(content)
    return varint(number << 3 | 2) + varint(len(content)) + content


EXTERNAL = field(14, 1)
DEFAULT = field(8, b"weight") + field(14, 0) + field(9, bytes(12))


def paths() -> list[tuple[int, ...]]:
    """The field numbers from a model to a tensor: every way, each kind of message once."""
    found: list[tuple[int, ...]] = []
    pending: list[tuple[str, tuple[int, ...], tuple[str, ...]]] = [("ModelProto", (), ())]
    while pending:
        kind, path, seen = pending.pop()
        if kind == "TensorProto":
            found.append(path)
        elif kind not in seen:
            for number, inner in _HOLDERS[kind].items():
                pending.append((inner, (*path, number), (*seen, kind)))
    return found


def model(path: tuple[int, ...], tensor: bytes) -> bytes:
    """A model with that tensor at that path, and other fields around."""
    for number in reversed(path):
        tensor = field(1, 9) + field(number, tensor) + field(100, b"unknown") + b"\x9d\x06abcd"
    return tensor


@pytest.mark.parametrize("path", paths(), ids=str)
def test_is_found_wherever_it_hides(path: tuple[int, ...]) -> None:
    refuse_external_data(model(path, DEFAULT), "cpu.onnx")
    for tensor in (EXTERNAL, DEFAULT + EXTERNAL, field(14, 1 << 32 | 1), field(13, b"")):
        with pytest.raises(BundleError, match=r"cpu\.onnx: a tensor's values are in another file"):
            refuse_external_data(model(path, tensor), "cpu.onnx")


@pytest.mark.parametrize("beyond", [1 << 32, 1 << 35, 1 << 63], ids=hex)
def test_a_tag_that_a_parser_would_cut_off_is_refused(beyond: int) -> None:
    tag, last = 13 << 3 | 2, (1 << 29) - 1
    refuse_external_data(model((7, 5), varint(last << 3) + varint(0)), "cpu.onnx")
    with pytest.raises(BundleError, match="expected an ONNX graph"):
        refuse_external_data(model((7, 5), varint(beyond | tag) + b"\0"), "cpu.onnx")


@pytest.mark.parametrize(
    "graph",
    [b"\x3a", b"\x3a\x05ab", b"\x0b", b"\xff" * 11, b"\x09abc", field(7, b"\x2a\xff"), b"\x02\x00"],
    ids=["no length", "cut off", "group", "long number", "short number", "inside", "field 0"],
)
def test_what_is_no_protobuf_is_refused(graph: bytes) -> None:
    with pytest.raises(BundleError, match="expected an ONNX graph"):
        refuse_external_data(graph, "cpu.onnx")


@given(st.binary())
def test_any_bytes(graph: bytes) -> None:
    try:
        refuse_external_data(graph, "cpu.onnx")
    except BundleError as error:
        if len(str(error).splitlines()) > 1:
            raise


def test_knows_all_of_onnx() -> None:
    """The table has every field of onnx.proto through which a tensor can be reached."""
    onnx = pytest.importorskip("onnx")
    kinds = {kind: getattr(onnx, kind).DESCRIPTOR for kind in _HOLDERS}
    reach = {*_HOLDERS, "TensorProto"}
    for kind, descriptor in kinds.items():
        inner = [(entry.number, entry.message_type) for entry in descriptor.fields]
        held = {number: message.name for number, message in inner if message}
        assert _HOLDERS[kind] == {n: name for n, name in held.items() if name in reach}


def test_a_real_one_is_refused_before_its_file_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    onnx = pytest.importorskip("onnx")
    import onnxruntime

    from tests.runtime.tiny import tiny_bundle, tiny_graph

    monkeypatch.chdir(tmp_path)
    onnx.save(
        tiny_graph(),
        "graph.onnx",
        save_as_external_data=True,
        location="weights.bin",
        size_threshold=64,
    )
    assert Path("weights.bin").stat().st_size > 0
    graph = Path("graph.onnx").read_bytes()
    path = tmp_path / "tiny.edgefer"
    tiny_bundle(graph).write(path)
    # From the working directory, which is why this is looked for at all.
    onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    with pytest.raises(BundleError, match=r"cpu\.onnx: a tensor's values are in another file"):
        load(path)
    Path("weights.bin").unlink()
    with pytest.raises(BundleError, match=r"cpu\.onnx: a tensor's values are in another file"):
        load(path)
