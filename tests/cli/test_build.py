"""`edgefer build` ahead of time by the real TensorRT-RTX, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edgefer.bundle import read_bundle
from edgefer.runtime.tensorrt_library import Edition, is_installed

needs_rtx = pytest.mark.skipif(
    not is_installed(Edition.RTX), reason="the rtx extra is not installed"
)


@needs_rtx
def test_builds_ahead_of_time(edgefer, bundle: Path, tmp_path: Path) -> None:
    path = tmp_path / "a.edgefer"
    done = edgefer("build", bundle, "--target", "rtx-ampere,rtx-ada", "--output", path)
    assert done.status == 0, done.err
    assert "rtx-ampere, rtx-ada" in done.out
    assert "no data: only a GPU tells" in " ".join(done.out.split())
    assert len(list(read_bundle(path).engines())) == 1
    shown = edgefer("inspect", path)
    assert shown.status == 0
    assert "Engines built ahead of time" in shown.out
    assert "8.6, 8.9" in shown.out


@needs_rtx
def test_json_has_the_sidecar(
    edgefer, bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = edgefer("build", bundle, "--target", "rtx-ampere", "--json")
    document = json.loads(done.out)
    assert document["path"] == "tiny-rtx.edgefer"
    assert document["targets"] == ["rtx-ampere"]
    assert document["engine"]["where"]["capabilities"] == ["8.6"]
    assert document["engine"]["precisions"] is None
    assert (document["fp16_bytes"], document["advice"]) == (None, None)
    assert [path.name for path in tmp_path.iterdir()] == ["tiny-rtx.edgefer"]


@needs_rtx
def test_a_network_that_is_refused_is_reported(edgefer, bundle: Path, tmp_path: Path) -> None:
    """Its MatMul has no kernel for Turing."""
    path = tmp_path / "a.edgefer"
    done = edgefer("build", bundle, "--target", "rtx-turing", "--output", path)
    assert done.status == 3
    assert "refused it: " in done.err
    assert "SM75" in done.err
    assert not path.exists()


@pytest.mark.parametrize(
    ("options", "status", "message"),
    [
        (("--target", "orin"), 3, "run: edgefer build tiny.edgefer"),
        (("--target", "rtx-ada,orin"), 3, "whose TensorRT builds on the device itself"),
        (("--target", "h100"), 2, "target 'h100': expected one of rtx-turing"),
        (("--target", "rtx-turing,rtx-ada"), 2, "rtx-turing: expected it alone"),
        (("--target", "rtx-ada", "--dla", "0"), 2, "--dla 0: it is for an engine of this device"),
        (("--target", "rtx-ada", "--workspace", "64"), 2, "--workspace 64: it is for an engine"),
        (("--target", "rtx-ada", "--backend", "tensorrt"), 2, "--backend tensorrt: it is for"),
        (("--output", "x"), 2, "--output x: an engine for this device goes into the cache"),
        (("--backend", "onnxruntime"), 2, "expected auto, tensorrt or tensorrt-rtx"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_refused_in_one_line(
    edgefer,
    bundle: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    options: tuple[str, ...],
    status: int,
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    done = edgefer("build", bundle, *options)
    assert done.status == status
    assert message in done.err
    assert done.err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_the_bundle_itself_is_no_output(edgefer, bundle: Path) -> None:
    before = bundle.read_bytes()
    done = edgefer("build", bundle, "--target", "rtx-ada", "--output", bundle)
    assert (done.status, bundle.read_bytes()) == (2, before)
    assert "is the bundle itself" in done.err


def test_without_a_gpu_every_library_says_why(edgefer, bundle: Path) -> None:
    done = edgefer("build", bundle)
    assert done.status == 3
    assert "not tensorrt: " in done.err
    assert "not tensorrt-rtx: " in done.err
    assert done.out == ""


@needs_rtx
def test_layers_are_listed(edgefer, bundle: Path) -> None:
    done = edgefer("inspect", bundle, "--layers")
    assert done.status == 0, done.err
    assert "CAST" in done.out
    assert "UINT8" in done.out
    document = json.loads(edgefer("inspect", bundle, "--layers", "--json").out)
    assert document["library"] in ("tensorrt", "tensorrt-rtx")
    assert document["layers"][0]["kind"] == "CAST"


def test_one_thing_is_printed_at_a_time(edgefer, bundle: Path) -> None:
    done = edgefer("inspect", bundle, "--layers", "--card")
    assert done.status == 2
    assert "give one of them" in done.err
