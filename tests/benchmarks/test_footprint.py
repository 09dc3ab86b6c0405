"""Memory of processes: real ones, which load and answer."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from edgefer.benchmarks import footprint
from edgefer.benchmarks.footprint import Footprint, peer_footprint, resident, session_footprint
from edgefer.bundle import Bundle, read_bundle
from edgefer.errors import MachineError
from edgefer.labels import ORDERS
from edgefer.manifest import Manifest, Precision

MIB = 1 << 20
BARE = Bundle(Manifest.bare("mine", 24, ORDERS["ferplus"]), {"cpu.onnx": b"none"})
STATUS = "Name:\tpython\nVmHWM:\t   20480 kB\nVmRSS:\t   10240 kB\nVmData:\t 1 kB\n"
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="what tells is in /proc")


def used(found: Footprint) -> int:
    """What loading and answering took, of a footprint that is known."""
    assert found.missing == ""
    assert found.peak is not None
    assert found.before is not None
    return found.peak - found.before


@on_linux
def test_a_session(bundles: dict[Precision, Path]) -> None:
    path = bundles[Precision.INT8]
    found = session_footprint(path, "onnxruntime", 1)
    assert path.stat().st_size < used(found) < 200 * MIB
    assert 20 * MIB < (found.before or 0) < 150 * MIB


@on_linux
def test_a_peer_has_its_own_library(bundles: dict[Precision, Path]) -> None:
    pytest.importorskip("torch", reason="the torch extra is not installed")
    path = bundles[Precision.INT8]
    bundle = read_bundle(path)
    bare = peer_footprint("onnxruntime", bundle, path, 1)
    torch = peer_footprint("torch", bundle, path, 1)
    assert used(bare) > 0
    assert used(torch) > 0
    assert (torch.before or 0) > (bare.before or 0) + 50 * MIB


@on_linux
def test_weights_count(tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx", reason="this graph is made with onnx")
    helper = onnx.helper
    weights = onnx.numpy_helper.from_array(np.ones((4096, 4096), np.float32), "w")
    taken = helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, ["N", 4096])
    given = helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, None)
    nodes = [helper.make_node("MatMul", ["x", "w"], ["y"])]
    graph = helper.make_graph(nodes, "g", [taken], [given], [weights])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    onnx.save(model, tmp_path / "large.onnx")
    found = peer_footprint(str(tmp_path / "large.onnx"), BARE, Path("mine.edgefer"), 1)
    assert used(found) > weights.ByteSize()


def test_what_fails_is_no_data_with_a_reason(tmp_path: Path) -> None:
    found = session_footprint(tmp_path / "none.edgefer", "onnxruntime", 1)
    assert (found.peak, found.before) == (None, None)
    assert "none.edgefer: expected an edgefer bundle, found no such file" in found.missing
    found = peer_footprint("onnxruntime", BARE, Path("mine.edgefer"), 1)
    assert found.missing.startswith("mine.edgefer: cpu.onnx: expected an ONNX graph")
    assert "KeyError" in session_footprint(tmp_path, "tflite", 1).missing


def test_a_child_that_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    code = "import os; os.kill(os.getpid(), 9)"
    monkeypatch.setattr(footprint, "command", lambda _: [sys.executable, "-c", code])
    expected = Footprint(missing="its process crashed (SIGKILL)")
    assert session_footprint(Path("mine.edgefer"), "onnxruntime", 1) == expected
    code = "import time; time.sleep(60)"
    monkeypatch.setattr(footprint, "_PATIENCE", 0.2)
    expected = Footprint(missing="its process took more than 0.2 seconds")
    assert session_footprint(Path("mine.edgefer"), "onnxruntime", 1) == expected


def test_linux_tells_both(tmp_path: Path) -> None:
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/status").write_text(STATUS)
    assert resident(tmp_path) == (10 * MIB, 20 * MIB)


@on_linux
def test_this_process() -> None:
    kept = np.ones(32 * MIB, np.uint8)
    now, most = resident()
    assert kept.nbytes < now <= most


def test_elsewhere_the_most_stands_for_both(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", "freebsd13")
    now, most = resident(tmp_path)
    assert now == most > 20 * MIB
    monkeypatch.setattr(sys, "platform", "darwin")  # which counts in bytes
    assert resident(tmp_path)[0] in range(most // 1024, most)


@pytest.mark.parametrize("system", ["linux", "win32"])
def test_where_nothing_tells(system: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/status").write_text("Name:\tpython\nVmRSS:\t 10240 kB\n")
    monkeypatch.setattr(sys, "platform", system)
    with pytest.raises(MachineError, match="does not tell how much memory"):
        resident(tmp_path)
