"""The table of devices against the rates that their maker names."""

from __future__ import annotations

import pytest

from edgefer.benchmarks.devices import DEVICES, Source, find_device
from edgefer.errors import InputError
from edgefer.manifest import Precision

# Dense INT8 TOPS and FP16 TFLOPS adding up in FP32, of a list apart from the table.
_RATES = {
    "agx-orin-64": (85.3, 42.6),
    "agx-orin-32": (53.3, 26.7),
    "orin-nx-16": (30.1, 15.0),
    "orin-nx-16-super": (38.4, 19.2),
    "orin-nx-8": (25.1, 12.5),
    "orin-nano-8": (20.5, 10.2),
    "orin-nano-super": (33.4, 16.7),
    "orin-nano-4": (10.2, 5.1),
    "orin-nano-4-super": (16.7, 8.4),
    "agx-thor": (517, 258),
    "rtx-2080-ti": (228, 57),
    "rtx-3060": (102, 25.5),
    "rtx-3090": (284, 71),
    "rtx-a2000": (64, 16),
    "rtx-4060": (121, 30),
    "rtx-4070": (233, 58),
    "rtx-4090": (660.6, 165),
    "rtx-5090": (838, 209.5),
}


@pytest.mark.parametrize(("key", "rates"), _RATES.items())
def test_rates(key: str, rates: tuple[float, float]) -> None:
    device = find_device(key)
    found = [device.peak(precision) / 1e12 for precision in (Precision.INT8, Precision.FP16)]
    assert found == pytest.approx(rates, rel=0.01)


def test_fp32_is_that_of_the_cores() -> None:
    # 2048, 5888 and 4352 cores, a multiply-add a clock each
    for key, cores, clock in (
        ("agx-orin-64", 2048, 1301),
        ("rtx-4070", 5888, 2475),
        ("rtx-2080-ti", 4352, 1635),
    ):
        assert DEVICES[key].peak(Precision.FP32) == pytest.approx(2 * cores * clock * 1e6)


def test_only_what_was_verified_says_so() -> None:
    sure = {key for key, device in DEVICES.items() if device.source == Source.VERIFIED}
    assert sure == {"agx-orin-64", "orin-nx-16", "orin-nano-super"}


def test_unknown_device_is_refused_with_those_there_are() -> None:
    with pytest.raises(InputError, match=r"device 'orin': expected one of agx-orin-64, "):
        find_device("orin")
