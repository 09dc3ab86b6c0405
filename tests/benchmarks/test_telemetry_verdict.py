"""Whether a run counts: throttling, alarms, modes, heat."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from edgefer.benchmarks.samples import Reading, Sample, no_data, unknown_sample
from edgefer.benchmarks.telemetry_verdict import judge


def at(
    time: float,
    clock: float = 1300,
    load: float | None = 0.97,
    highest: float = 1300,
    heat: float = 50,
    mode: str = "MAXN",
) -> Sample:
    """A sample of an Orin at work."""
    return Sample(
        time,
        gpu_clock=Reading(clock),
        gpu_clock_max=Reading(highest),
        gpu_load=no_data("no load here") if load is None else Reading(load),
        temperatures=Reading({"tj": heat}),
        power_mode=Reading(mode),
        alarms=Reading(()),
        events=Reading({"oc3": 4}),
    )


def steady(count: int = 20) -> list[Sample]:
    return [at(n / 10) for n in range(count)]


def only(samples: Sequence[Sample]) -> str:
    verdict = judge(samples)
    assert verdict.valid.value is False
    (reason,) = verdict.reasons
    return reason


def test_a_steady_run_counts() -> None:
    verdict = judge(steady())
    assert verdict.valid.value is True
    assert verdict.reasons == verdict.unchecked == ()


def test_a_low_clock_at_high_load_is_throttling() -> None:
    slow = [at(n / 10, clock=918) for n in range(20, 30)]
    assert only(steady() + slow) == (
        "throttling: the GPU's clock was below 95% of its highest in 33% of the samples at high "
        "load, down to 918 of 1300 MHz"
    )


def test_a_clock_that_is_still_rising_is_not() -> None:
    assert judge([at(-0.1, clock=306), at(-0.05, clock=612), *steady()]).valid.value is True


def test_a_low_clock_at_low_load_is_the_governors() -> None:
    verdict = judge([at(n / 10, clock=306, load=0.4) for n in range(20)])
    assert verdict.valid.value is True  # no alarm was on
    assert verdict.unchecked == (
        "throttling: the GPU's load was 40% at most and its clock 306 MHz: below 90% a low clock "
        "may be the governor's, not throttling",
    )


def test_without_a_load_throttling_is_not_judged() -> None:
    verdict = judge([at(n / 10, load=None, clock=306) for n in range(20)])
    assert verdict.unchecked == ("throttling: GPU load: no load here",)


def test_a_kernel_that_lowers_the_highest_clock() -> None:
    cooled = [at(n / 10, clock=900, highest=900) for n in range(20, 30)]
    assert only(steady() + cooled).startswith(
        "the GPU's highest clock was between 900 and 1300 MHz; expected it to stay"
    )


@pytest.mark.parametrize("load", [0.97, None])
def test_a_driver_that_says_so_is_believed(load: float | None) -> None:
    def told(n: int, *causes: str) -> Sample:
        loads = no_data("none") if load is None else Reading(load)
        # A desktop GPU hardly ever reaches its highest clock.
        clocks = {"gpu_clock": Reading(2475.0), "gpu_clock_max": Reading(3105.0)}
        return Sample(n / 10, slowed=Reading(causes), gpu_load=loads, **clocks)

    assert judge([told(n) for n in range(20)]).valid.value is True
    assert judge([told(0, "heat"), *(told(n) for n in range(1, 20))]).valid.value is True
    slow = [told(n, "power cap") for n in range(10)]
    assert only([*slow, *(told(n) for n in range(10, 20))]) == (
        "throttling: the GPU was slowed in 50%: power cap"
    )


def test_a_driver_is_believed_at_low_load_only_when_nothing_is_slowed() -> None:
    calm = Sample(0, slowed=Reading(()), gpu_load=Reading(0.3))
    assert judge([calm]).valid.value is True
    # Some GPUs report a power cap while they have little to do.
    slow = Sample(1, slowed=Reading(("power cap",)), gpu_load=Reading(0.3))
    assert judge([calm, slow]).valid.reason.startswith("throttling could not be judged: the GPU's")


def test_one_alarm_is_enough() -> None:
    alarm = Sample(1, alarms=Reading(("over-current of VDD_IN",)))
    assert only([*steady(), alarm]) == "alarm: over-current of VDD_IN"


def test_a_counter_that_rises() -> None:
    assert only([*steady(), Sample(3, events=Reading({"oc3": 1004}))]) == (
        "over-current: counter oc3 rose by 1,000"
    )


def test_a_mode_that_changes() -> None:
    changed = [at(n / 10, mode="15W") for n in range(20, 25)]
    assert only(steady() + changed) == "the power mode changed: expected one, found MAXN, 15W"


def test_a_machine_that_warms_up() -> None:
    run = [at(n / 10, heat=40 + n) for n in range(40)]
    assert only(run) == (
        "tj got warmer by 35.0 degrees, from 42.0 to 77.0; expected at most 10: "
        "warm the machine up first"
    )
    assert judge(run, most_rise=40).valid.value is True


def test_one_hot_reading_is_not_a_rise() -> None:
    assert judge([*steady(), at(3, heat=90), *steady()]).valid.value is True


def test_a_part_that_was_off_is_not_compared() -> None:
    awake = Sample(9, temperatures=Reading({"tj": 50, "gpu": 80}), alarms=Reading(()))
    assert judge([*steady(), *[awake] * 9]).valid.value is True


@pytest.mark.parametrize("count", [1, 20])
def test_nothing_known_is_not_valid(count: int) -> None:
    verdict = judge([unknown_sample(n, "nothing here tells") for n in range(count)])
    assert verdict.valid == no_data("throttling could not be judged: GPU load: nothing here tells")
    assert verdict.unchecked == tuple(
        f"{what}: nothing here tells"
        for what in ("throttling: GPU load", "alarms", "power mode", "temperature")
    )
    assert judge([]).valid == no_data("no samples were taken")
