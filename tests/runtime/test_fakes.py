"""The fake TensorRT does what the tests of the runtime lean on, in every version."""

from __future__ import annotations

import importlib
import json
import re
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("onnx", reason="the fake TensorRT parses with onnx")

import onnxruntime

from tests.fakes.device import DEVICE
from tests.fakes.planted import TENSORRTS, plant
from tests.fakes.running import BATCH, FACES, Run, built, parsed, quantised, recorder
from tests.runtime.tiny import tiny_graph


@pytest.fixture(params=TENSORRTS)
def trt(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    plant(monkeypatch, request.param, "cuda_python")
    return importlib.import_module("tensorrt")


@pytest.fixture(scope="module")
def expected() -> NDArray[np.float32]:
    graph = tiny_graph().SerializeToString()
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, {"pixels": FACES})[0])


def test_every_version_answers_as_onnx_runtime_does(
    trt: ModuleType, expected: NDArray[np.float32]
) -> None:
    run = Run(trt)
    run.give(FACES)
    assert run.queue()
    assert not np.allclose(run.answers(), expected)  # nothing happened yet
    assert run.wait() == "cudaSuccess"
    np.testing.assert_array_equal(run.answers(), expected)
    graph = run.capture()
    run.give(FACES[::-1])
    run.get(run.cuda.cudaGraphLaunch(graph, run.stream))
    np.testing.assert_array_equal(run.answers(), expected)
    assert run.wait() == "cudaSuccess"
    np.testing.assert_array_equal(run.answers(), expected[::-1])
    counts = {name: DEVICE.counts[name] for name in ("enqueue", "launch", "executed", "copy_in")}
    assert counts == {"enqueue": 1, "launch": 1, "executed": 2, "copy_in": 2}
    assert DEVICE.live == {"device memory": 2, "host memory": 2, "streams": 1, "graphs": 1}
    run.get(run.cuda.cudaGraphExecDestroy(graph))
    run.close()
    assert DEVICE.live == {}
    assert run.log.lines == []


def _information(trt: ModuleType, plan: Any, *, context: bool) -> dict[str, Any]:
    engine = trt.Runtime(recorder(trt)).deserialize_cuda_engine(plan)
    inspector = engine.create_engine_inspector()
    if context:
        inspector.execution_context = engine.create_execution_context()
    text = inspector.get_engine_information(trt.LayerInformationFormat.JSON)
    told: dict[str, Any] = json.loads(text)
    return told


def test_layers_of_an_int8_engine(trt: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    log, detailed = recorder(trt), {"profiling_verbosity": trt.ProfilingVerbosity.DETAILED}
    strongly = 1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED)
    parts = parsed(trt, log, quantised(), strongly)
    kinds = [parts[1].get_layer(index).type.name for index in range(parts[1].num_layers)]
    assert kinds.count("QUANTIZE") == 1
    assert kinds[-2:] == ["CONVOLUTION", "ACTIVATION"]
    plan = built(parts, **detailed)
    told = _information(trt, plan, context=True)
    (layer,) = (layer for layer in told["Layers"] if layer["LayerType"] == "CaskConvolution")
    assert layer["Name"] == "weights + conv + relu"
    assert "Int8" in layer["Inputs"][0]["Format/Datatype"]
    assert ("Bindings" in told) is trt.__version__.startswith("10")
    bare = _information(trt, plan, context=False)["Layers"]
    assert "Int8" in {tensor["Format/Datatype"] for layer in bare for tensor in layer["Inputs"]}
    monkeypatch.setenv("EDGEFER_FAKE_BUILD", "no-int8")
    plan = built(parts, **detailed)
    assert "Int8" not in json.dumps(_information(trt, plan, context=True))


def test_a_plan_of_another_device_version_or_damaged(
    trt: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = recorder(trt)
    plan = bytes(built(parsed(trt, log, tiny_graph())))
    runtime = trt.Runtime(log)
    assert runtime.deserialize_cuda_engine(plan[:-1]) is None
    assert runtime.deserialize_cuda_engine(b"rubbish") is None
    assert runtime.deserialize_cuda_engine(plan[:200] + b"?" + plan[201:]) is None
    assert "Magic tag does not match" in "".join(log.lines)
    DEVICE.capability = (8, 9)
    assert runtime.deserialize_cuda_engine(plan) is None
    assert "expecting compute 8.9 got compute 8.7, please rebuild" in log.lines[-2]
    for other in TENSORRTS:
        plant(monkeypatch, other)
        theirs = importlib.import_module("tensorrt")
        log = recorder(theirs)
        taken = theirs.Runtime(log).deserialize_cuda_engine(plan)
        if theirs.__version__ == trt.__version__:
            assert taken is not None
        else:
            assert taken is None
            assert re.search("Version tag does not match|not compatible with", log.lines[0])


def test_the_execution_context_says_no(trt: ModuleType) -> None:
    run = Run(trt)
    context = run.engine.create_execution_context()
    assert not context.execute_async_v3(int(run.stream))
    assert "Not all shapes are specified: pixels" in run.log.lines[-1]
    assert context.infer_shapes() == ["pixels"]
    assert not context.set_input_shape("pixels", (BATCH + 1, *FACES.shape[1:]))
    assert not context.set_input_shape("other", FACES.shape)
    assert not context.set_tensor_address("other", 1)
    assert not context.set_optimization_profile_async(1, int(run.stream))
    assert context.set_input_shape("pixels", FACES.shape)
    assert context.get_tensor_shape("probabilities") == (BATCH, 8)
    assert not context.execute_async_v3(int(run.stream))
    assert "address" in run.log.lines[-1]
    with pytest.raises(TypeError):
        context.execute_async_v3(run.stream)
    run.close()


def test_one_context_a_profile_where_they_are_not_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch, "tensorrt_10_3", "cuda_python")
    trt = importlib.import_module("tensorrt")
    log = recorder(trt)
    builder, network = parsed(trt, log, tiny_graph())
    config = builder.create_builder_config()
    config.set_preview_feature(trt.PreviewFeature.PROFILE_SHARING_0806, False)
    engine = trt.Runtime(log).deserialize_cuda_engine(built((builder, network), config))
    first, second = (engine.create_execution_context() for _ in range(2))
    assert not second.set_optimization_profile_async(0, 0)
    assert "has been chosen by another IExecutionContext" in log.lines[-1]
    del first
    assert second.set_optimization_profile_async(0, 0)


def test_a_graph_dies_with_the_shape_and_the_context(trt: ModuleType) -> None:
    run = Run(trt)
    assert run.queue()
    graph = run.capture()
    assert run.context.set_input_shape("pixels", (1, *FACES.shape[1:]))
    run.get(run.cuda.cudaGraphLaunch(graph, run.stream))
    assert run.wait() == "cudaErrorIllegalAddress"
    DEVICE.reset()
    run = Run(trt)
    assert run.queue()
    graph = run.capture()
    run.context = None
    run.get(run.cuda.cudaGraphLaunch(graph, run.stream))
    assert run.wait() == "cudaErrorIllegalAddress"


def test_shapes_must_have_reached_the_device_before_a_capture(trt: ModuleType) -> None:
    run = Run(trt)
    mode = run.cuda.cudaStreamCaptureMode.cudaStreamCaptureModeThreadLocal
    run.get(run.cuda.cudaStreamBeginCapture(run.stream, mode))
    assert not run.queue()
    assert "not permitted when stream is capturing" in run.log.lines[-1]
    assert run.cuda.cudaStreamEndCapture(run.stream)[0].value == 901


def test_a_failing_execution(trt: ModuleType) -> None:
    run = Run(trt)
    DEVICE.fail("enqueue", after=1, error=1)
    assert run.queue()
    assert not run.queue()
    assert "Error Code 1: Cuda Runtime" in run.log.lines[-1]
    assert run.wait() == "cudaSuccess"
    DEVICE.fail("executed")
    assert run.queue()
    assert run.wait() == "cudaErrorIllegalAddress"
    assert not run.context.execute_async_v3(int(run.stream))
    assert run.engine.create_execution_context() is None
