"""`edgefer build` and `edgefer run` on a device: the fake one, with TensorRT 10.3's surface."""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("onnx", reason="the fakes of TensorRT read the graph with onnx")

from tests.fakes.device import DEVICE
from tests.fakes.planted import plant


@pytest.fixture(autouse=True)
def _jetson(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.setattr("edgefer.runtime.cuda.DRIVER", None)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("EDGEFER_FAKE_BUILDS", str(tmp_path / "builds"))
    plant(monkeypatch, "tensorrt_10_3", "cuda_python")
    yield
    assert not DEVICE.live
    DEVICE.reset()


def builds(tmp_path: Path) -> int:
    log = tmp_path / "builds"
    return len(log.read_text().splitlines()) if log.exists() else 0


def test_the_engine_is_built_once(edgefer, bundle: Path, tmp_path: Path) -> None:
    done = edgefer("build", bundle)
    assert done.status == 0, done.err
    assert "tensorrt (the first that runs here; engine built now: there was none yet" in done.err
    words = " ".join(done.out.split())
    for fact in ("TensorRT tensorrt 10.3.0", "capability 8.7", "device Orin", "in fp32"):
        assert fact in words
    assert edgefer("build", bundle).status == 0
    assert edgefer("run", bundle, "--build-only", "--on-mismatch", "error").status == 0
    assert builds(tmp_path) == 1


def test_json_has_engine_and_reasons(edgefer, bundle: Path) -> None:
    done = edgefer("build", bundle, "--json", "--workspace", 256)
    document = json.loads(done.out)
    assert document["backend"] == "tensorrt"
    assert document["engine"]["workspace"] == 256 << 20
    assert document["engine"]["where"]["device"] == "Orin"
    assert document["passed_over"] == {}


def test_what_a_run_builds_serves_a_later_build(edgefer, bundle: Path, tmp_path: Path) -> None:
    assert edgefer("run", bundle, "--build-only").status == 0
    assert edgefer("build", bundle, "--json").status == 0
    assert builds(tmp_path) == 1


def test_without_an_engine_a_service_does_not_wait(edgefer, bundle: Path, tmp_path: Path) -> None:
    done = edgefer("run", bundle, "--build-only", "--on-mismatch", "error", "--backend", "tensorrt")
    assert done.status == 3
    assert "run: edgefer build BUNDLE" in done.err
    assert builds(tmp_path) == 0


@pytest.mark.usefixtures("_two_faces")
def test_a_run_says_what_it_ran_on(edgefer, bundle: Path, picture: Path) -> None:
    done = edgefer("run", bundle, picture, "--json")
    assert done.status == 0, done.err
    assert json.loads(done.out)["backend"] == "tensorrt"


@pytest.mark.parametrize("given", [(), ("a.png", "--build-only")])
def test_a_source_or_none(edgefer, bundle: Path, given: tuple[str, ...]) -> None:
    done = edgefer("run", bundle, *given)
    assert done.status == 2
    assert "SOURCE: expected pictures, a video, a camera, or --build-only alone" in done.err


@pytest.mark.parametrize("how", ["ignore", ""])
def test_an_unknown_policy_is_refused(edgefer, bundle: Path, how: str) -> None:
    done = edgefer("run", bundle, "--build-only", "--on-mismatch", how)
    assert done.status == 2
    assert f"on mismatch '{how}': expected one of rebuild, error" in done.err


def test_ctrl_c_ends_a_build(
    edgefer, bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGEFER_FAKE_BUILD", "slow:60")
    thread = threading.main_thread().ident
    assert thread is not None

    def interrupt_once_it_builds() -> None:
        while not list((tmp_path / "cache").rglob("*.lock")):
            ended.wait(0.05)
        ended.wait(1)
        signal.pthread_kill(thread, signal.SIGINT)

    ended = threading.Event()
    other = threading.Thread(target=interrupt_once_it_builds)
    other.start()
    done = edgefer("build", bundle)
    other.join()
    assert (done.status, done.out) == (130, "")
    assert done.err == "edgefer: interrupted\n"
    left = {path.suffix for path in (tmp_path / "cache").rglob("*") if path.is_file()}
    assert left == {".lock"}
    monkeypatch.delenv("EDGEFER_FAKE_BUILD")
    assert edgefer("build", bundle).status == 0


def test_int8_that_is_not_there(
    edgefer, bundles, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from edgefer.manifest import Precision

    monkeypatch.setenv("EDGEFER_FAKE_BUILD", "no-int8")
    done = edgefer("build", bundles[Precision.INT8])
    assert done.status == 1
    assert "expected layers in INT8, found none" in done.err
    assert not list((tmp_path / "cache").rglob("*.engine"))
