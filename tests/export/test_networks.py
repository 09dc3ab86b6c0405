"""Every network goes the whole way, and its graphs are what TensorRT and the papers ask for."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest

from edgefer.bundle import Bundle
from edgefer.calibration.view import GraphView
from edgefer.data.drawn import drawn_faces
from edgefer.export.answers import answers
from edgefer.export.source import find_source
from edgefer.manifest import Flavour, Precision
from edgefer.runtime.session import load
from edgefer.zoo.registry import NETWORKS, Choices, ScaleOrder
from tests.export.conftest import Exported


def graph(bundle: Bundle, flavour: Flavour) -> onnx.ModelProto:
    return onnx.load_model_from_string(bundle.graph(flavour))


@pytest.mark.parametrize("precision", Precision)
def test_parity_holds_for_every_output(precision: Precision, exported: Exported) -> None:
    bundle = exported.bundles[precision]
    outputs = bundle.manifest.outputs
    names = {check.what for check in bundle.manifest.parity}
    for what in ("FP32 graph against torch", "gpu.onnx against FP32", "cpu.onnx against FP32"):
        assert {what, *(f"{what}: {name}" for name in outputs[1:])} <= names
    assert all(check.holds for check in bundle.manifest.parity)


def test_a_session_gives_every_output(exported: Exported, tmp_path: Path) -> None:
    bundle = exported.bundles[Precision.INT8]
    bundle.write(tmp_path / "network.edgefer")
    faces = drawn_faces(3, seed=9).pixels(bundle.manifest.size)
    with load(tmp_path / "network.edgefer", backend="onnxruntime", threads=2) as session:
        found = session.answers(faces)
        alone = session.answers(faces[1:2])
    assert tuple(found) == bundle.manifest.outputs
    for name, values in found.items():
        np.testing.assert_allclose(values.sum(axis=1), 1, atol=1e-5)
        np.testing.assert_allclose(alone[name], values[1:2], atol=1e-5)
    assert ("region_weights" in found) == (bundle.manifest.network == "lnl-attennet")


def test_the_manifest_says_which_variant_it_is(exported: Exported) -> None:
    manifest = exported.bundles[Precision.FP32].manifest
    network = NETWORKS[manifest.network]
    assert manifest.variant == network.varied(Choices(size=manifest.size)).variant
    if manifest.network == "ma-net":
        assert manifest.variant["scale_order"] == "forward"


@pytest.mark.parametrize("flavour", Flavour)
def test_gates_stay_in_float(flavour: Flavour, exported: Exported) -> None:
    model = graph(exported.bundles[Precision.INT8], flavour)
    view = GraphView(model)
    gates = [node for node in view.nodes if view.decides_gate(node)]
    weighted = [node for node in gates if node.op_type in ("Conv", "Gemm")]
    assert all(node.input[1] in view.constants for node in weighted)
    sigmoids = [node for node in view.nodes if node.op_type == "Sigmoid"]
    assert len(weighted) >= len(sigmoids)
    for node in sigmoids:
        assert view.producer[node.input[0]].op_type != "DequantizeLinear"


def test_weights_that_are_shared_are_stored_once(exported: Exported) -> None:
    for flavour in Flavour:
        model = graph(exported.bundles[Precision.INT8], flavour)
        stored = {tensor.name for tensor in model.graph.initializer}
        reads = Counter(
            node.input[0]
            for node in model.graph.node
            if node.op_type == "DequantizeLinear" and node.input[0] in stored
        )
        assert reads
        assert set(reads.values()) == {1}


def test_int8_files_are_small(exported: Exported) -> None:
    whole = exported.bundles[Precision.FP32].manifest.files
    small = exported.bundles[Precision.INT8].manifest.files
    # fer-vt's transformer stays in float
    share = 0.33 if exported.source.graph.network == "fer-vt" else 0.31
    for flavour in Flavour:
        assert small[flavour.member].size < share * whole[flavour.member].size


def test_ordinary_operators_only(exported: Exported) -> None:
    """No loops, no shapes that are computed but for the one that fer-vt's class token needs."""
    nodes = graph(exported.bundles[Precision.FP32], Flavour.GPU).graph.node
    kinds = {node.op_type for node in nodes}
    computed = {"Shape", "Expand", "Loop", "If", "Scan", "NonZero", "Range", "Where"}
    allowed = {"Shape", "Expand"} if exported.source.graph.network == "fer-vt" else set()
    assert kinds & computed <= allowed
    if exported.source.graph.network == "lnl-attennet":
        groups = [
            attribute.i
            for node in nodes
            for attribute in node.attribute
            if attribute.name == "group" and attribute.i > 1
        ]
        assert groups == [16, 16, 16]


def test_onnx_runtime_s_optimizer_leaves_the_gpu_graph_as_it_is(exported: Exported) -> None:
    """It would round FP16 biases to nothing, were it not told to leave them alone."""
    bundle = exported.bundles[Precision.INT8]
    faces = drawn_faces(8, seed=4).pixels(bundle.manifest.size)
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    session = ort.InferenceSession(
        bundle.graph(Flavour.GPU), options, providers=["CPUExecutionProvider"]
    )
    (expected,) = session.run(["probabilities"], {"pixels": faces})
    found = answers(bundle.graph(Flavour.GPU), faces)["probabilities"]
    np.testing.assert_allclose(found, expected, atol=5e-3)


@pytest.mark.parametrize(
    ("name", "part"), [(name, part) for name, made in NETWORKS.items() for part in made.parts]
)
def test_ablations_are_exported_too(name: str, part: str) -> None:
    order = ScaleOrder.BIDIRECTIONAL if name == "ma-net" else None
    choices = Choices(size=64, without=frozenset({part}), scale_order=order)
    graph = find_source(name, "random:1", choices).graph
    assert graph.variant["without"] == [part]
    assert graph.variant.get("scale_order") == (None if order is None else "bidirectional")
    alone = graph.outputs == ("probabilities",)
    assert alone == (name != "lnl-attennet" or part == "non-local")
