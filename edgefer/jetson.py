"""Which JetPack a release of Jetson Linux belongs to, and what a power mode is called."""

from __future__ import annotations

import re
from dataclasses import dataclass

# Before it there is no parser for the operators of a bundle (opset 19).
OLDEST_TENSORRT = (10, 3)


@dataclass(frozen=True)
class JetPack:
    """One JetPack: the releases of Jetson Linux in it, and the versions that it brings."""

    version: str
    linux: tuple[str, ...]
    python: str
    cuda: str
    tensorrt: str

    @property
    def is_supported(self) -> bool:
        """Whether its TensorRT can build the engines of a bundle."""
        return tuple(map(int, self.tensorrt.split(".")))[:2] >= OLDEST_TENSORRT


# Of NVIDIA's release notes. What is not here is not guessed: its power mode and its libraries are
# found even so.
JETPACKS = (
    JetPack("5.1", ("35.2.1",), "3.8", "11.4", "8.5.2"),
    JetPack("5.1.1", ("35.3.1",), "3.8", "11.4", "8.5.2"),
    JetPack("5.1.2", ("35.4.1",), "3.8", "11.4", "8.5.2"),
    JetPack("5.1.3", ("35.5.0",), "3.8", "11.4", "8.5.2"),
    JetPack("5.1.4", ("35.6.0",), "3.8", "11.4", "8.5.2"),
    JetPack("5.1.5", ("35.6.1", "35.6.2", "35.6.3"), "3.8", "11.4", "8.5.2"),
    JetPack("5.1.6", ("35.6.4",), "3.8", "11.4", "8.5.2"),
    JetPack("6.0", ("36.3.0",), "3.10", "12.2", "8.6.2"),
    JetPack("6.1", ("36.4.0", "36.4.2"), "3.10", "12.6", "10.3.0"),
    JetPack("6.2", ("36.4.3",), "3.10", "12.6", "10.3.0"),
    JetPack("6.2.1", ("36.4.4", "36.4.7"), "3.10", "12.6", "10.3.0"),
    JetPack("6.2.2", ("36.5.0",), "3.10", "12.6", "10.3.0"),
    JetPack("7.0", ("38.2.0", "38.2.1", "38.2.2"), "3.12", "13.0", "10.13.3"),
    JetPack("7.1", ("38.4.0",), "3.12", "13.0", "10.13.3"),
    JetPack("7.2", ("39.2.0",), "3.12", "13.2", "10.16.2"),
    JetPack("7.2.1", ("39.2.1",), "3.12", "13.2", "10.16.2"),
)


def find_jetpack(l4t: str | None) -> JetPack | None:
    """The JetPack of a release line as `R36 (release), REVISION: 4.3`; None where it is unknown."""
    found = re.search(r"R(\d+) \(release\), REVISION: (\d+(?:\.\d+)*)", l4t or "")
    if found is None:
        return None
    release = f"{found[1]}.{found[2]}"
    return next((jetpack for jetpack in JETPACKS if release in jetpack.linux), None)


def power_mode(status: str, modes: str) -> str | None:
    """The name of the mode that nvpmodel's status file gives by its number.

    `modes` is /etc/nvpmodel.conf: numbers differ from board to board. None where either is silent.
    """
    number = re.search(r"\bpmode:(\d+)", status)
    if number is None:
        return None
    for found in re.finditer(r"<\s*POWER_MODEL\s+ID=(\d+)\s+NAME=(\S+?)\s*>", modes):
        if int(found[1]) == int(number[1]):
            return found[2]
    return None
