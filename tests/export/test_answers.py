"""Graphs run on the CPU: what an older ONNX Runtime is given."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgefer.bundle import read_bundle
from edgefer.export import answers
from edgefer.export.parity import golden_faces
from edgefer.manifest import Flavour, Precision
from tests.export.graphs import SIZE, residual


@pytest.mark.parametrize("precision", Precision)
def test_graphs_in_fp32_answer_alike(precision: Precision, bundles: dict[Precision, Path]) -> None:
    """What an older ONNX Runtime is given instead, which cuts FP16 values off."""
    graph = read_bundle(bundles[precision]).graph(Flavour.GPU)
    single = answers.in_fp32(graph)
    assert (single == graph) == (precision is not Precision.INT8)
    faces = golden_faces(48)
    found, expected = (answers.answers(each, faces)["probabilities"] for each in (single, graph))
    np.testing.assert_allclose(found, expected, atol=0.02)


def test_an_older_onnx_runtime_is_given_fp32(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[bytes] = []
    monkeypatch.setattr(answers, "rounds_fp16", lambda: False)
    monkeypatch.setattr(answers, "in_fp32", lambda graph: given.append(graph) or graph)
    graph = residual().SerializeToString()
    answers.answers(graph, np.zeros((1, SIZE, SIZE, 3), np.uint8))
    assert given == [graph]
