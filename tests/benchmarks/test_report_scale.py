"""Values find their places on an axis, and ticks are round."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgefer.benchmarks.report_scale import Spacing, fitted, linear, logarithmic, percentiles

# of six digits, as measured figures are
POSITIVE = st.floats(1e-6, 1e9).map(lambda value: float(f"{value:.6g}"))
ANY = POSITIVE | POSITIVE.map(lambda value: -value) | st.just(0.0)


@given(st.lists(ANY, min_size=1, max_size=20), st.booleans())
def test_all_values_are_on_the_axis(values: list[float], from_zero: bool) -> None:
    scale = fitted(values, "", from_zero=from_zero)
    for value in values:
        assert -1e-9 <= scale.share(value) <= 1 + 1e-9
    ticks = scale.ticks()
    assert 1 <= len(ticks) <= 12
    assert len({written for _, written in ticks}) == len(ticks)
    for value, _ in ticks:
        assert -1e-6 <= scale.share(value) <= 1 + 1e-6


@given(st.lists(POSITIVE, min_size=1, max_size=20))
def test_the_same_ratio_is_as_long_on_a_logarithmic_axis(values: list[float]) -> None:
    scale = logarithmic(values, "")
    low = scale.low
    assert scale.share(2 * low) - scale.share(low) == pytest.approx(
        scale.share(6 * low) - scale.share(3 * low)
    )
    assert all(-1e-9 <= scale.share(value) <= 1 + 1e-9 for value in values)


def test_axes_end_at_round_values() -> None:
    scale = linear([0.27, 0.74], "p50 in ms", from_zero=True)
    assert (scale.low, scale.high) == (0, pytest.approx(0.8))
    assert [written for _, written in scale.ticks()] == ["0", "0.2", "0.4", "0.6", "0.8"]
    assert [written for _, written in logarithmic([0.36, 2.6], "").ticks()] == [
        "0.2",
        "0.5",
        "1",
        "2",
        "5",
    ]
    assert [written for _, written in linear([0, 62_000], "").ticks()][-1] == "80,000"


def test_a_long_logarithmic_axis_has_few_ticks() -> None:
    ticks = logarithmic([1e-6, 2e8], "").ticks()
    assert len(ticks) <= 5
    assert [written for _, written in ticks][:2] == ["1e-06", "0.001"]


def test_values_far_apart_share_a_logarithmic_axis_that_says_so() -> None:
    assert fitted([1, 7], "ms").spacing is Spacing.LINEAR
    far = fitted([1, 9], "ms")
    assert (far.spacing, far.label) == (Spacing.LOGARITHMIC, "ms, logarithmic")
    assert fitted([-1, 9], "ms").spacing is Spacing.LINEAR


def test_every_nine_of_a_percentile_is_as_wide() -> None:
    scale = percentiles("")
    shares = [scale.share(value) for value in (0, 90, 99, 99.9)]
    assert shares == pytest.approx([0, 1 / 3, 2 / 3, 1])
