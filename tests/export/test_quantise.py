"""INT8 from faces: ranges, repairs, and the layers that the limits of the gate keep high."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edgefer.calibration.calibrators import CalibrationOptions, Calibrator
from edgefer.calibration.repairs import Repair
from edgefer.calibration.table import CalibrationTable, Range
from edgefer.data.drawn import drawn_faces
from edgefer.data.faces import FaceSet
from edgefer.errors import InputError
from edgefer.export.gate import Evaluation, GateFailed, Limits, losses
from edgefer.export.precision import Int8
from edgefer.export.quantise import Int8Options, Search, compare, prepare
from edgefer.export.shipped import shipped_graph, shipped_table
from edgefer.manifest import Flavour

RUINED = "network.layers.1.conv2"
# Drawn faces are not what the network knows: only its winners and confidence are compared.
LIMITS = Limits(drop=100, confidence=0.05, agreement=0.9)


@pytest.fixture(scope="module")
def evaluation() -> Evaluation:
    return Evaluation(shipped_graph(), drawn_faces(128, seed=6))


@pytest.fixture(scope="module")
def ruined() -> CalibrationTable:
    """A table that cuts off nearly all that one layer reads."""
    table = shipped_table()
    (read,) = [node.input[0] for node in _nodes() if node.name == RUINED]
    limit = table.ranges[read].limit
    return replace(table, ranges={**table.ranges, read: Range(0.0, limit / 100)})


def _nodes() -> list:
    import onnx

    return list(onnx.load_model_from_string(shipped_graph().data).graph.node)


def test_nothing_stays_high_where_the_limits_hold(evaluation: Evaluation) -> None:
    int8 = Int8(shipped_graph(), shipped_table())
    assert not Search(int8, evaluation, LIMITS).find()


def test_the_layer_that_harms_stays_high_and_is_named(
    evaluation: Evaluation, ruined: CalibrationTable
) -> None:
    int8 = Int8(shipped_graph(), ruined)
    before = compare(evaluation, int8.graphs(), Flavour.CPU)
    assert losses(evaluation.fp32, Flavour.CPU, before, LIMITS)
    kept = Search(int8, evaluation, LIMITS).find()
    # on the CPU its maker gives INT8 as long as it is INT8 itself
    assert RUINED in kept
    assert set(kept) <= {RUINED, "network.layers.1.conv1"}
    graphs = int8.graphs(kept)
    for flavour in Flavour:
        entry = compare(evaluation, graphs, flavour)
        assert not losses(evaluation.fp32, flavour, entry, LIMITS)
        (higher,) = [e for e in graphs.higher if e.node == RUINED and e.flavour == flavour]
        assert higher.precision == ("fp16" if flavour is Flavour.GPU else "fp32")
        assert "24.26% of the multiply-adds; alone in INT8 it changes" in higher.reason
        assert "winners" in higher.reason


def test_no_layer_in_int8_is_no_int8_bundle(evaluation: Evaluation) -> None:
    int8 = Int8(shipped_graph(), shipped_table())
    with pytest.raises(GateFailed, match="whichever layers stay high, no bundle") as raised:
        Search(int8, evaluation, Limits(confidence=0, agreement=1)).find()
    assert {loss.flavour for loss in raised.value.losses} == {*Flavour}
    assert raised.value.advice == ["limits that allow more"]


def test_repairs_are_made_and_recorded() -> None:
    faces = drawn_faces(48, seed=1)
    ranges = CalibrationOptions(Calibrator.MSE, faces=32)
    plain = prepare(shipped_graph(), None, Int8Options(ranges), faces)
    repaired = prepare(shipped_graph(), None, Int8Options(ranges, tuple(Repair)), faces)
    assert plain.provenance()["repairs"] == []
    assert repaired.provenance()["repairs"] == ["equalisation", "rounding", "bias-correction"]
    assert repaired.source.sha256 != plain.source.sha256 == shipped_graph().sha256
    assert repaired.table.graph == repaired.source.sha256
    assert set(repaired.repairs.bias) <= {node.name for node in _nodes()}
    assert repaired.repairs.weights
    assert not plain.repairs.weights


@pytest.mark.parametrize(
    "options",
    [
        Int8Options(repairs=(Repair.ROUNDING,)),
        Int8Options(CalibrationOptions(Calibrator.AUTO)),
        Int8Options(CalibrationOptions(faces=64)),
    ],
)
def test_ranges_that_came_along_leave_nothing_to_choose(options: Int8Options) -> None:
    with pytest.raises(InputError, match="give --calibration DATA"):
        prepare(shipped_graph(), shipped_table(), options, None)


def test_ranges_of_another_graph_are_refused() -> None:
    other = replace(shipped_table(), graph="0" * 64)
    with pytest.raises(InputError, match="another graph's"):
        prepare(shipped_graph(), other, Int8Options(), None)


def test_advice_is_what_was_not_tried() -> None:
    few = Int8(shipped_graph(), replace(shipped_table(), faces=64))
    none = Int8Options().advice(few)
    assert none[0] == "calibrate on more than 64 faces"
    assert "--calibrator auto" in none
    assert "--repair all" in none
    everything = Int8Options(CalibrationOptions(Calibrator.AUTO), tuple(Repair), search=True)
    int8 = Int8(shipped_graph(), replace(shipped_table(), faces=512))
    train = "training for INT8: edgefer train --qat"
    assert everything.advice(int8) == [train, "--precision fp16"]
    strange = replace(int8, source=replace(shipped_graph(), origin={"spec": {}}))
    assert everything.advice(strange) == ["--precision fp16"]


def test_no_faces_is_an_error() -> None:
    faces: FaceSet = drawn_faces(4).select([])
    with pytest.raises(InputError, match="found none"):
        prepare(shipped_graph(), None, Int8Options(), faces)
