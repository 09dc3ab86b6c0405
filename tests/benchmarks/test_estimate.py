"""Estimates against published latencies that were not fitted to, and apart from measurements."""

from __future__ import annotations

import importlib
import json
import math
import pkgutil
import re
from dataclasses import asdict, fields, is_dataclass
from typing import Any

import pytest

import edgefer.benchmarks
from edgefer.benchmarks.devices import DEVICES
from edgefer.benchmarks.estimate import EXTRAPOLATED, FLOOR, Estimate, Estimator, make_estimator
from edgefer.benchmarks.latency import Latency
from edgefer.benchmarks.published import checked, fitted
from edgefer.benchmarks.reference_workloads import resnet50, yolov8n
from edgefer.benchmarks.refine import refine
from edgefer.benchmarks.roofline import Case, Parameters, Terms, fit
from edgefer.benchmarks.workload import Layer, Workload
from edgefer.errors import InputError
from edgefer.manifest import Precision

NANO, AGX, NX = (DEVICES[key] for key in ("orin-nano-super", "agx-orin-64", "orin-nx-16"))


@pytest.fixture(scope="module")
def estimator() -> Estimator:
    return make_estimator()


def test_it_is_fitted_to_two_points_alone() -> None:
    cases = [point.case for point in fitted()]
    assert [(case.device.key, case.workload.name, case.batch) for case in cases] == [
        ("agx-orin-64", "ResNet-50", 1),
        ("orin-nx-16", "ResNet-50", 1),
    ]
    assert not {id(point) for point in fitted()} & {id(point) for point in checked()}


def test_fitted_points_are_met(estimator: Estimator) -> None:
    assert estimator.estimate(AGX, resnet50()).typical_ms == pytest.approx(0.6364, rel=0.01)
    assert estimator.estimate(NX, resnet50()).typical_ms == pytest.approx(1.0787, rel=0.01)


def test_batch_8_is_within_ten_percent(estimator: Estimator) -> None:
    assert estimator.estimate(AGX, resnet50(), 8).typical_ms == pytest.approx(2.164, rel=0.1)


@pytest.mark.parametrize(("precision", "known"), [(Precision.INT8, 3.49), (Precision.FP16, 4.43)])
def test_yolov8n_on_orin_nano_super_is_inside(
    estimator: Estimator, precision: Precision, known: float
) -> None:
    found = estimator.estimate(NANO, yolov8n(precision))
    assert found.low_ms < known < found.high_ms
    assert found.extrapolated
    assert found.precision == precision


def test_parameters_are_plausible(estimator: Estimator) -> None:
    shared = estimator.shared
    assert 2e-6 < shared.launch < 8e-6
    assert 0.4 < shared.compute < 0.8
    assert 0.6 < shared.memory < 0.9


def test_a_device_without_points_is_three_times_as_wide(estimator: Estimator) -> None:
    known, other = (estimator.estimate(device, resnet50()) for device in (AGX, DEVICES["rtx-4070"]))
    assert (known.extrapolated, other.extrapolated) == (False, True)
    widths = [math.log(one.high_ms / one.low_ms) for one in (known, other)]
    assert widths[1] == pytest.approx(EXTRAPOLATED * widths[0])
    assert known.low_ms / known.typical_ms == pytest.approx(FLOOR[0])
    assert known.high_ms / known.typical_ms == pytest.approx(FLOOR[1])
    assert "extrapolated" in str(other)
    assert "extrapolated" not in str(known)


def test_points_that_do_not_fit_widen_the_interval() -> None:
    first, second = fitted()
    odd = [first, type(second)(Case(NX, second.case.workload, 1, 10.0), "odd")]
    found = make_estimator(odd, []).estimate(AGX, resnet50())
    assert found.high_ms / found.typical_ms > 1.05 * FLOOR[1]


def test_larger_batches_take_longer_and_a_face_less(estimator: Estimator) -> None:
    one, sixteen = estimator.estimates(AGX, resnet50())
    assert (one.batch, sixteen.batch) == (1, 16)
    assert one.typical_ms < sixteen.typical_ms < 16 * one.typical_ms


def test_each_form_says_estimate(estimator: Estimator) -> None:
    found = estimator.estimate(NANO, yolov8n())
    assert str(found).startswith("estimate: ")
    assert "YOLOv8n int8 batch 1 on Jetson Orin Nano 8GB Super at MAXN_SUPER" in str(found)
    assert all(line.startswith("estimate: ") for line in found.basis)
    told = json.loads(json.dumps(found.to_json()))
    assert told["kind"] == "estimate"
    assert len(told["fitted"]) == 2
    errors = {(point["network"], point["batch"]): point["error"] for point in told["checked"]}
    assert abs(errors["ResNet-50", 8]) < 0.1


def test_an_estimate_fits_nowhere_that_a_measurement_does(estimator: Estimator) -> None:
    told = asdict(estimator.estimate(AGX, resnet50()))
    with pytest.raises(TypeError):
        Latency(**told)
    assert {one.name for one in fields(Latency)} & set(told) == {"batch"}
    own = {"edgefer.benchmarks.estimate"}
    for record in _dataclasses():
        if record.__module__ in own:
            continue
        assert not issubclass(record, Estimate)
        # annotations are text, since what they name may be imported for types alone
        held = {word for one in fields(record) for word in re.findall(r"\w+", str(one.type))}
        assert not held & {"Estimate", "Estimator"}, record


def _dataclasses() -> set[type[Any]]:
    """Every dataclass that a module of benchmarks defines."""
    found: set[type[Any]] = set()
    for module in pkgutil.iter_modules(edgefer.benchmarks.__path__):
        # results/ holds records, not modules
        loaded = importlib.import_module(f"edgefer.benchmarks.{module.name}")
        own = (one for one in vars(loaded).values() if isinstance(one, type))
        found |= {one for one in own if is_dataclass(one) and one.__module__ == loaded.__name__}
    assert {Latency, Estimate} <= found
    return found


def _small(name: str = "small") -> Workload:
    layer = Layer("a", Precision.INT8, 10**6, 10**4, 10**4, 10**4, rows=64, columns=64)
    return Workload(name, (layer,) * 20)


def _record(milliseconds: float = 0.5, batch: int = 1, **other: Any) -> dict[str, Any]:
    result = {
        "bundle": "small.edgefer",
        "id": "0" * 64,
        "backend": "tensorrt",
        "device": "NVIDIA Jetson Orin Nano Developer Kit Super",
        "latency_ms": {"batch": batch, "median": milliseconds},
    }
    machine = {"power_mode": other.pop("mode", "MAXN_SUPER")}
    return {"when": "2026-11-01T10:00:00+00:00", "machine": machine, "results": [result | other]}


WORKLOADS = {"0" * 64: _small()}


def test_a_measurement_refines_its_own_board_alone(estimator: Estimator) -> None:
    before = estimator.estimate(NANO, _small())
    refined = refine(estimator, NANO, [_record(0.5), _record(0.9, 16)], WORKLOADS)
    after = refined.estimate(NANO, _small())
    assert before.typical_ms < 0.2
    assert after.typical_ms == pytest.approx(0.5, rel=0.1)
    assert (before.extrapolated, after.extrapolated) == (True, False)
    assert after.high_ms / after.low_ms < before.high_ms / before.low_ms
    assert [point.batch for point in after.fitted] == [1, 16]
    assert {point.device for point in after.checked} == {NANO.name}
    assert refined.estimate(AGX, _small()) == estimator.estimate(AGX, _small())
    again = refine(refined, NANO, [_record(0.5)], WORKLOADS)
    assert len(again.estimate(NANO, _small()).fitted) == 3


def test_a_board_with_published_points_keeps_them(estimator: Estimator) -> None:
    record = _record(0.3, mode="MAXN", device="NVIDIA Jetson AGX Orin Developer Kit")
    found = refine(estimator, AGX, [record], WORKLOADS).estimate(AGX, _small())
    assert [point.network for point in found.fitted] == ["ResNet-50", "small"]
    assert found.fitted[1].source == "measured 2026-11-01T10:00:00+00:00"


@pytest.mark.parametrize(
    ("record", "match"),
    [
        (_record(mode="15W"), r"expected power mode MAXN_SUPER.* found 15W"),
        (_record(mode=None), r"found no data"),
        (_record(backend="onnxruntime"), r"expected TensorRT's results, found onnxruntime's"),
        (_record(device="NVIDIA Jetson AGX Orin"), r"expected one of Jetson Orin Nano 8GB Super"),
        (_record(id="1" * 64), r"expected the bundle small.edgefer too"),
        (_record(0.0), r"expected times above 0"),
        ({"kind": "estimate"}, r"found an estimate"),
        ({"when": "now"}, r"expected one of `edgefer benchmark --json`"),
        ({**_record(), "results": []}, r"expected one measured result or more"),
    ],
)
def test_what_is_no_measurement_of_the_board_is_refused(
    estimator: Estimator, record: dict[str, Any], match: str
) -> None:
    with pytest.raises(InputError, match=match):
        refine(estimator, NANO, [record], WORKLOADS)


def test_an_estimate_refines_nothing(estimator: Estimator) -> None:
    told = estimator.estimate(NANO, _small()).to_json()
    with pytest.raises(InputError, match="found an estimate"):
        refine(estimator, NANO, [told], WORKLOADS)


def test_a_fit_finds_the_parameters_that_made_its_cases() -> None:
    made = Parameters(launch=12e-6, compute=0.3, memory=0.5)
    cases = [
        Case(device, workload, batch, Terms(device, workload, batch).milliseconds(made))
        for device in (AGX, NX)
        for workload in (resnet50(), _small(), yolov8n())
        for batch in (1, 16)
    ]
    found = fit(cases)
    assert asdict(found) == pytest.approx(asdict(made), rel=0.03)


def test_a_layer_by_hand() -> None:
    layer = Layer("a", Precision.INT8, 10**9, 10**3, 10**3, rows=1024, columns=64)
    deep = Layer("b", Precision.INT8, 10**6, 10**3, 10**3, rows=64, columns=1, depthwise=True)
    wide = Layer("c", Precision.FP32, 0, 10**6, 10**6, 10**6)
    found = Terms(AGX, Workload("t", (layer, deep, wide)), 1)
    peak = 16 * 1301e6 * 4096
    seconds = 3e-6 + 1e9 / (0.5 * peak) + 1e6 / (0.08 * peak) + 3e6 / (0.6 * 204.8e9)
    # the first layer fills the 16 SMs with one tile each
    assert found.milliseconds(Parameters(1e-6, 0.5, 0.6)) == pytest.approx(1e3 * seconds, rel=1e-6)
