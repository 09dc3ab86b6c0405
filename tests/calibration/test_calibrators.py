"""Thresholds from histograms: those of ModelOpt and of a search by hand, within the range seen."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from edgefer.calibration.calibrators import (
    BINS,
    CalibrationOptions,
    Calibrator,
    Histogram,
    clipped,
    least_entropy,
    least_squared_error,
    percentile,
)
from edgefer.calibration.collect import counted
from edgefer.calibration.table import Range
from edgefer.errors import InputError

Values = NDArray[np.float32]

_RANDOM = np.random.default_rng(7)
_COUNT = 49_991  # of which no percentile falls between two values
SHAPES: dict[str, Values] = {
    "normal": _RANDOM.normal(size=_COUNT),
    "laplace": _RANDOM.laplace(size=_COUNT),
    "behind a ReLU": np.maximum(_RANDOM.normal(size=_COUNT), 0),
    "heavy tail": _RANDOM.standard_t(3, size=_COUNT),
    "uniform": _RANDOM.uniform(-1, 1, _COUNT),
}


@pytest.fixture(params=SHAPES)
def values(request: pytest.FixtureRequest) -> Values:
    return SHAPES[request.param].astype(np.float32)


@pytest.fixture(scope="module")
def modelopt() -> Callable[[Values, str], float]:
    """ModelOpt's own threshold, from 2048 bins."""
    torch = pytest.importorskip("torch", reason="the torch extra is not installed")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its own imports
        calib = pytest.importorskip("modelopt.torch.quantization.calib")

    def threshold(values: Values, method: str) -> float:
        calibrator = calib.HistogramCalibrator(num_bins=2048)
        calibrator.collect(torch.from_numpy(values))
        return float(calibrator.compute_amax(method, percentile=99.9).item())

    return threshold


def histogram(values: Values) -> Histogram:
    limit = float(np.abs(values).max())
    return Histogram(counted(values, limit), limit)


def test_percentile_is_modelopts(values: Values, modelopt: Callable[[Values, str], float]) -> None:
    found = percentile(histogram(values), 99.9)
    width = float(np.abs(values).max()) / 2048
    assert abs(found - modelopt(values, "percentile")) <= width
    assert abs(found - np.percentile(np.abs(values), 99.9, method="inverted_cdf")) <= width


@pytest.mark.parametrize("shape", ["normal", "behind a ReLU", "heavy tail"])
def test_entropy_is_modelopts(shape: str, modelopt: Callable[[Values, str], float]) -> None:
    values = SHAPES[shape].astype(np.float32)
    width = float(np.abs(values).max()) / 2048
    assert abs(least_entropy(histogram(values)) - modelopt(values, "entropy")) <= 1.01 * width


def test_no_threshold_has_a_squared_error_much_below_the_one_found(values: Values) -> None:
    """Not ModelOpt's: in 0.47 its search quantises to another number of bits."""

    def error(threshold: float) -> float:
        step = threshold / 127
        return float(np.square(np.clip(np.rint(values / step), -127, 127) * step - values).mean())

    greatest = float(np.abs(values).max())
    least = min(error(share * greatest) for share in np.linspace(0.05, 1, 300))
    assert error(least_squared_error(histogram(values))) <= 1.005 * least


def test_all_of_the_values_are_kept_at_a_hundred_percent(values: Values) -> None:
    counted = histogram(values)
    assert percentile(counted, 100) == pytest.approx(counted.limit, rel=1e-12)


@st.composite
def histograms(draw: st.DrawFn) -> Histogram:
    """Some bins with some values, the last always: the limit is a value that was there."""
    counts = np.zeros(BINS, np.int64)
    places = draw(st.lists(st.integers(0, BINS - 1), max_size=20))
    counts[places] = draw(st.integers(1, 10**12))
    counts[-1] += draw(st.integers(1, 1000))
    return Histogram(counts, draw(st.floats(1e-30, 1e30)))


@settings(max_examples=30)
@given(histograms(), st.floats(90, 100))
def test_every_threshold_is_within_what_was_seen(counted: Histogram, percent: float) -> None:
    found = [percentile(counted, percent), least_squared_error(counted), least_entropy(counted)]
    for threshold in found:
        assert 0 < threshold <= counted.limit * (1 + 1e-12)


def test_a_range_keeps_the_ends_that_are_nearer() -> None:
    counted = histogram(SHAPES["normal"].astype(np.float32))
    options = CalibrationOptions(Calibrator.PERCENTILE, percentile=99)
    most = percentile(counted, 99)
    assert clipped(Range(0, counted.limit), counted, options) == Range(0, most)
    assert clipped(Range(-0.5, counted.limit), counted, options) == Range(-0.5, most)
    nothing = Histogram(np.zeros(BINS, np.int64), 0.0)
    assert clipped(Range(0, 0), nothing, options) == Range(0, 0)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"faces": 0}, "calibration faces: expected 1 or more, found 0"),
        ({"percentile": 0.9999}, r"percentile: expected 90 to 100 \(in percent\), found 0.9999"),
        ({"percentile": 100.5}, "found 100.5"),
        ({"percentile": float("nan")}, "found nan"),
    ],
)
def test_options_that_make_no_sense_cannot_be(fields: dict[str, float], message: str) -> None:
    with pytest.raises(InputError, match=message):
        CalibrationOptions(**fields)  # type: ignore[arg-type]


def test_a_calibrator_by_its_name() -> None:
    assert Calibrator.parse("Min-Max") is Calibrator.MIN_MAX
    assert len(Calibrator.AUTO.alternatives) == 4
    with pytest.raises(InputError, match="expected one of min-max, percentile, mse, entropy, auto"):
        Calibrator.parse("kl")
