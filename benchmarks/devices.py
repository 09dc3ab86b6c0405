"""What boards and graphics cards can do at most: the table that estimates are made from.

Peak rates follow from the number of SMs, the clock and what one SM does in a clock; none of them
counts sparsity. What is not in the table is not guessed: the T4000 has no clock that we know.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from edgefer.choice import Choice
from edgefer.errors import InputError
from edgefer.manifest import Precision


class Source(Choice):
    """How sure a row of the table is."""

    VERIFIED = "published"
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

    `clock` is in MHz, `bandwidth` in bytes a second. The last three are a board's: what the names
    of its kits have in common, and memory in GiB and power mode, which tell boards of one name
    apart.
    """

    key: str
    name: str
    family: Family
    sms: int
    clock: int
    bandwidth: float
    source: Source
    called: str | None = None
    memory: int | None = None
    mode: str | None = None

    def peak(self, precision: Precision) -> float:
        """Dense operations a second, a multiply-add as two; TF32 is not counted."""
        int8, half, cores = self.family.value
        clocks = self.sms * self.clock * 1e6
        if precision is Precision.INT8:
            return clocks * int8
        return clocks * (int8 * half if precision is Precision.FP16 else 2 * cores)


def _board(
    key: str,
    called: str,
    memory: int,
    rates: tuple[int, int, float],
    mode: str,
    family: Family = Family.ORIN,
) -> Device:
    """A Jetson; `rates` are SMs, MHz and gigabytes a second."""
    sms, clock, gigabytes = rates
    sure = key in ("agx-orin-64", "orin-nx-16", "orin-nano-super")
    source = Source.VERIFIED if sure else Source.RECALLED
    name = f"Jetson {called} {memory}GB" + (" Super" if mode == _SUPER else "")
    return Device(key, name, family, sms, clock, gigabytes * 1e9, source, called, memory, mode)


def _card(
    name: str, sms: int, clock: int, gigabytes: float, family: Family = Family.DESKTOP
) -> Device:
    key = name.lower().replace(" ", "-")
    return Device(key, name, family, sms, clock, gigabytes * 1e9, Source.RECALLED)


_MAXN, _SUPER = "MAXN", "MAXN_SUPER"
DEVICES = {
    device.key: device
    for device in (
        _board("agx-orin-64", "AGX Orin", 64, (16, 1301, 204.8), _MAXN),
        _board("agx-orin-32", "AGX Orin", 32, (14, 930, 204.8), _MAXN),
        _board("orin-nx-16", "Orin NX", 16, (8, 918, 102.4), _MAXN),
        _board("orin-nx-16-super", "Orin NX", 16, (8, 1173, 102.4), _SUPER),
        _board("orin-nx-8", "Orin NX", 8, (8, 765, 102.4), _MAXN),
        _board("orin-nx-8-super", "Orin NX", 8, (8, 1173, 102.4), _SUPER),
        _board("orin-nano-8", "Orin Nano", 8, (8, 625, 68), "15W"),
        _board("orin-nano-super", "Orin Nano", 8, (8, 1020, 102), _SUPER),
        _board("orin-nano-4", "Orin Nano", 4, (4, 625, 34), "10W"),
        _board("orin-nano-4-super", "Orin Nano", 4, (4, 1020, 51), _SUPER),
        _board("agx-thor", "AGX Thor", 128, (20, 1575, 273), _MAXN, Family.THOR),
        _card("RTX 2080 Ti", 68, 1635, 616, Family.TURING),
        _card("RTX 3060", 28, 1777, 360),
        _card("RTX 3090", 82, 1695, 936),
        _card("RTX A2000", 26, 1200, 288),
        _card("RTX 4060", 24, 2460, 272),
        _card("RTX 4070", 46, 2475, 504),
        _card("RTX 4090", 128, 2520, 1008),
        _card("RTX 5090", 170, 2407, 1792),
    )
}


def find_device(key: str) -> Device:
    """The device of that key; InputError names those there are."""
    if key not in DEVICES:
        msg = f"device '{key}': expected one of {', '.join(DEVICES)}"
        raise InputError(msg)
    return DEVICES[key]
