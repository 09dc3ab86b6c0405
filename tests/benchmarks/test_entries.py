"""What is opened and how it is described: real bundles and peers."""

from __future__ import annotations

import shutil
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest

from edgefer.benchmarks import entries
from edgefer.benchmarks.entries import Entry, Wanted, open_entries
from edgefer.bundle import read_bundle
from edgefer.data.drawn import drawn_faces
from edgefer.errors import BundleError, InputError
from edgefer.manifest import Precision

ONNX_RUNTIME = ("onnxruntime",)


@pytest.fixture(autouse=True)
def _no_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    """No time is asserted here."""
    monkeypatch.setattr(entries, "_REST_S", 0.0)


@pytest.fixture
def pair(bundles: dict[Precision, Path]) -> list[Path]:
    return [bundles[Precision.FP32], bundles[Precision.INT8]]


def opened(stack: ExitStack, *bundles: Path, peers: tuple[str, ...] = ()) -> list[Entry]:
    return open_entries(Wanted(bundles, ONNX_RUNTIME, peers), stack)


def test_a_session_is_described_as_it_is(pair: list[Path]) -> None:
    path = pair[1]
    bundle = read_bundle(path)
    with ExitStack() as stack:
        (entry,) = opened(stack, path)
        assert entry.session is not None
        assert entry.name == path.name
        assert entry.about == {
            "peer": None,
            "bundle": path.name,
            "id": bundle.id,
            "network": "fer-lite",
            "precision": "int8",
            "backend": "onnxruntime",
            "flavour": "cpu",
            "why": "asked for by name",
            "bytes": {
                "bundle": path.stat().st_size,
                "graph": len(bundle.members["cpu.onnx"]),
                "engine": None,
            },
        }
        assert entry.labelled
        assert entry.labels == bundle.manifest.labels
        assert not entry.on_gpu
        assert entry.start.load > 0
        assert entry.start.first_answer > 0
        face = drawn_faces(1).pixels(entry.size)
        np.testing.assert_array_equal(entry.run(face), entry.session.run(face))


def test_all_are_closed_in_the_end(pair: list[Path]) -> None:
    with ExitStack() as stack:
        found = opened(stack, *pair, peers=("onnxruntime",))
    for entry in found[:2]:
        with pytest.raises(InputError, match="this session is closed"):
            entry.run(drawn_faces(1).pixels(entry.size))
    assert found[2].run.__self__._session is None


def test_those_before_one_that_fails_are_closed(
    pair: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = []
    real = entries.start

    def start(*arguments: object) -> object:
        begun.append(real(*arguments))
        return begun[-1]

    monkeypatch.setattr(entries, "start", start)
    broken = tmp_path / "broken.edgefer"
    broken.write_bytes(pair[0].read_bytes()[:5000])
    with pytest.raises(BundleError), ExitStack() as stack:
        opened(stack, pair[0], broken)
    ((session, _),) = begun
    with pytest.raises(InputError, match="closed"):
        session.run(drawn_faces(1).pixels(48))


def test_the_same_name_twice_is_told_apart(pair: list[Path], tmp_path: Path) -> None:
    """Records and tables go by names."""
    copy = tmp_path / pair[0].name
    shutil.copy(pair[0], copy)
    with ExitStack() as stack:
        found = opened(stack, pair[0], copy, pair[0])
        assert [entry.name for entry in found] == [
            pair[0].name,
            f"{pair[0].name} #2",
            f"{pair[0].name} #3",
        ]


def test_several_backends_are_in_the_names(pair: list[Path]) -> None:
    pytest.importorskip("openvino", reason="the openvino extra is not installed")
    wanted = Wanted([pair[0]], ("onnxruntime", "openvino"))
    with ExitStack() as stack:
        found = open_entries(wanted, stack)
        assert [entry.about["backend"] for entry in found] == ["onnxruntime", "openvino"]
        assert [entry.name for entry in found] == [
            f"{pair[0].name} (onnxruntime)",
            f"{pair[0].name} (openvino)",
        ]


def test_a_peer_is_opened_for_each_bundle(pair: list[Path]) -> None:
    with ExitStack() as stack:
        found = opened(stack, *pair, peers=("onnxruntime",))
        assert len({entry.name for entry in found}) == 4
        for entry, path in zip(found[2:], pair):
            assert entry.about["peer"] == entry.about["backend"] == "onnxruntime"
            assert entry.about["bundle"] == path.name
            assert entry.name == f"onnxruntime (bare), {path.stem}"
            assert entry.about["bytes"]["graph"] == len(read_bundle(path).members["cpu.onnx"])
            assert entry.labelled
            assert entry.session is None
            face = drawn_faces(1).pixels(entry.size)
            own = found[pair.index(path)].run(face)
            np.testing.assert_allclose(entry.run(face), own, atol=1e-3)


def test_one_peer_of_one_bundle_needs_no_more_than_its_name(pair: list[Path]) -> None:
    with ExitStack() as stack:
        _, peer = opened(stack, pair[1], peers=("onnxruntime",))
        assert peer.name == "onnxruntime (bare)"
        assert peer.about["precision"] == "int8"


def test_torch_is_one_for_a_network_in_any_precision(pair: list[Path]) -> None:
    pytest.importorskip("torch", reason="the torch extra is not installed")
    with ExitStack() as stack:
        *_, torch = found = opened(stack, *pair, peers=("torch",))
        assert len(found) == 3
        assert torch.name == "torch"
        assert torch.about["network"] == "fer-lite"
        assert (torch.about["bundle"], torch.about["precision"]) == (None, None)
        assert torch.about["flavour"] is None
        assert torch.labelled


def test_a_file_of_others_is_one_for_all_bundles(pair: list[Path], tmp_path: Path) -> None:
    path = tmp_path / "other.onnx"
    path.write_bytes(read_bundle(pair[0]).members["cpu.onnx"])
    with ExitStack() as stack:
        *_, other = found = opened(stack, *pair, peers=(str(path),))
        assert len(found) == 3
        assert other.name == "other.onnx"
        assert other.about["peer"] == "onnx"
        assert (other.about["bundle"], other.about["network"]) == (None, None)
        assert other.about["bytes"]["graph"] == path.stat().st_size
        assert not other.labelled
        assert str(tmp_path) not in str(other.about)


def test_a_peer_is_loaded_once_before_it_is_timed(
    pair: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or the import of its library would be its start."""
    real, opened_peers = entries.open_peer, []

    def open_peer(*arguments: object) -> object:
        opened_peers.append(real(*arguments))
        return opened_peers[-1]

    monkeypatch.setattr(entries, "open_peer", open_peer)
    with ExitStack() as stack:
        opened(stack, pair[1], peers=("onnxruntime",))
        first, second = opened_peers
        assert second.run(drawn_faces(1).pixels(48)).shape == (1, 8)
        assert first._session is None


def test_a_session_that_does_not_answer_is_closed(
    pair: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = []

    class Broken:
        size = 48

        def run(self, faces: object) -> None:
            msg = "no"
            raise InputError(msg)

        def close(self) -> None:
            closed.append(self)

    monkeypatch.setattr(entries, "load", lambda path, backend, threads: Broken())
    with pytest.raises(InputError, match="no"):
        entries.start(pair[0])
    assert len(closed) == 1


def test_memory_is_that_of_a_process_of_its_own(
    pair: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    monkeypatch.setattr(entries, "session_footprint", lambda *call: calls.append(call))
    monkeypatch.setattr(entries, "peer_footprint", lambda *call: calls.append(call))
    with ExitStack() as stack:
        for entry in opened(stack, pair[1], peers=("onnxruntime",)):
            entry.footprint()
    own, peer = calls
    assert own == (pair[1], "onnxruntime", 1)
    assert (peer[0], peer[1].id, *peer[2:]) == (
        "onnxruntime",
        read_bundle(pair[1]).id,
        pair[1],
        1,
        None,
    )
