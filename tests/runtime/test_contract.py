"""A graph that does not keep the contract is refused, whichever library reads it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from edgefer.errors import BundleError
from edgefer.runtime.session import load
from tests.runtime.on_cpu import ON_CPU_HERE

pytest.importorskip("onnx", reason="these graphs are made with onnx")

from onnx import TensorProto

from tests.runtime.tiny import REGIONS, SIZE, tiny_bundle, tiny_graph

BOTH = ("probabilities", "region_weights")

pytestmark = pytest.mark.parametrize("backend", ON_CPU_HERE)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"size": SIZE + 1}, r"expected the input pixels uint8 \[N, 8, 8, 3\], found .* 9, 9, 3"),
        ({"pixels": TensorProto.INT8}, r"expected the input pixels uint8 .*'(tensor\(int8\)|i8)'"),
        ({"name": "image"}, "expected the input pixels uint8 .*image"),
        ({"batch": 1}, "expected the input pixels uint8 .*1, 8, 8, 3"),
        ({"labels": 7}, r"expected the outputs probabilities .*float32 \[N, 8\], found .*7"),
        ({"regions": ["n", REGIONS]}, "expected the outputs probabilities .*region_weights"),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_a_graph_with_another_contract_is_refused(
    tmp_path: Path, backend: str, change: dict[str, Any], message: str
) -> None:
    path = tmp_path / "tiny.edgefer"
    tiny_bundle(tiny_graph(**change).SerializeToString()).write(path)
    with pytest.raises(BundleError, match=rf"tiny\.edgefer: cpu\.onnx: {message}"):
        load(path, backend=backend)


def test_an_output_that_is_not_there_is_refused(tmp_path: Path, backend: str) -> None:
    path = tmp_path / "tiny.edgefer"
    tiny_bundle(outputs=BOTH).write(path)
    with pytest.raises(BundleError, match="expected the outputs probabilities, region_weights"):
        load(path, backend=backend)


def test_an_output_of_another_type_is_refused(tmp_path: Path, backend: str) -> None:
    graph = tiny_graph(regions=["n", REGIONS])
    graph.graph.output[1].type.tensor_type.elem_type = TensorProto.INT64
    (slice_node,) = (node for node in graph.graph.node if node.op_type == "Slice")
    slice_node.output[0] = "cut"
    cast = graph.graph.node.add(op_type="Cast", input=["cut"], output=["region_weights"])
    cast.attribute.add(name="to", type="INT", i=TensorProto.INT64)
    path = tmp_path / "tiny.edgefer"
    tiny_bundle(graph.SerializeToString(), outputs=BOTH).write(path)
    with pytest.raises(BundleError, match="output region_weights: expected float32"):
        load(path, backend=backend)
