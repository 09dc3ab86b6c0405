"""The facts of a machine, read from kernels' files that are made up."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from edgefer.machine import read_machine

ORIN = {
    "proc/cpuinfo": (
        "processor\t: 0\nFeatures\t: fp asimd aes asimdhp asimdrdm asimddp\n"
        "CPU implementer\t: 0x41\nCPU part\t: 0xd42\n"
    ),
    "proc/meminfo": "MemTotal:       31338824 kB\nMemAvailable:   27000000 kB\n",
    "proc/device-tree/model": "NVIDIA Jetson AGX Orin Developer Kit\0",
    "etc/nv_tegra_release": "# R36 (release), REVISION: 4.3, GCID: 38968081, BOARD: generic\n",
    "var/lib/nvpmodel/status": "pmode:0002\n",
    "etc/nvpmodel.conf": (
        "< POWER_MODEL ID=0 NAME=15W >\nCPU_ONLINE CORE_0 1\n"
        "< POWER_MODEL ID=2 NAME=MAXN_SUPER >\n< PM_CONFIG DEFAULT=1 >\n"
    ),
}
DESKTOP = {
    "proc/cpuinfo": (
        "model name\t: AMD Ryzen 9\nflags\t\t: fpu avx2 avx_vnni avx512_vnni\n"
        "\nmodel name\t: AMD Ryzen 9\nflags\t\t: fpu\n"
    ),
    "proc/meminfo": "MemTotal:       100 kB\n",
    "etc/os-release": 'NAME="Ubuntu"\nPRETTY_NAME="Ubuntu 24.04.2 LTS"\n',
    "proc/driver/nvidia/version": (
        "NVRM version: NVIDIA UNIX x86_64 Kernel Module  570.86.15  Fri Jan 3\n"
    ),
    "proc/driver/nvidia/gpus/0000:01:00.0/information": (
        "Model: \t\t NVIDIA GeForce RTX 4090\nIRQ:   \t\t 16\n"
    ),
}


def plant(root: Path, files: dict[str, str]) -> Path:
    """Write `files` under `root`."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def test_a_jetson(tmp_path: Path) -> None:
    machine = read_machine(plant(tmp_path, ORIN))
    assert machine.cpu == "Cortex-A78AE"
    assert machine.int8_instructions == ("asimddp",)
    assert machine.memory == 31338824 * 1024
    assert machine.memory_available == 27000000 * 1024
    assert machine.jetson == "NVIDIA Jetson AGX Orin Developer Kit"
    assert machine.l4t == "R36 (release), REVISION: 4.3, GCID: 38968081, BOARD: generic"
    assert (machine.jetpack, machine.power_mode) == ("6.2", "MAXN_SUPER")


def test_a_desktop(tmp_path: Path) -> None:
    machine = read_machine(plant(tmp_path, DESKTOP))
    assert machine.cpu == "AMD Ryzen 9"
    assert machine.int8_instructions == ("avx512_vnni", "avx_vnni")
    assert machine.system.startswith("Ubuntu 24.04.2 LTS (")
    assert machine.gpus == ("NVIDIA GeForce RTX 4090",)
    assert machine.nvidia_driver == "570.86.15"
    assert (machine.memory_available, machine.jetson, machine.l4t) == (None, None, None)
    assert (machine.jetpack, machine.power_mode) == (None, None)


def test_what_a_jetson_does_not_tell_is_not_guessed(tmp_path: Path) -> None:
    without_names = {name: text for name, text in ORIN.items() if name != "etc/nvpmodel.conf"}
    newer = "# R39 (release), REVISION: 9.9, GCID: 1, BOARD: generic\n"
    machine = read_machine(plant(tmp_path, {**without_names, "etc/nv_tegra_release": newer}))
    assert machine.l4t == "R39 (release), REVISION: 9.9, GCID: 1, BOARD: generic"
    assert (machine.jetpack, machine.power_mode) == (None, None)


def test_another_board_is_no_jetson(tmp_path: Path) -> None:
    model = {"proc/device-tree/model": "Raspberry Pi 5 Model B Rev 1.0\0"}
    assert read_machine(plant(tmp_path, model)).jetson is None


def test_an_unknown_arm_core_is_named_by_its_numbers(tmp_path: Path) -> None:
    cpuinfo = {"proc/cpuinfo": "CPU implementer : 0x61\nCPU part : 0x022\n"}
    machine = read_machine(plant(tmp_path, cpuinfo))
    assert machine.cpu == "Arm core 0x022 of implementer 0x61"


def test_nothing_to_read_is_nothing_known(tmp_path: Path) -> None:
    machine = read_machine(tmp_path)
    assert (machine.cpu, machine.memory, machine.nvidia_driver) == (None, None, None)
    assert (machine.int8_instructions, machine.gpus) == ((), ())
    assert machine.cores >= 1


@pytest.mark.skipif(not Path("/proc/meminfo").exists(), reason="no /proc here")
def test_this_machine() -> None:
    machine = read_machine()
    assert machine.memory is not None
    assert machine.memory > 1 << 28


@pytest.mark.parametrize(
    ("architecture", "instructions", "exact"),
    [
        ("x86_64", (), False),
        ("AMD64", ("avx_vnni",), True),
        ("x86_64", ("avx512_vnni",), True),
        ("x86_64", ("amx_int8",), False),
        ("aarch64", (), True),
        ("aarch64", ("asimddp",), True),
    ],
)
def test_an_x86_adds_exactly_if_it_names_vnni(
    architecture: str, instructions: tuple[str, ...], exact: bool
) -> None:
    machine = replace(read_machine(), architecture=architecture, int8_instructions=instructions)
    assert machine.adds_int8_exactly is exact
