"""Bundles of the default network: what is in them, how far from FP32, and when there is none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from edgefer.bundle import CALIBRATION, CARD, read_bundle
from edgefer.calibration.table import CalibrationTable
from edgefer.data.drawn import drawn_faces
from edgefer.data.faces import FaceSet
from edgefer.errors import CheckFailed, InputError
from edgefer.export import pipeline, source
from edgefer.export.answers import answers
from edgefer.export.pipeline import export_bundle
from edgefer.export.source import Source, find_source
from edgefer.manifest import Flavour, Parity, Precision
from edgefer.runtime.session import load
from tests.export.graphs import residual


@pytest.fixture(scope="module")
def shipped() -> Source:
    return find_source("fer-lite", None)


@pytest.mark.parametrize("precision", Precision)
def test_both_graphs_are_whole_and_old_enough(
    precision: Precision, bundles: dict[Precision, Path]
) -> None:
    bundle = read_bundle(bundles[precision])
    for flavour in Flavour:
        model = onnx.load_model_from_string(bundle.graph(flavour))
        onnx.checker.check_model(model, full_check=True)
        assert model.ir_version <= 9
        assert model.opset_import[0].version <= 19


def test_sizes_are_a_quarter_and_a_half(bundles: dict[Precision, Path]) -> None:
    graphs = {p: read_bundle(path) for p, path in bundles.items()}
    whole = len(graphs[Precision.FP32].graph(Flavour.GPU))
    for flavour in Flavour:
        assert len(graphs[Precision.INT8].graph(flavour)) <= 0.30 * whole
    assert len(graphs[Precision.FP16].graph(Flavour.GPU)) <= 0.55 * whole


@pytest.mark.parametrize("precision", Precision)
def test_the_manifest_tells_what_was_measured(
    precision: Precision, bundles: dict[Precision, Path]
) -> None:
    manifest = read_bundle(bundles[precision]).manifest
    assert manifest.precision is precision
    assert manifest.accuracy is None
    assert manifest.weights["sha256"]
    assert {"edgefer", "onnx", "onnxruntime", "onnxsim", "numpy"} <= set(manifest.versions)
    assert all(check.holds for check in manifest.parity)
    assert bool(manifest.higher_precision) == (precision is not Precision.FP32)
    assert (manifest.calibration is not None) == (precision is Precision.INT8)


def test_golden_answers_are_those_of_each_graph(bundles: dict[Precision, Path]) -> None:
    bundle = read_bundle(bundles[Precision.INT8])
    golden = bundle.golden()
    for flavour in Flavour:
        again = answers(bundle.graph(flavour), golden.faces)["probabilities"]
        np.testing.assert_allclose(again, golden.expected[flavour], atol=1e-4)


def test_the_same_export_gives_the_same_bundle(shipped: Source) -> None:
    first, second = (export_bundle(shipped, Precision.INT8) for _ in range(2))
    assert first.id == second.id


def test_own_faces_set_the_ranges(shipped: Source) -> None:
    faces = drawn_faces(24)
    with pytest.raises(InputError, match="--allow-drawn"):
        export_bundle(shipped, Precision.INT8, faces)
    bundle = export_bundle(shipped, Precision.INT8, faces, allow_drawn=True)
    table = CalibrationTable.from_json(bundle.members[CALIBRATION], CALIBRATION)
    assert table.drawn
    assert table.faces == 24
    assert shipped.table is not None
    assert table.ranges != shipped.table.ranges
    assert "drawn faces" in bundle.members[CARD].decode()


def test_int8_without_ranges_asks_for_faces() -> None:
    source = find_source("fer-lite", "random:0")
    with pytest.raises(InputError, match="--calibration DATA"):
        export_bundle(source, Precision.INT8)
    bundle = export_bundle(source, Precision.FP16)
    assert "random" in bundle.members[CARD].decode()
    assert bundle.manifest.parity[0].what == "FP32 graph against torch"


def test_failed_parity_gives_no_bundle(shipped: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(pipeline.LIMITS, Precision.INT8, 1e-7)
    with pytest.raises(CheckFailed, match=r"gpu\.onnx against FP32: a value differs by"):
        export_bundle(shipped, Precision.INT8)


def test_an_onnx_file_goes_the_same_way(shipped: Source, tmp_path: Path) -> None:
    path = tmp_path / "mine.onnx"
    path.write_bytes(shipped.graph.data)
    source = find_source(str(path), None)
    assert source.table is None
    assert export_bundle(source, Precision.FP16).manifest.network == "fer-lite"
    with pytest.raises(InputError, match="expected neither, found random:0"):
        find_source(str(path), "random:0")


def test_logits_are_not_taken_for_probabilities(tmp_path: Path) -> None:
    model = residual(size=24)
    softmax = model.graph.node.pop()
    model.graph.node[-1].output[0] = softmax.output[0]
    path = tmp_path / "LOGITS.ONNX"
    path.write_bytes(model.SerializeToString())
    with pytest.raises(InputError, match="end the graph with a softmax"):
        export_bundle(find_source(str(path), None), Precision.FP32)


def test_further_outputs_go_into_the_bundle(tmp_path: Path) -> None:
    model = residual(size=24)
    kind = onnx.helper.make_tensor_value_info("flat", onnx.TensorProto.FLOAT, ["n", 16])
    model.graph.output.append(kind)
    path = tmp_path / "m.onnx"
    path.write_bytes(model.SerializeToString())
    source = find_source(str(path), None)
    for precision in Precision:
        bundle = export_bundle(source, precision, _faces(precision), allow_drawn=True)
        bundle.write(tmp_path / "m.edgefer")
        with load(tmp_path / "m.edgefer") as session:
            assert session.manifest.outputs == ("probabilities", "flat")


def _faces(precision: Precision) -> FaceSet | None:
    return drawn_faces(32) if precision is Precision.INT8 else None


def test_a_network_without_weights_of_its_own_asks_for_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(source, "DEFAULT_NETWORK", "another")
    with pytest.raises(InputError, match="--weights FILE"):
        find_source("fer-lite", None)


def test_parity_is_part_of_the_card(bundles: dict[Precision, Path]) -> None:
    bundle = read_bundle(bundles[Precision.INT8])
    text = bundle.members[CARD].decode()
    assert "Article 5(1)(f)" in text
    check: Parity = bundle.manifest.parity[0]
    assert check.what in text
