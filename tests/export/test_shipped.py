"""The shipped files belong together: weights, FP32 graph, ranges and card."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from edgefer.calibration.placement import tensors_to_observe
from edgefer.calibration.view import GraphView
from edgefer.data.drawn import drawn_faces
from edgefer.errors import MachineError
from edgefer.export import shipped
from edgefer.export.answers import answers
from edgefer.export.source import find_source
from edgefer.zoo.registry import find_network

WEIGHTS = str(resources.files("edgefer.assets") / "fer-lite.safetensors")


def test_the_graph_is_rebuilt_from_the_weights() -> None:
    graph = shipped.shipped_graph()
    rebuilt = find_source("fer-lite", WEIGHTS).graph
    assert rebuilt.origin == graph.origin
    faces = drawn_faces(32, seed=5).pixels(graph.size)
    np.testing.assert_allclose(
        answers(rebuilt.data, faces)["probabilities"],
        answers(graph.data, faces)["probabilities"],
        atol=1e-5,
    )


def test_the_network_is_small() -> None:
    model = onnx.load_model_from_string(shipped.shipped_graph().data)
    parameters = sum(numpy_helper.to_array(t).size for t in model.graph.initializer)
    assert parameters <= 1_500_000
    assert 48 <= find_network("fer-lite").size <= 112


def test_the_ranges_are_of_this_graph_and_from_real_faces() -> None:
    graph, table = shipped.shipped_graph(), shipped.shipped_table()
    assert table.graph == graph.sha256
    assert set(table.ranges) == set(
        tensors_to_observe(GraphView(onnx.load_model_from_string(graph.data)))
    )
    assert not table.drawn
    assert table.data == "ferplus@train"


def test_the_card_says_what_it_has_to() -> None:
    text = shipped.shipped_card()
    for word in ("FER+", "collected from the web", "Article 5(1)(f)", "Licence", "Limits", "INT8"):
        assert word in text


def test_assets_are_made_from_weights_and_faces(tmp_path: Path) -> None:
    faces = drawn_faces(16)
    shipped.make_assets(Path(WEIGHTS), faces, tmp_path)
    assert {file.name for file in tmp_path.iterdir()} == {shipped.GRAPH, shipped.TABLE}


def test_a_broken_installation_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shipped, "GRAPH", "gone.onnx")
    with pytest.raises(MachineError, match=r"gone\.onnx: expected in the installed package"):
        shipped.shipped_graph()
