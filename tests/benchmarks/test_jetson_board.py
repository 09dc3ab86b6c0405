"""A board's power modes, and what of it may change by itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgefer.benchmarks.jetson_board import find_restless, read_board
from tests.benchmarks.telemetry_trees import NANO_6, PC, machine

GPU = "sys/class/devfreq/17000000.gpu"
CPU = "sys/devices/system/cpu/cpufreq"
PINNED = {
    **NANO_6,
    f"{GPU}/min_freq": "1020000000",
    **{f"{CPU}/policy{n}/scaling_{end}_freq": "1728000" for n in (0, 4) for end in ("min", "max")},
    "etc/nvfancontrol.conf": "<FAN 1>\n  FAN_PROFILE quiet {\n  }\n\tFAN_DEFAULT_PROFILE cool\n",
}


def test_modes_have_the_numbers_of_their_board(tmp_path: Path) -> None:
    listed = "< POWER_MODEL ID=3 NAME=7W >\n< POWER_MODEL ID=10 NAME=MAXN >\n"
    files = {
        "etc/nv_tegra_release": "# R36 (release), REVISION: 4.3\n",
        "proc/device-tree/model": "NVIDIA Jetson Orin Nano\0",
        "etc/nvpmodel.conf": listed,
        "var/lib/nvpmodel/status": "pmode:0003 fmode:quiet\n",
    }
    board = read_board(machine(tmp_path, files))
    assert board.name == "NVIDIA Jetson Orin Nano"
    assert board.mode == "7W"
    assert board.modes == {"7W": 3, "MAXN": 10}


def test_a_pc_has_none(tmp_path: Path) -> None:
    board = read_board(machine(tmp_path, PC))
    assert (board.name, board.mode, board.modes) == (None, None, {})


def test_pinned_clocks_and_a_cool_fan_leave_nothing_to_say(tmp_path: Path) -> None:
    assert list(find_restless(machine(tmp_path, PINNED))) == []


@pytest.mark.parametrize(
    ("files", "line"),
    [
        (
            {f"{GPU}/min_freq": "306000000", f"{GPU}/governor": "nvhost_podgov\n"},
            "times at a pinned clock of the GPU: no data: nvhost_podgov may choose 306 to 1020 MHz;"
            " `sudo jetson_clocks` pins it",
        ),
        (
            {f"{CPU}/policy4/scaling_min_freq": "729600"},
            "times at a pinned clock of the CPU: no data: its governor may choose 730 to 1728 MHz;"
            " `sudo jetson_clocks` pins it",
        ),
        (
            {"etc/nvfancontrol.conf": "FAN_DEFAULT_PROFILE quiet\n"},
            "times with the fan's profile cool: no data: found quiet in /etc/nvfancontrol.conf",
        ),
        (
            {"etc/nvfancontrol.conf": ""},
            "times with the fan's profile cool: no data: /etc/nvfancontrol.conf names none; "
            "`sudo nvfancontrol -q` tells",
        ),
    ],
    ids=["gpu", "cpu", "fan", "no fan"],
)
def test_what_may_change_is_one_line(tmp_path: Path, files: dict[str, str], line: str) -> None:
    assert list(find_restless(machine(tmp_path, {**PINNED, **files}))) == [line]


def test_what_cannot_be_read_is_no_data(tmp_path: Path) -> None:
    lines = list(find_restless(machine(tmp_path, NANO_6)))
    assert ["GPU" in lines[0], "CPU" in lines[1], "fan" in lines[2]] == [True] * 3
    assert all(": no data: " in line for line in lines)
    assert f"{GPU}/min_freq is not there" in lines[0]
