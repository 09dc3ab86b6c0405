"""The fake parser and builder, and the names that the fakes have and have not."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

pytest.importorskip("onnx", reason="the fake TensorRT parses with onnx")

import onnx
from onnx import helper

from tests.fakes.device import DEVICE
from tests.fakes.planted import TENSORRTS, environment, plant
from tests.fakes.running import FACES, built, parsed, quantised, recorder
from tests.runtime.tiny import tiny_graph


@pytest.fixture(params=TENSORRTS)
def trt(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    plant(monkeypatch, request.param, "cuda_python")
    return importlib.import_module("tensorrt")


def test_names_that_a_version_lacks(trt: ModuleType) -> None:
    ten = trt.__version__.startswith("10")
    builder, network = parsed(trt, recorder(trt), tiny_graph())
    config = builder.create_builder_config()
    assert hasattr(trt.NetworkDefinitionCreationFlag, "EXPLICIT_BATCH") is ten
    assert hasattr(trt.BuilderFlag, "INT8") is ten
    assert hasattr(builder, "platform_has_fast_int8") is ten
    assert hasattr(config, "int8_calibrator") is ten
    assert hasattr(network, "has_implicit_batch_dimension") is ten
    assert hasattr(trt.ICudaEngine, "device_memory_size") is ten
    assert hasattr(trt.PreviewFeature, "PROFILE_SHARING_0806") is ten
    assert hasattr(trt.BuilderFlag, "STRICT_NANS") is (trt.__version__ != "10.3.0")
    with pytest.raises(AttributeError):
        config.max_workspace_size = 1
    with pytest.raises(AttributeError):
        _ = trt.IExecutionContext.execute_async_v2


def test_the_old_version_is_only_told(monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch, "tensorrt_8_5")
    trt = importlib.import_module("tensorrt")
    assert trt.__version__.startswith("8.5")
    assert not hasattr(trt, "IProgressMonitor")
    assert not hasattr(trt.NetworkDefinitionCreationFlag, "STRONGLY_TYPED")


def _newer(field: str) -> onnx.ModelProto:
    graph = tiny_graph()
    if field == "ir":
        graph.ir_version = 99
    else:
        graph.opset_import[0].version = 26
    return graph


def _uint8() -> onnx.ModelProto:
    graph = tiny_graph()
    graph.graph.node.insert(0, helper.make_node("Identity", ["pixels"], ["same"], "same"))
    graph.graph.node[1].input[0] = "same"
    return graph


@pytest.mark.parametrize(
    ("graph", "node", "text"),
    [
        (lambda: quantised(zero=3), "quantise", "Non-zero zero point"),
        (lambda: quantised(bias=True), "bias", "has type Int32"),
        (_uint8, "same", "has type UInt8"),
        (lambda: _newer("ir"), "", "IR version 99"),
        (lambda: _newer("opset"), "", "opset 26"),
    ],
)
def test_the_parser_refuses(
    trt: ModuleType, graph: Callable[[], onnx.ModelProto], node: str, text: str
) -> None:
    log = recorder(trt)
    parser = trt.OnnxParser(trt.Builder(log).create_network(0), log)
    assert not parser.parse(graph().SerializeToString())
    assert parser.num_errors == len(log.lines)
    assert text in parser.get_error(0).desc()
    assert parser.get_error(0).node_name() == node
    assert not parser.parse(b"rubbish")


# What a child process builds the tiny engine with.
_CODE = """
import tensorrt as trt
from tests.fakes.running import built, parsed, recorder
from tests.runtime.tiny import tiny_graph

log = recorder(trt)
plan = built(parsed(trt, log, tiny_graph()))
print(trt.__version__, plan is not None, *log.lines)
"""


def _child(monkeypatch: pytest.MonkeyPatch, how: str) -> subprocess.CompletedProcess[str]:
    monkeypatch.setenv("EDGEFER_FAKE_BUILD", how)
    return subprocess.run(
        [sys.executable, "-c", _CODE],
        env=environment("tensorrt_10_16", "cuda_python"),
        capture_output=True,
        text=True,
        check=False,
    )


def test_builds_of_a_child_process(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    builds = tmp_path / "builds"
    monkeypatch.setenv("EDGEFER_FAKE_BUILDS", str(builds))
    assert _child(monkeypatch, "").stdout == "10.16.2.10 True\n"
    assert "False ERROR" in _child(monkeypatch, "fail").stdout
    assert _child(monkeypatch, "crash").returncode != 0
    lines = [json.loads(line) for line in builds.read_text().splitlines()]
    assert [line["version"] for line in lines] == ["10.16.2.10"] * 3
    assert lines[0]["profiles"][0]["pixels"][2] == list(FACES.shape)


def test_a_monitor_hears_of_the_build_and_can_stop_it(
    trt: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EDGEFER_FAKE_BUILD", "slow:0.03")
    log = recorder(trt)

    class Monitor(trt.IProgressMonitor):  # type: ignore[misc, name-defined]
        def __init__(self, most: int) -> None:
            super().__init__()
            self.steps, self.open, self.most = 0, 0, most

        def phase_start(self, phase_name: str, parent_phase: str | None, num_steps: int) -> None:
            self.open += 1

        def step_complete(self, phase_name: str, step: int) -> bool:
            self.steps += 1
            return self.steps < self.most

        def phase_finish(self, phase_name: str) -> None:
            self.open -= 1

    monitor = Monitor(1000)
    assert built(parsed(trt, log, tiny_graph()), progress_monitor=monitor) is not None
    assert monitor.steps > 30
    monitor = Monitor(7)
    assert built(parsed(trt, log, tiny_graph()), progress_monitor=monitor) is None
    assert (monitor.steps, monitor.open) == (7, 0)
    assert "BuildCanceled" in log.lines[-1]


def test_mistakes_that_a_build_refuses(trt: ModuleType) -> None:
    log = recorder(trt)
    builder, network = parsed(trt, log, quantised())
    config = builder.create_builder_config()
    assert builder.build_serialized_network(network, config) is None
    assert "no optimization profile has been defined" in log.lines[-1]
    if trt.__version__.startswith("10"):
        assert built((builder, network)) is None
        assert "int8 is not configured" in log.lines[-1]
    profile = builder.create_optimization_profile()
    profile.set_shape("x", (4, 3, 4, 4), (2, 3, 4, 4), (1, 3, 4, 4))
    assert config.add_optimization_profile(profile) == -1


def test_the_timing_cache(trt: ModuleType) -> None:
    log = recorder(trt)
    builder, network = parsed(trt, log, tiny_graph())
    config = builder.create_builder_config()
    cache = config.create_timing_cache(b"")
    empty = bytes(cache.serialize())
    assert config.set_timing_cache(cache, ignore_mismatch=False)
    assert built((builder, network), config) is not None
    full = bytes(config.get_timing_cache().serialize())
    assert len(full) > len(empty)
    assert config.set_timing_cache(config.create_timing_cache(full), False)
    DEVICE.name = "another"
    assert not config.set_timing_cache(config.create_timing_cache(full), False)
    assert config.create_timing_cache(b"rubbish") is None


@pytest.mark.parametrize(("fake", "cores"), [("tensorrt_10_3", 2), ("tensorrt_10_16", 0)])
def test_the_dla(fake: str, cores: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGEFER_FAKE_DLA", "2")
    plant(monkeypatch, fake)
    trt = importlib.import_module("tensorrt")
    log = recorder(trt)
    builder, network = parsed(trt, log, tiny_graph())
    config = builder.create_builder_config()
    assert builder.num_DLA_cores == trt.Runtime(log).num_DLA_cores == cores
    layers = [network.get_layer(index) for index in range(network.num_layers)]
    able = {layer.type.name for layer in layers if config.can_run_on_DLA(layer)}
    assert able == ({"MATRIX_MULTIPLY", "CONSTANT"} if cores else set())
    assert built((builder, network), default_device_type=trt.DeviceType.DLA) is None


def test_base_classes_have_to_be_initialised(trt: ModuleType) -> None:
    class Log(trt.ILogger):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            pass

    with pytest.raises(TypeError, match="must be called when overriding __init__"):
        Log()


def _real_names() -> dict[str, list[str]]:
    code = """
import json
import tensorrt_rtx_bindings as trt
told = {name: dir(thing) for name, thing in vars(trt).items() if isinstance(thing, type)}
print(json.dumps(told))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip("TensorRT-RTX, whose API is that of TensorRT 11, is not installed")
    told: dict[str, list[str]] = json.loads(done.stdout)
    return told


def test_11_has_no_name_that_is_not_real(monkeypatch: pytest.MonkeyPatch) -> None:
    real = _real_names()
    plant(monkeypatch, "tensorrt_11_1")
    trt = importlib.import_module("tensorrt")
    ours = {"complain", "entry", "fill", "largest", "release", "say", "shares_profiles", "sizes"}
    ours |= {"state", *dir(bytes), *dir(tuple)}
    # TensorRT-RTX knows of none of these, which TensorRT 11 has beside its API.
    other = {"PREFER_AOT_PYTHON_PLUGINS", "PREFER_JIT_PYTHON_PLUGINS"}
    for name, thing in vars(trt).items():
        if isinstance(thing, type) and not name.startswith("_"):
            found = {member for member in dir(thing) if not member.startswith("_")}
            assert found - ours - other <= set(real[name]), name
