"""Layers of networks whose sums are published, of the default network, and of graphs by hand."""

from __future__ import annotations

from pathlib import Path

import pytest
from onnx import TensorProto, helper

from edgefer.benchmarks.graph_workload import bundle_workload, graph_workload
from edgefer.benchmarks.reference_workloads import resnet50, yolov8n
from edgefer.benchmarks.workload import Layer, Workload
from edgefer.bundle import read_bundle
from edgefer.errors import InputError
from edgefer.manifest import Precision
from tests.export import graphs


def _by_name(workload: Workload) -> dict[str, Layer]:
    return {layer.name: layer for layer in workload.layers}


def test_resnet50_has_its_published_sums() -> None:
    found = resnet50()
    assert found.operations / 2e9 == pytest.approx(4.1, rel=0.01)
    # 25.6 million parameters, of which some 50,000 are of batch normalisation and biases
    assert sum(layer.weights for layer in found.layers) / 1e6 == pytest.approx(25.5, rel=0.01)
    assert sum(layer.operations > 0 for layer in found.layers) == 53 + 1


def test_yolov8n_has_its_published_sums() -> None:
    found = yolov8n(Precision.FP16)
    assert found.operations / 1e9 == pytest.approx(8.7, rel=0.01)
    assert sum(layer.weights for layer in found.layers) / 2e6 == pytest.approx(3.15, rel=0.01)
    assert found.precision == Precision.FP16


@pytest.mark.parametrize("precision", list(Precision))
def test_the_default_network(bundles: dict[Precision, Path], precision: Precision) -> None:
    found = bundle_workload(read_bundle(bundles[precision]))
    assert found.precision == precision
    assert found.operations / 2e6 == pytest.approx(87.5, abs=0.05)
    # eleven convolutions; the pixels' layout, the pool, the classifier, the softmax
    assert len(found.layers) == 11 + 4
    weights = sum(layer.weights for layer in found.layers)
    each = {Precision.INT8: 1, Precision.FP16: 2, Precision.FP32: 4}[precision]
    assert weights == pytest.approx(868_456 * each, rel=0.02)
    first = _by_name(found)["pixel_input"]
    assert first.precision == Precision.FP32


def test_a_quantised_layer_moves_bytes(bundles: dict[Precision, Path]) -> None:
    layers = _by_name(bundle_workload(read_bundle(bundles[Precision.INT8])))
    first = layers["network.layers.0.conv1"]
    assert (first.read, first.written) == (48 * 48 * 32, 24 * 24 * 64)
    # the sum is made behind the shortcut, the last of its inputs, from what conv2 left in FP16
    assert layers["network.layers.0.conv2"].written == 2 * 24 * 24 * 64
    shortcut = layers["network.layers.0.downsample.0"]
    assert (shortcut.read, shortcut.written) == ((48 * 48 * 32 + 2 * 24 * 24 * 64), 24 * 24 * 64)


def test_a_graph_by_hand() -> None:
    layers = _by_name(graph_workload(graphs.residual(), "test"))
    assert list(layers) == [
        "cast",
        "input",
        "stem",
        "b1",
        "b3",
        "d1",
        "shortcut",
        "pool",
        "classifier",
        "probabilities",
    ]
    places, kernel = 12 * 12, 3 * 3
    assert layers["cast"] == Layer("cast", Precision.FP32, 0, places * 3, places * 3 * 4)
    assert layers["b1"] == Layer(
        name="b1",
        precision=Precision.FP32,
        operations=2 * places * 8 * 8 * kernel,
        read=places * 8 * 4,
        written=places * 8 * 4,
        weights=(8 * 8 * kernel + 8) * 4,
        rows=places,
        columns=8,
    )
    assert layers["b3"].read == 2 * layers["b1"].read
    assert layers["classifier"].operations == 2 * 16 * 3


def test_depthwise_is_told_apart() -> None:
    layers = _by_name(graph_workload(graphs.depthwise(), "test"))
    assert [name for name, layer in layers.items() if layer.depthwise] == ["depth"]
    assert layers["depth"].operations == 2 * 144 * 8 * 9


def test_a_gate_waits_for_what_it_gates() -> None:
    made = graphs.GraphMaker()
    made.node("GlobalAveragePool", ["stem"], "squeezed")
    made.node("Conv", ["squeezed", made.weight(8, 8, 1, 1)], "excited")
    made.node("Sigmoid", ["excited"], "gate")
    made.node("Mul", ["stem", "gate"], "gated")
    layers = _by_name(graph_workload(made.close("gated", 8), "test"))
    # the product cannot be made in the layer that its own gate depends on
    assert layers["gated"].read == 4 * (144 * 8 + 8)
    assert layers["stem"].written == 4 * 144 * 8
    assert layers["excited"].written == 4 * 8


def test_swish_and_sum_are_made_where_the_convolution_is() -> None:
    made = graphs.GraphMaker()
    made.conv("before", "stem", 8, 8)
    made.conv("conv", "before", 8, 8)
    made.node("Sigmoid", ["conv"], "sigmoid")
    made.node("Mul", ["conv", "sigmoid"], "swish")
    made.node("Add", ["swish", "stem"], "sum")
    layers = _by_name(graph_workload(made.close("sum", 8), "test"))
    assert not {"sigmoid", "swish", "sum"} & set(layers)
    assert (layers["conv"].read, layers["conv"].written) == (2 * 144 * 8 * 4, 144 * 8 * 4)


def _product(left: list[int], right: list[int], made: list[int]) -> Layer:
    """The layer of a product of two inputs of those shapes."""
    shapes = {"l": left, "r": right, "p": made}
    values = [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in shapes.items()]
    node = helper.make_node("MatMul", ["l", "r"], ["p"], name="p")
    graph = helper.make_graph([node], "test", values[:2], values[2:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 19)])
    return graph_workload(model, "test").layers[0]


def test_attention_has_a_matrix_for_each_head() -> None:
    found = _product([1, 4, 10, 16], [1, 4, 16, 10], [1, 4, 10, 10])
    assert (found.rows, found.columns, found.groups) == (10, 10, 4)
    assert found.operations == 2 * 4 * 10 * 10 * 16


def test_a_product_may_be_one_number() -> None:
    found = _product([1, 1], [1], [1])
    assert (found.rows, found.columns, found.groups) == (1, 1, 1)


def test_picks_read_what_they_write_and_pieces_are_read_where_they_lie() -> None:
    made = graphs.GraphMaker()
    made.node("Split", ["stem"], "half", axis=1, num_outputs=2)
    made.nodes[-1].output.append("rest")
    made.node("Concat", ["rest", "half"], "turned", axis=1)
    layers = _by_name(graph_workload(made.close("turned", 8), "test"))
    assert layers["half"].read == layers["half"].written == 144 * 8 * 4
    assert layers["pool"].read == 144 * 8 * 4
    assert "turned" not in layers


def test_a_shape_that_does_not_follow_is_refused() -> None:
    model = graphs.residual()
    model.graph.input[0].type.tensor_type.shape.dim[1].Clear()
    with pytest.raises(InputError, match="shape"):
        graph_workload(model, "test")


@pytest.mark.parametrize(("kind", "inputs"), [("ConvTranspose", 2), ("Einsum", 1)])
def test_what_is_not_counted_is_refused(kind: str, inputs: int) -> None:
    made = graphs.GraphMaker()
    attributes = {"equation": "nchw->nchw"} if kind == "Einsum" else {}
    operands = ["stem", made.weight(8, 8, 1, 1)][:inputs]
    made.node(kind, operands, "other", **attributes)
    model = made.close("other", 8)
    with pytest.raises(InputError, match=f"node 'other': .* counted, found {kind}"):
        graph_workload(model, "test")


def test_small_layers_leave_processors_idle() -> None:
    layer = Layer("a", Precision.INT8, 1, 1, 1, rows=64, columns=64)
    assert layer.share_in_use(1, 1) == 1
    assert layer.share_in_use(1, 8) == 1 / 8
    assert layer.share_in_use(8, 8) == 1
    # nine tiles take two turns of eight
    assert layer.share_in_use(9, 8) == 9 / 16
    assert Layer("b", Precision.INT8, 0, 1, 1).share_in_use(1, 8) == 1
    assert layer.moved(3) == 6
