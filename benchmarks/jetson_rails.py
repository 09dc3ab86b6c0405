"""The power rails of a Jetson: which there are, and which of them add up to the module's power.

Names differ by board, and some rails feed others: only sums that are known to be whole are made.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from edgefer.benchmarks.samples import Power, Reading, no_data
from edgefer.benchmarks.sysfs import in_order, read_number, read_text

_MODULE_RAILS = "module rails, not wall power"
# The first whose rails are all there counts. VDDQ_VDD2_1V8AO of an AGX Orin is left out, since it
# has 5 V too and may be fed by VIN_SYS_5V0. VIN of a Thor is its board's, not the module's: it is
# the total only where there is nothing else, so that Jetsons compare (our choice).
_TOTALS = (
    (("VDD_IN",), "the module's input, not wall power"),
    (("VDD_GPU_SOC", "VDD_CPU_CV", "VIN_SYS_5V0"), _MODULE_RAILS),
    (("VDD_GPU", "VDD_CPU_SOC_MSS", "VIN_SYS_5V0"), _MODULE_RAILS),
    (("VIN",), "the board's input, not wall power"),
)
_NOT_CONNECTED = "NC"
_CHIPS = ("ina3221", "ina238")


def total_power(rails: Mapping[str, Reading[float]]) -> Reading[Power]:
    """The power of the module from its rails in watts; no data rather than a part of the sum."""
    for names, covers in _TOTALS:
        if not set(names) <= set(rails):
            continue
        watts = 0.0
        for name in names:
            rail = rails[name]
            if rail.value is None:
                return no_data(f"rail {name}: {rail.reason}")
            watts += rail.value
        return Reading(Power(watts, names, covers))
    if not rails:
        return no_data("no power rails")
    return no_data(f"which of {', '.join(rails)} add up to the module's power is not known")


@dataclass(frozen=True)
class Rail:
    """A rail of a power monitor: its files of the driver ina3221 or ina238."""

    name: str
    volts: Path
    amperes: Path
    watts: Path | None
    alarm: Path

    def read(self) -> Reading[float]:
        """Watts now. A rail without load may read a little below 0."""
        if self.watts is not None:
            return read_number(self.watts, 1e-6)
        volts = read_number(self.volts, 1e-3)
        if volts.value is None:
            return volts
        amperes = read_number(self.amperes, 1e-3)
        return amperes if amperes.value is None else Reading(volts.value * amperes.value)

    @property
    def is_over(self) -> bool:
        """Whether its over-current alarm is on."""
        return read_text(self.alarm).value == "1"


def find_rails(root: Path) -> list[Rail]:
    """Every rail that has a name, by name."""
    rails: dict[str, Rail] = {}
    for monitor in _monitors(root):
        for rail in _rails_of(monitor):
            rails.setdefault(rail.name, rail)
    return list(rails.values())


def _monitors(root: Path) -> Iterator[Path]:
    """Folders of power monitors; numbers change from start to start, names do not."""
    seen: set[Path] = set()
    places = (("sys/class/hwmon", "hwmon*"), ("sys/bus/i2c/devices", "*/hwmon/hwmon*"))
    for place, pattern in places:
        for folder in in_order((root / place).glob(pattern)):
            if read_text(folder / "name").value in _CHIPS and folder.resolve() not in seen:
                seen.add(folder.resolve())
                yield folder


def _rails_of(monitor: Path) -> Iterator[Rail]:
    single = read_text(monitor / "label").value
    # Channels 4 to 7 of an ina3221 are shunt voltages and their sum.
    labels = {n: read_text(monitor / f"in{n}_label").value for n in (1, 2, 3)}
    if single and not any(labels.values()):
        labels = {1: single}
    for channel, label in labels.items():
        amperes = monitor / f"curr{channel}_input"
        switched_off = read_text(monitor / f"in{channel}_enable").value == "0"
        if not label or label == _NOT_CONNECTED or switched_off or not amperes.exists():
            continue
        watts = monitor / f"power{channel}_input"
        yield Rail(
            name=label,
            volts=monitor / f"in{channel}_input",
            amperes=amperes,
            watts=watts if watts.exists() else None,
            alarm=monitor / f"curr{channel}_crit_alarm",
        )
