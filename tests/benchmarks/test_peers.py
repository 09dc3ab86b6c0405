"""Peers on the default network as it ships: their names, and that they answer as it does."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from edgefer.benchmarks.peers import open_peer, parse_peers
from edgefer.bundle import Bundle, read_bundle
from edgefer.errors import BundleError, InputError, MachineError, MissingDependency
from edgefer.manifest import Flavour, Precision

# What FP32 may differ by between libraries.
NEAR = 1e-4
LIBRARIES = ("onnxruntime", "openvino", "torch")


@pytest.fixture
def fp32(bundles: dict[Precision, Path]) -> Path:
    return bundles[Precision.FP32]


def without_library(library: str) -> None:
    pytest.importorskip(library, reason=f"the peer {library} is not installed")


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("precision", Precision)
def test_answers_are_those_of_the_bundle(
    library: str, precision: Precision, bundles: dict[Precision, Path]
) -> None:
    without_library(library)
    path = bundles[precision]
    bundle = read_bundle(path)
    golden = bundle.golden()
    quantised = precision is Precision.INT8 and library != "torch"
    expected = golden.expected[Flavour.CPU] if quantised else golden.reference
    with open_peer(library, bundle, path, threads=1) as peer:
        assert peer.answers
        assert peer.kind == library
        for count in (len(golden.faces), 1):
            found = peer.run(golden.faces[:count])
            limit = golden.tolerance[Flavour.CPU] if quantised else NEAR
            np.testing.assert_allclose(found, expected[:count], rtol=0, atol=limit)
            assert found.dtype == np.float32
        # an answer that is kept stays as it was
        kept, copy = found, found.copy()
        peer.run(golden.faces[1:2])
        np.testing.assert_array_equal(kept, copy)


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_note_says_what_runs(library: str, fp32: Path) -> None:
    without_library(library)
    bundle = read_bundle(fp32)
    with open_peer(library, bundle, fp32, threads=1) as peer:
        if library == "torch":
            assert (peer.name, peer.graph_bytes) == ("torch", None)
            assert peer.note == "eager, FP32, weights of the bundle's network"
        else:
            assert peer.name == f"{library} (bare)"
            assert peer.note.startswith("cpu.onnx of fer-lite-fp32.edgefer, ")
            assert peer.graph_bytes == len(bundle.graph(Flavour.CPU))
        peer.close()  # and again at the end


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_library_that_is_missing(
    library: str, fp32: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    extra = "cpu" if library == "onnxruntime" else library
    with pytest.raises(MissingDependency, match=rf"{library} is not .*edgefer\[{extra}\]"):
        open_peer(library, read_bundle(fp32), fp32, threads=1)


@pytest.mark.parametrize("library", ["onnxruntime", "openvino"])
def test_a_graph_that_is_none(library: str, fp32: Path) -> None:
    without_library(library)
    bundle = read_bundle(fp32)
    broken = Bundle(bundle.manifest, {**bundle.members, "cpu.onnx": b"\x08\x08"})
    with pytest.raises((BundleError, MachineError), match="cpu.onnx: .* refused it"):
        open_peer(library, broken, fp32, threads=1)
    elsewhere = Bundle(bundle.manifest, {**bundle.members, "cpu.onnx": b"<xml/>"})
    with pytest.raises(BundleError, match=r"fer-lite-fp32.edgefer: cpu.onnx: expected an ONNX"):
        open_peer(library, elsewhere, fp32, threads=1)


def test_names_are_parsed() -> None:
    assert parse_peers("torch") == ("torch",)
    assert parse_peers("MODEL.onnx") == ("MODEL.onnx",)  # a file may be called so
    assert parse_peers("onnxruntime, a/resnet.ONNX,trtexec") == (
        *("onnxruntime", "a/resnet.ONNX", "trtexec"),
    )


@pytest.mark.parametrize("text", ["", "pytorch", "torch,,openvino", "MODEL", "torch,Torch"])
def test_an_unknown_name_lists_the_names(text: str) -> None:
    names = "onnxruntime, openvino, torch, torch-cuda, MODEL.onnx, trtexec"
    with pytest.raises(InputError, match=rf"^against '.*': expected one of {names}$"):
        parse_peers(text)


def test_a_name_twice() -> None:
    with pytest.raises(InputError, match="against 'torch': expected each peer once, found it 2"):
        parse_peers("torch,openvino,torch")


def test_an_unknown_name_is_not_opened(fp32: Path) -> None:
    bundle = read_bundle(fp32)
    with pytest.raises(InputError, match="against 'tflite': expected one of onnxruntime, "):
        open_peer("tflite", bundle, fp32, threads=1)
