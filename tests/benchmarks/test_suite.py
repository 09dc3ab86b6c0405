"""The document of a suite: engines are built before anything is timed, and what is missing."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("onnx", reason="the fakes of TensorRT read the graph with onnx")

from edgefer.benchmarks.plan import Plan
from edgefer.benchmarks.suite import missing_precisions, prepare_engines
from edgefer.manifest import Precision
from tests.fakes.device import DEVICE
from tests.fakes.planted import plant
from tests.runtime.tiny import tiny_bundle


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.edgefer"
    tiny_bundle(precision=Precision.FP16).write(path)
    return path


def test_engines_come_from_the_cache_once_they_are_built(
    tiny: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("edgefer.runtime.cuda.DRIVER", None)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    plant(monkeypatch, "tensorrt_10_3", "cuda_python")
    steps: list[tuple[str, int, int]] = []
    plan = Plan([tiny], ("tensorrt",))
    (built,) = prepare_engines(plan, lambda *step: steps.append(step))
    (cached,) = prepare_engines(plan)
    assert "engine built now: there was none yet" in built["why"]
    assert "engine from the cache" in cached["why"]
    for engine in (built, cached):
        assert (engine["bundle"], engine["backend"]) == ("tiny.edgefer", "tensorrt")
        assert engine["seconds"] > 0
    assert [step for step in steps if step[0] == "engines"] == [
        ("engines", 0, 1),
        ("engines", 1, 1),
    ]
    assert not DEVICE.live
    DEVICE.reset()


def test_a_cpu_has_no_engines(tiny: Path) -> None:
    pytest.importorskip("onnxruntime")
    assert prepare_engines(Plan([tiny], ("onnxruntime",))) == []


def test_precisions_are_missed_by_network() -> None:
    given = [("fer-lite", "fp32"), ("ma-net", "fp16"), ("fer-lite", "int8"), ("fer-lite", "int8")]
    assert list(missing_precisions(given)) == ["fer-lite in fp16", "ma-net in fp32 and int8"]
    assert not list(missing_precisions(("fer-lite", str(one)) for one in Precision))
