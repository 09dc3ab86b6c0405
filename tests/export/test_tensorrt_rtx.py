"""`gpu.onnx` parses and builds in a real TensorRT, for GPUs that are not here."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from edgefer.bundle import Bundle, read_bundle
from edgefer.manifest import Flavour, Precision
from edgefer.runtime.engine_options import EngineOptions
from edgefer.runtime.engine_process import build_engine
from edgefer.runtime.tensorrt_library import Edition
from tests.export.conftest import Exported

trt = pytest.importorskip("tensorrt_rtx_bindings", reason="the rtx extra is not installed")


class Log(trt.ILogger):  # type: ignore[misc]
    """Keeps what TensorRT says."""

    def __init__(self) -> None:
        trt.ILogger.__init__(self)
        self.lines: list[str] = []

    def log(self, severity: Any, message: str) -> None:
        """Called by TensorRT."""
        if severity <= trt.ILogger.ERROR:
            self.lines.append(message)


# TensorRT keeps the first logger of a process, whatever later builders are given.
LOG = Log()


def parse(graph: bytes) -> tuple[Any, Any]:
    builder = trt.Builder(LOG)
    network = builder.create_network(0)
    parser = trt.OnnxParser(network, LOG)
    errors = parser.parse(graph) or [parser.get_error(i).desc() for i in range(parser.num_errors)]
    assert errors is True, errors
    return builder, network


def engine_bytes(bundle: Bundle, target: str) -> int:
    """The size of the engine for one to sixteen faces."""
    builder, network = parse(bundle.graph(Flavour.GPU))
    size = bundle.manifest.size
    shapes = [(count, size, size, 3) for count in (1, 1, 16)]
    profile = builder.create_optimization_profile()
    profile.set_shape("pixels", *shapes)
    config = builder.create_builder_config()
    config.add_optimization_profile(profile)
    config.num_compute_capabilities = 1
    config.set_compute_capability(getattr(trt.ComputeCapability, target), 0)
    engine = builder.build_serialized_network(network, config)
    assert engine is not None, LOG.lines
    return int(engine.nbytes)


@pytest.mark.parametrize("target", ["SM86", "SM89"])
@pytest.mark.parametrize("precision", Precision)
def test_an_engine_is_built(
    precision: Precision, target: str, bundles: dict[Precision, Path]
) -> None:
    assert engine_bytes(read_bundle(bundles[precision]), target) > 100_000


@pytest.mark.parametrize("precision", Precision)
def test_one_engine_for_three_gpus_is_built_of_every_network(
    precision: Precision, exported: Exported
) -> None:
    bundle = exported.bundles[precision]
    _, network = parse(bundle.graph(Flavour.GPU))
    kinds = {str(network.get_output(i).dtype) for i in range(network.num_outputs)}
    assert kinds == {"DataType.FLOAT"}
    options = EngineOptions(Edition.RTX, capabilities=("8.6", "8.9", "12.0"))
    assert len(build_engine(bundle.graph(Flavour.GPU), options).plan) > 100_000


@pytest.mark.parametrize("precision", Precision)
def test_layers_have_the_precision_that_was_asked_for(
    precision: Precision, bundles: dict[Precision, Path]
) -> None:
    _, network = parse(read_bundle(bundles[precision]).graph(Flavour.GPU))
    layers = [network.get_layer(i) for i in range(network.num_layers)]
    inputs = Counter(
        str(layer.get_input(0).dtype).rpartition(".")[2]
        for layer in layers
        if layer.type == trt.LayerType.CONVOLUTION
    )
    # the pixel input and the ten layers of the network
    expected = {Precision.FP32: {"FLOAT": 11}, Precision.FP16: {"FLOAT": 1, "HALF": 10}}
    assert inputs == expected.get(precision, {"FLOAT": 1, "HALF": 10})
    quantized = sum(str(layer.get_output(0).dtype).endswith("INT8") for layer in layers)
    assert (quantized >= 10) == (precision is Precision.INT8)
