"""The builder on the real TensorRT-RTX, and what its inspector's words mean."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edgefer.bundle import read_bundle
from edgefer.errors import BundleError, InputError, MachineError
from edgefer.manifest import Flavour
from edgefer.runtime.engine_builder import EngineBuilder, count_precisions
from edgefer.runtime.engine_options import EngineOptions, Target
from edgefer.runtime.engine_process import build_engine, read_layers
from edgefer.runtime.tensorrt_library import Edition, is_installed

needs_rtx = pytest.mark.skipif(
    not is_installed(Edition.RTX), reason="the rtx extra is not installed"
)
ALL = EngineOptions(Edition.RTX, capabilities=("8.6", "8.9", "12.0"))


@pytest.fixture
def graph(exported: Path) -> bytes:
    """The default network in INT8."""
    return read_bundle(exported / "fer-lite-int8.edgefer").graph(Flavour.GPU)


@needs_rtx
def test_one_plan_for_three_gpus(graph: bytes) -> None:
    steps: list[tuple[str, int, int]] = []
    built = build_engine(graph, ALL, progress=lambda *step: steps.append(step))
    assert len(built.plan) > len(graph)
    assert (built.precisions, built.off_dla, built.timing) == (None, (), None)
    (first, *_), *_, last = steps
    assert first == "Building engine"
    assert last[1] == last[2] > 0


@needs_rtx
def test_a_child_and_this_process_build_the_same(graph: bytes) -> None:
    one = EngineOptions(Edition.RTX, capabilities=("8.6",))
    here = EngineBuilder(graph, Edition.RTX).build(one, None, lambda *_: None)
    # plans of one graph may differ in a few bytes, not in size
    assert len(build_engine(graph, one).plan) == len(here.plan)


@needs_rtx
def test_layers_are_those_of_the_graph(graph: bytes) -> None:
    layers = read_layers(graph, Edition.RTX)
    assert (layers[0].kind, layers[0].reads, layers[0].gives) == ("CAST", ("UINT8",), ("FLOAT",))
    kinds = [layer.kind for layer in layers]
    assert kinds.count("QUANTIZE") >= 10
    assert {layer.gives for layer in layers if layer.kind == "QUANTIZE"} == {("INT8",)}
    assert (-1, 8) in {layer.shape for layer in layers if layer.kind == "SOFTMAX"}


@needs_rtx
def test_a_gpu_that_it_does_not_know_is_named(graph: bytes) -> None:
    options = EngineOptions(Edition.RTX, capabilities=("8.7",))
    with pytest.raises(MachineError, match=r"compute capability 8\.7: .* knows .*SM86"):
        build_engine(graph, options)


@needs_rtx
@pytest.mark.parametrize("graph", [b"", b"not a graph", bytes(64)], ids=["empty", "text", "zeros"])
def test_what_is_no_graph_is_refused_in_one_line(graph: bytes) -> None:
    with pytest.raises(
        (BundleError, MachineError),
        match=r"gpu\.onnx: (tensorrt-rtx .* does not read it|expected one input, found 0)",
    ) as caught:
        build_engine(graph, ALL)
    assert "\n" not in str(caught.value)


@needs_rtx
def test_the_parser_names_the_node(exported: Path) -> None:
    """ONNX Runtime's flavour has INT32 biases, which no TensorRT takes."""
    graph = read_bundle(exported / "fer-lite-int8.edgefer").graph(Flavour.CPU)
    with pytest.raises(
        (BundleError, MachineError),
        match=r"QuantizeLinear pixel_input\.quantized: .*[Nn]on-zero zero point",
    ):
        build_engine(graph, ALL)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"workspace": 1000}, "workspace: expected 1 MiB or more, found 1,000 bytes"),
        ({"dla": 0}, "DLA core 0: expected a core of a Jetson and tensorrt"),
        ({"capabilities": ("7.5", "8.6")}, "rtx-turing: expected it alone"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_options_that_nothing_builds(wrong: dict[str, int], message: str) -> None:
    with pytest.raises(InputError, match=message):
        EngineOptions(Edition.RTX, **wrong)  # type: ignore[arg-type]


def test_turing_alone_is_an_option() -> None:
    EngineOptions(Edition.RTX, capabilities=(Target.RTX_TURING.capability,))


def layer(kind: str, reads: str) -> dict[str, object]:
    return {"LayerType": kind, "Inputs": [{"Format/Datatype": reads}]}


def test_types_are_counted_in_the_words_of_every_version() -> None:
    layers = [
        layer("CaskConvolution", "Thirty-two wide channel vectorized row major Int8 format."),
        layer("gemm", "Int8"),
        layer("kgen", "Half"),
        layer("CaskConvolution", "Channel major FP16 format where channel % 8 == 0"),
        layer("PointWiseV2", "Row major linear FP32"),
        layer("kgen", "Float"),
        layer("kgen", "BFloat16"),
        layer("Reformat", "Row major linear FP32"),
        layer("NoOp", "Row-major Int8"),
        {"LayerType": "Constant", "Inputs": []},
    ]
    found = count_precisions(json.dumps({"Layers": layers}))
    assert found == {"int8": 2, "fp16": 2, "fp32": 2, "bf16": 1}


def test_where_shapes_are_dynamic_weights_and_kernels_tell() -> None:
    unknown = "N/A due to dynamic shapes"
    layers = [
        {**layer("CaskConvolution", unknown), "Weights": {"Type": "Int8", "Count": 9}},
        {**layer("CaskConvolution", unknown), "TacticName": "sm80_xmma_fprop_i8i8_i8i32_f32"},
        {**layer("CaskConvolution", unknown), "Weights": {"Type": "Half"}},
        layer("CaskConvolution", unknown),
    ]
    assert count_precisions(json.dumps({"Layers": layers})) == {"int8": 2, "fp16": 1}


@pytest.mark.parametrize("text", ["", "{}", '{"Layers": ["a name"]}', "not JSON"])
def test_without_details_nothing_is_counted(text: str) -> None:
    assert count_precisions(text) == {}
