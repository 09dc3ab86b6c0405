"""A run stage by stage is the run: the same answers, and the stages in their order."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from edgefer.runtime import cuda
from edgefer.runtime.session import Session, load
from tests.fakes.device import DEVICE
from tests.fakes.planted import plant

Pixels = NDArray[np.uint8]


def test_on_a_cpu_faces_are_copied_in_and_run(session: Session, faces: Pixels) -> None:
    """The answers of the last stage are in the buffers that the next run gives."""
    expected = session.run(faces[:3])
    session.run(faces[3:6])
    assert list(session.stages(faces[:3])) == ["copy in", "inference"]
    backend = session._backend
    assert backend is not None
    np.testing.assert_array_equal(backend._bound[3][1]["probabilities"], expected)  # type: ignore[attr-defined]


def test_more_faces_than_a_batch_takes_are_cut_off(session: Session, faces: Pixels) -> None:
    assert list(session.stages(faces[:33])) == ["copy in", "inference"]


def test_a_closed_session_has_no_stages(bundle_path: Path, faces: Pixels) -> None:
    with load(bundle_path, backend="onnxruntime") as session:
        pass
    assert list(session.stages(faces[:1])) == []


def test_on_a_gpu_each_stage_is_waited_for(
    monkeypatch: pytest.MonkeyPatch, fp16_path: Path, tmp_path: Path
) -> None:
    """The fakes of TensorRT 10.3 and cuda-python, with a driver that loads."""
    pytest.importorskip("onnx", reason="the fake of TensorRT reads the graph with it")
    monkeypatch.setattr(cuda, "DRIVER", None)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    plant(monkeypatch, "tensorrt_10_3", "cuda_python")
    with load(fp16_path, backend="tensorrt") as session:
        two = np.zeros((2, session.size, session.size, 3), np.uint8)
        session.run(two)
        DEVICE.counts.clear()
        assert list(session.stages(two)) == ["copy in", "inference", "copy out"]
        found = +DEVICE.counts
        assert [found[each] for each in ("copy_in", "enqueue", "copy_out")] == [1, 1, 1]
        assert found["synchronize"] == 3
        assert {"malloc", "host_alloc", "launch"}.isdisjoint(found)
    assert not DEVICE.live
