"""Estimates against published latencies that were not fitted to, and apart from measurements."""

from __future__ import annotations

import importlib
import json
import math
import pkgutil
import re
from dataclasses import asdict, fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import pytest

import edgefer.benchmarks
from edgefer.benchmarks.devices import DEVICES
from edgefer.benchmarks.estimate import (
    EXTRAPOLATED,
    FLOOR,
    Estimate,
    Estimator,
    make_estimator,
    published_estimator,
)
from edgefer.benchmarks.published import checked, fitted
from edgefer.benchmarks.reference_workloads import resnet50, yolov8n
from edgefer.benchmarks.roofline import Case, Parameters, Terms, estimated_ms, fit
from edgefer.benchmarks.workload import Layer, Workload
from edgefer.manifest import Precision

NANO, AGX, NX = (DEVICES[key] for key in ("orin-nano-super", "agx-orin-64", "orin-nx-16"))


@pytest.fixture(scope="module")
def estimator() -> Estimator:
    return published_estimator()


def test_it_is_fitted_to_two_points_alone() -> None:
    assert [(case.device.key, case.workload.name, case.batch) for case in fitted()] == [
        ("agx-orin-64", "ResNet-50", 1),
        ("orin-nx-16", "ResNet-50", 1),
    ]
    assert not set(fitted()) & set(checked())


def test_fitted_points_are_met(estimator: Estimator) -> None:
    assert estimator.estimate(AGX, resnet50(), 1).typical_ms == pytest.approx(0.6364, rel=0.01)
    assert estimator.estimate(NX, resnet50(), 1).typical_ms == pytest.approx(1.0787, rel=0.01)


def test_batch_8_is_within_ten_percent(estimator: Estimator) -> None:
    assert estimator.estimate(AGX, resnet50(), 8).typical_ms == pytest.approx(2.164, rel=0.1)


@pytest.mark.parametrize(("precision", "known"), [(Precision.INT8, 3.49), (Precision.FP16, 4.43)])
def test_yolov8n_on_orin_nano_super_is_inside(
    estimator: Estimator, precision: Precision, known: float
) -> None:
    found = estimator.estimate(NANO, yolov8n(precision), 1)
    assert found.low_ms < known < found.high_ms
    assert found.extrapolated
    assert found.precision == precision


def test_parameters_are_plausible(estimator: Estimator) -> None:
    found = estimator.parameters
    assert 2e-6 < found.launch < 8e-6
    assert 0.4 < found.compute < 0.8
    assert 0.6 < found.memory < 0.9


def test_the_page_about_estimates_has_these_figures(estimator: Estimator) -> None:
    page = (Path(__file__).parents[2] / "docs/estimates.md").read_text()
    found = estimator.parameters
    assert f"a launch costs {1e6 * found.launch:.1f} µs" in page
    assert f"reach {found.compute:.0%} of the peak".replace("%", " %") in page
    assert f"{found.memory:.0%} of the bandwidth".replace("%", " %") in page
    points = estimator.estimate(AGX, resnet50(), 1)
    for point in (*points.fitted, *points.checked):
        assert f"estimate {point.error:+.1%}\n" in page, point
        assert f"| {point.known_ms:.4g} ms | {point.estimated_ms:.4g} ms |" in page, point


def test_a_device_without_points_is_three_times_as_wide(estimator: Estimator) -> None:
    devices = (AGX, DEVICES["rtx-4070"])
    known, other = (estimator.estimate(device, resnet50(), 1) for device in devices)
    assert (known.extrapolated, other.extrapolated) == (False, True)
    widths = [math.log(one.high_ms / one.low_ms) for one in (known, other)]
    assert widths[1] == pytest.approx(EXTRAPOLATED * widths[0])
    assert known.low_ms / known.typical_ms == pytest.approx(FLOOR[0])
    assert known.high_ms / known.typical_ms == pytest.approx(FLOOR[1])
    assert "extrapolated" in str(other)
    assert "extrapolated" not in str(known)


def test_points_that_do_not_fit_widen_the_interval() -> None:
    first, second = fitted()
    odd = (first, replace(second, milliseconds=10.0))
    found = make_estimator(odd, ()).estimate(AGX, resnet50(), 1)
    assert found.high_ms / found.typical_ms > 1.05 * FLOOR[1]


def test_larger_batches_take_longer_and_a_face_less(estimator: Estimator) -> None:
    one, sixteen = (estimator.estimate(AGX, resnet50(), batch) for batch in (1, 16))
    assert one.typical_ms < sixteen.typical_ms < 16 * one.typical_ms


def test_each_form_says_estimate(estimator: Estimator) -> None:
    found = estimator.estimate(NANO, yolov8n(), 1)
    assert str(found).startswith("estimate: ")
    assert "YOLOv8n int8 batch 1 on orin-nano-super" in str(found)
    assert all("estimate" in str(point) for point in (*found.fitted, *found.checked))
    told = json.loads(json.dumps(found.to_json()))
    assert told["kind"] == "estimate"
    assert len(told["fitted"]) == 2
    errors = {(point["network"], point["batch"]): point["error"] for point in told["checked"]}
    assert abs(errors["ResNet-50", 8]) < 0.1


def test_an_estimate_fits_nowhere_that_a_measurement_does(estimator: Estimator) -> None:
    told = asdict(estimator.estimate(AGX, resnet50(), 1))
    figures = {key for key, value in told.items() if isinstance(value, (float, tuple))}
    assert {"low_ms", "typical_ms", "high_ms"} < figures
    apart = {f"edgefer.benchmarks.{name}" for name in ("estimate", "refine")}
    for record in _dataclasses():
        if record.__module__ in apart:
            continue
        assert not issubclass(record, Estimate)
        assert not {one.name for one in fields(record)} & figures, record
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
    assert {"Latency", "Estimate"} <= {one.__name__ for one in found}
    return found


def test_a_fit_finds_the_parameters_that_made_its_cases() -> None:
    made = Parameters(launch=12e-6, compute=0.3, memory=0.5)
    layer = Layer("a", Precision.INT8, 10**6, 10**4, 10**4, 10**4, rows=64, columns=64)
    cases = [
        Case(device, workload, batch, 1.0, "made")
        for device in (AGX, NX)
        for workload in (resnet50(), Workload("small", (layer,) * 20), yolov8n())
        for batch in (1, 16)
    ]
    found = fit([replace(case, milliseconds=estimated_ms(case, made)) for case in cases])
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
