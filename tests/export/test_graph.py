"""Graphs from torch and from files: the contract holds, or one line says where it breaks."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from edgefer.errors import InputError
from edgefer.export.answers import answers
from edgefer.export.graph import IR_VERSION, OPSET, graph_from_file, read_graph
from edgefer.export.parity import golden_faces
from edgefer.export.source import find_source
from edgefer.labels import Expression
from edgefer.zoo.registry import find_network
from tests.export.graphs import LABELS, SIZE, residual


def test_a_graph_that_keeps_the_contract_is_read() -> None:
    graph = read_graph(residual().SerializeToString(), "m.onnx")
    assert (graph.size, graph.network) == (SIZE, "test")
    assert graph.labels == tuple(Expression(name) for name in LABELS)


def test_torch_graph_is_small_named_and_old_enough_for_jetpack() -> None:
    graph = find_source("fer-lite", "random:0").graph
    model = onnx.load_model_from_string(graph.data)
    assert model.ir_version == IR_VERSION
    assert [(entry.domain, entry.version) for entry in model.opset_import] == [("", OPSET)]
    kinds = {node.op_type for node in model.graph.node}
    assert "BatchNormalization" not in kinds
    names = [node.name for node in model.graph.node]
    assert len(set(names)) == len(names)
    assert "network.layers.0.conv1" in names
    assert len(model.graph.node) < 30


def test_batch_is_dynamic_and_rows_add_up_to_one() -> None:
    graph = find_source("fer-lite", "random:1").graph
    for count in (1, 3):
        found = answers(graph.data, golden_faces(graph.size)[:count])["probabilities"]
        assert found.shape == (count, 8)
        np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-6)


def test_other_seeds_are_other_weights_and_the_same_seed_is_the_same_graph() -> None:
    first, again, other = (find_source("fer-lite", f"random:{s}").graph for s in (3, 3, 4))
    assert first.sha256 == again.sha256 != other.sha256


@pytest.mark.parametrize("data", [b"", b"hello", b"\x08\x09", bytes(100)])
def test_another_file_is_refused(data: bytes) -> None:
    with pytest.raises(InputError, match=r"m\.onnx"):
        read_graph(data, "m.onnx")


def test_external_data_is_refused_and_not_read(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    onnx.save_model(
        residual(),
        str(path),
        save_as_external_data=True,
        location="weights.bin",
        size_threshold=0,
    )
    (tmp_path / "weights.bin").unlink()
    with pytest.raises(InputError, match="lies in another file"):
        graph_from_file(path)


def broken(change: str) -> onnx.ModelProto:
    model = residual()
    pixels, probabilities = model.graph.input[0], model.graph.output[0]
    if change == "opset":
        model.opset_import[0].version = 21
    elif change == "ir":
        model.ir_version = 10
    elif change == "metadata":
        del model.metadata_props[:]
    elif change == "labels":
        model.metadata_props[0].value = model.metadata_props[0].value.replace("surprise", "awe")
    elif change == "fewer labels":
        text = model.metadata_props[0].value
        model.metadata_props[0].value = text.replace(', "surprise"', "")
    elif change == "fixed batch":
        pixels.type.tensor_type.shape.dim[0].dim_value = 1
    elif change == "two inputs":
        model.graph.input.append(helper.make_tensor_value_info("x", TensorProto.FLOAT, [1]))
    elif change == "output":
        probabilities.type.tensor_type.shape.dim[1].dim_value = 4
    return model


CHANGES = [
    "opset",
    "ir",
    "metadata",
    "labels",
    "fewer labels",
    "fixed batch",
    "two inputs",
    "output",
]


@pytest.mark.parametrize("change", CHANGES)
def test_a_broken_contract_is_named(change: str) -> None:
    with pytest.raises(InputError, match=r"m\.onnx|label 'awe'"):
        read_graph(broken(change).SerializeToString(), "m.onnx")


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("network", "5"),
        ("network", '"../elsewhere"'),
        ("network", '""'),
        ("labels", "5"),
        ("labels", '"neutral"'),
        ("labels", "[1, 2, 3]"),
        ("labels", '["happy", "happiness", "sad"]'),
        ("weights", '"abc"'),
        ("weights", '{"loss": NaN}'),
        ("weights", '{"deep": ' + "[" * 5000 + "]" * 5000 + "}"),
    ],
    ids=lambda text: text[:20],
)
def test_metadata_that_no_manifest_takes_is_refused(field: str, text: str) -> None:
    described = {"network": '"test"', "labels": json.dumps(LABELS), "weights": "{}", field: text}
    model = residual()
    written = ", ".join(f'"{name}": {value}' for name, value in described.items())
    helper.set_model_props(model, {"edgefer": f"{{{written}}}"})
    with pytest.raises(InputError):
        read_graph(model.SerializeToString(), "m.onnx")


def test_further_outputs_are_read(tmp_path: Path) -> None:
    model = residual()
    kind = helper.make_tensor_value_info("flat", TensorProto.FLOAT, ["n", 16])
    model.graph.output.append(kind)
    path = tmp_path / "m.onnx"
    path.write_bytes(model.SerializeToString())
    assert graph_from_file(path).outputs == ("probabilities", "flat")
    kind.type.tensor_type.shape.dim[0].dim_value = 1
    model.graph.output[1].CopyFrom(kind)
    with pytest.raises(InputError, match=r"output flat: expected float32 \[n, fixed sizes\]"):
        read_graph(model.SerializeToString(), "m.onnx")


def test_networks_are_found_by_name() -> None:
    assert find_network("fer-lite").size == 48
    with pytest.raises(InputError, match="expected one of fer-lite"):
        find_source("alexnet", None)
