"""Records of boards: which refine an estimate, for which device, and which are refused."""

from __future__ import annotations

from typing import Any

import pytest

from edgefer.benchmarks.devices import DEVICES
from edgefer.benchmarks.estimate import Estimator, published_estimator
from edgefer.benchmarks.record_schema import check_record
from edgefer.benchmarks.refine import Measured, read_measured, refine
from edgefer.benchmarks.workload import Layer, Workload
from edgefer.errors import InputError
from edgefer.manifest import Precision
from tests.benchmarks.board_record import ID, NANO, WHEN, record, result

SUPER, AGX = DEVICES["orin-nano-super"], DEVICES["agx-orin-64"]
LAYER = Layer("a", Precision.INT8, 10**6, 10**4, 10**4, 10**4, rows=64, columns=64)
SMALL = Workload("small", (LAYER,) * 20)
WORKLOADS = {ID: SMALL}


@pytest.fixture(scope="module")
def estimator() -> Estimator:
    return published_estimator()


def _measured(*results: dict[str, Any], **other: Any) -> Measured:
    return read_measured(record(*results, **other), WORKLOADS)


def test_the_record_here_is_one() -> None:
    check_record(record())


def test_a_measurement_refines_its_own_board_alone(estimator: Estimator) -> None:
    before = estimator.estimate(SUPER, SMALL, 1)
    measured = [_measured(result(0.5), result(0.9, 16))]
    after = refine(estimator, SUPER, measured).estimate(SUPER, SMALL, 1)
    assert before.typical_ms < 0.2
    assert after.typical_ms == pytest.approx(0.5, rel=0.1)
    assert (before.extrapolated, after.extrapolated) == (True, False)
    assert after.high_ms / after.low_ms < before.high_ms / before.low_ms
    assert [point.batch for point in after.fitted] == [1, 16]
    assert {point.source for point in after.fitted} == {f"edgefer benchmark, {WHEN}"}
    assert {point.device for point in after.checked} == {SUPER.key}
    assert after.kind == "estimate"
    assert refine(estimator, AGX, measured) is estimator


def test_records_add_up_and_published_points_stay(estimator: Estimator) -> None:
    board = result(0.3, device="NVIDIA Jetson AGX Orin Developer Kit")
    one = _measured(board, mode="MAXN", memory=65_900_000_000)
    found = refine(estimator, AGX, [one, one]).estimate(AGX, SMALL, 1)
    assert [point.network for point in found.fitted] == ["ResNet-50", "small", "small"]


def test_what_is_not_comparable_is_left_out() -> None:
    others = [
        result(9, peer="onnx"),
        result(9, scenario="server"),
        result(9, backend="onnxruntime"),
        result(9, id="1" * 64),
        result(0.0),
    ]
    assert _measured(*others, result(0.4)).times == ((SMALL, 1, 0.4),)
    with pytest.raises(InputError, match=r"expected scenario single by TensorRT .* found none"):
        _measured(*others)


def test_an_estimate_refines_nothing(estimator: Estimator) -> None:
    told = estimator.estimate(SUPER, SMALL, 1).to_json()
    with pytest.raises(InputError, match="expected a measurement .* kind 'estimate'"):
        read_measured(told, WORKLOADS)


def test_times_that_do_not_count_refine_nothing() -> None:
    with pytest.raises(InputError, match="found that they do not: throttling: GPU at 918"):
        _measured(valid=False)
    assert _measured(valid=None).times


@pytest.mark.parametrize(
    ("name", "gibibytes", "mode", "expected"),
    [
        (NANO, 7.4, "MAXN_SUPER", "orin-nano-super"),
        (NANO, 7.4, "15W", "orin-nano-8"),
        (NANO, 3.5, "MAXN_SUPER", "orin-nano-4-super"),
        (NANO, 7.4, "25W", None),
        (NANO, 7.4, None, None),
        (NANO, None, "MAXN_SUPER", None),
        ("NVIDIA Orin NX Developer Kit", 15.3, "MAXN", "orin-nx-16"),
        ("NVIDIA Jetson AGX Orin Developer Kit", 61.4, "MAXN", "agx-orin-64"),
        ("NVIDIA Jetson AGX Orin Developer Kit", 30, "MAXN", "agx-orin-32"),
        ("NVIDIA Jetson AGX Orin Developer Kit, Orin (nvgpu)", 61.4, "MAXN", "agx-orin-64"),
        ("NVIDIA GeForce RTX 4070", 31.2, None, "rtx-4070"),
        ("NVIDIA RTX A2000", 31.2, None, "rtx-a2000"),
        ("NVIDIA GeForce RTX 4070 SUPER", 31.2, None, None),
        ("NVIDIA GeForce RTX 4070 Laptop GPU", 31.2, None, None),
        # which of the two it was nobody told
        ("NVIDIA GeForce RTX 4070, NVIDIA GeForce RTX 3090", 31.2, None, None),
    ],
)
def test_a_record_is_of_one_device(
    name: str, gibibytes: float | None, mode: str | None, expected: str | None
) -> None:
    memory = None if gibibytes is None else int(gibibytes * 2**30)
    measured = Measured(WHEN, name, memory, mode, ())
    found = [device.key for device in DEVICES.values() if measured.is_of(device)]
    assert found == [expected] * (expected is not None)
