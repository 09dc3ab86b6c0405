"""What boards and graphics cards can do at most: the table that estimates are made from.

Peak rates follow from the number of SMs, the clock and what one SM does in a clock; none of them
counts sparsity. What is not in the table is not guessed: the T4000 has no clock that we know.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from edgefer.choice import Choice
from edgefer.errors import InputError
from edgefer.manifest import Precision


class Source(Choice):
    """How sure a row of the table is."""

    VERIFIED = "verified in its maker's documents"
    RECALLED = "recalled, not verified"


class Family(Enum):
    """What one SM does in one clock.

    Dense INT8 operations, the share of that in FP16 adding up in FP32, and FP32 cores. Orin's
    INT8 rate is derived: it gives its maker's 171 sparse TOPS for the AGX Orin.
    """

    TURING = (2048, 1 / 4, 64)
    DESKTOP = (2048, 1 / 4, 128)
    ORIN = (4096, 1 / 2, 128)
    # Recalled, not verified: INT8 as fast as FP8.
    THOR = (16384, 1 / 2, 128)


@dataclass(frozen=True)
class Device:
    """One module or card at the clock of its fastest power mode.

    `clock` is in MHz, `bandwidth` in bytes a second. `called` is how a record of it names the
    device (a regular expression), `mode` what its power mode is called: None where it has none.
    """

    key: str
    name: str
    capability: str
    family: Family
    sms: int
    clock: int
    bandwidth: float
    source: Source
    called: str
    mode: str | None = None

    def peak(self, precision: Precision) -> float:
        """Dense operations a second, a multiply-add as two."""
        int8, half, cores = self.family.value
        clocks = self.sms * self.clock * 1e6
        if precision == Precision.INT8:
            return clocks * int8
        # TensorRT may take TF32 for FP32, which is faster: not counted.
        return clocks * (int8 * half if precision == Precision.FP16 else 2 * cores)


def _orin(
    key: str, name: str, sms: int, clock: int, gigabytes: float, mode: str, called: str
) -> Device:
    sure = key in ("agx-orin-64", "orin-nx-16", "orin-nano-super")
    source = Source.VERIFIED if sure else Source.RECALLED
    name = f"Jetson {name}"
    return Device(key, name, "8.7", Family.ORIN, sms, clock, gigabytes * 1e9, source, called, mode)


def _card(
    name: str, capability: str, sms: int, clock: int, gigabytes: float, called: str = ""
) -> Device:
    key = name.lower().replace(" ", "-")
    family = Family.TURING if capability == "7.5" else Family.DESKTOP
    rate = gigabytes * 1e9
    pattern = f"{called or name}$"
    return Device(key, name, capability, family, sms, clock, rate, Source.RECALLED, pattern)


_SUPER, _MAXN = "MAXN_SUPER", "MAXN"
_THOR = Device(
    "agx-thor",
    "Jetson AGX Thor T5000",
    "11.0",
    Family.THOR,
    20,
    1575,
    273e9,
    Source.RECALLED,
    "AGX Thor",
    _MAXN,
)
DEVICES = {
    device.key: device
    for device in (
        _orin("agx-orin-64", "AGX Orin 64GB", 16, 1301, 204.8, _MAXN, "AGX Orin"),
        _orin("agx-orin-32", "AGX Orin 32GB", 14, 930, 204.8, _MAXN, "AGX Orin"),
        _orin("orin-nx-16", "Orin NX 16GB", 8, 918, 102.4, _MAXN, "Orin NX"),
        _orin("orin-nx-16-super", "Orin NX 16GB Super", 8, 1173, 102.4, _SUPER, "Orin NX"),
        _orin("orin-nx-8", "Orin NX 8GB", 8, 765, 102.4, _MAXN, "Orin NX"),
        _orin("orin-nx-8-super", "Orin NX 8GB Super", 8, 1173, 102.4, _SUPER, "Orin NX"),
        _orin("orin-nano-8", "Orin Nano 8GB", 8, 625, 68, "15W", "Orin Nano"),
        _orin("orin-nano-super", "Orin Nano 8GB Super", 8, 1020, 102, _SUPER, "Orin Nano"),
        _orin("orin-nano-4", "Orin Nano 4GB", 4, 625, 34, "10W", "Orin Nano"),
        _orin("orin-nano-4-super", "Orin Nano 4GB Super", 4, 1020, 51, _SUPER, "Orin Nano"),
        _THOR,
        _card("RTX 2080 Ti", "7.5", 68, 1635, 616),
        _card("RTX 3060", "8.6", 28, 1777, 360),
        _card("RTX 3090", "8.6", 82, 1695, 936),
        _card("RTX A2000", "8.6", 26, 1200, 288, "RTX A2000( 12GB)?"),
        _card("RTX 4060", "8.9", 24, 2460, 272),
        _card("RTX 4070", "8.9", 46, 2475, 504),
        _card("RTX 4090", "8.9", 128, 2520, 1008),
        _card("RTX 5090", "12.0", 170, 2407, 1792),
    )
}


def find_device(key: str) -> Device:
    """The device of that key; InputError names those there are."""
    if key not in DEVICES:
        msg = f"device '{key}': expected one of {', '.join(DEVICES)}"
        raise InputError(msg)
    return DEVICES[key]


def is_called(device: Device, name: str) -> bool:
    """Whether a record that names its device so may be of this one."""
    return any(re.search(device.called, part) for part in name.split(", "))
