"""What machine this is, read from the files of its kernel. Imports no inference library."""

from __future__ import annotations

import os
import platform
import re
from dataclasses import dataclass
from pathlib import Path

from edgefer.jetson import find_jetpack, power_mode

# What the kernel calls the instructions that multiply INT8: x86 "flags", Arm "Features".
_INT8_FLAGS = (
    "avx512_vnni",
    "avx_vnni",
    "avx_vnni_int8",
    "amx_int8",
    "asimddp",
    "i8mm",
)
_X86 = ("x86_64", "amd64", "i686")
# Arm's kernel gives numbers (implementer, part): the cores of Jetsons and of common small boards.
_ARM_CORES = {
    ("0x41", "0xd03"): "Cortex-A53",
    ("0x41", "0xd07"): "Cortex-A57",
    ("0x41", "0xd08"): "Cortex-A72",
    ("0x41", "0xd0b"): "Cortex-A76",
    ("0x41", "0xd42"): "Cortex-A78AE",
    ("0x41", "0xd83"): "Neoverse V3AE",
    ("0x4e", "0x004"): "Carmel",
}

# Our choice: more than any machine has cores; a library may take so many that it cannot be stopped.
MOST_THREADS = 1024


@dataclass(frozen=True)
class Machine:
    """Facts about this machine; None where it does not tell.

    `int8_instructions` are the kernel's names, `cores` those this process may use, memory is in
    bytes. `gpus` are those of the desktop driver; of a Jetson, `jetson` is the board's name,
    `l4t` the release line of its Linux, `jetpack` its version and `power_mode` the name.
    """

    python: str
    system: str
    architecture: str
    cpu: str | None
    int8_instructions: tuple[str, ...]
    cores: int
    memory: int | None
    memory_available: int | None
    gpus: tuple[str, ...]
    nvidia_driver: str | None
    jetson: str | None
    l4t: str | None
    jetpack: str | None
    power_mode: str | None

    @property
    def processor(self) -> str:
        """What the CPU of this machine is called, with the board's name of a Jetson."""
        return ", ".join(filter(None, (self.jetson, self.cpu))) or self.architecture

    @property
    def adds_int8_exactly(self) -> bool:
        """False for an x86 without VNNI, or one that does not tell.

        There ONNX Runtime's kernels for unsigned activations and signed weights add pairs of
        products in 16 bits, which saturate: `fer-lite` lost 2 points of accuracy to that.
        """
        x86 = self.architecture.lower() in _X86
        return not x86 or any("vnni" in name for name in self.int8_instructions)


def read_machine(root: Path = Path("/")) -> Machine:
    """This machine, or the one whose /proc and /etc stand under `root`."""
    cpuinfo = _text(root / "proc/cpuinfo")
    meminfo = _text(root / "proc/meminfo")
    nvidia = root / "proc/driver/nvidia"
    driver = re.search(r" (\d+\.[\d.]+) ", _text(nvidia / "version"))
    gpus = (_field(_text(path), "Model") for path in sorted(nvidia.glob("gpus/*/information")))
    l4t = _text(root / "etc/nv_tegra_release").split("\n")[0].lstrip("# ") or None
    jetpack = find_jetpack(l4t)
    status = _text(root / "var/lib/nvpmodel/status")
    board = _text(root / "proc/device-tree/model").rstrip("\0\n") or None
    return Machine(
        python=platform.python_version(),
        system=_system(root),
        architecture=platform.machine(),
        cpu=_cpu(cpuinfo),
        int8_instructions=_int8_instructions(cpuinfo),
        cores=_cores(),
        memory=_kibibytes(meminfo, "MemTotal"),
        memory_available=_kibibytes(meminfo, "MemAvailable"),
        gpus=tuple(gpu for gpu in gpus if gpu),
        nvidia_driver=driver[1] if driver else None,
        jetson=board if l4t or "jetson" in (board or "").lower() else None,
        l4t=l4t,
        jetpack=jetpack.version if jetpack else None,
        power_mode=power_mode(status, _text(root / "etc/nvpmodel.conf")),
    )


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""


def _system(root: Path) -> str:
    kernel = f"{platform.system()} {platform.release()}"
    name = re.search(r'^PRETTY_NAME="?([^"\n]+)', _text(root / "etc/os-release"), re.MULTILINE)
    return f"{name[1]} ({kernel})" if name else kernel


def _cpu(cpuinfo: str) -> str | None:
    name = _field(cpuinfo, "model name")
    if name is not None:
        return name
    core = (_field(cpuinfo, "CPU implementer") or "", _field(cpuinfo, "CPU part") or "")
    if not all(core):
        return None
    return _ARM_CORES.get(core, f"Arm core {core[1]} of implementer {core[0]}")


def _int8_instructions(cpuinfo: str) -> tuple[str, ...]:
    flags = (_field(cpuinfo, "flags") or _field(cpuinfo, "Features") or "").split()
    return tuple(flag for flag in _INT8_FLAGS if flag in flags)


def _field(text: str, name: str) -> str | None:
    found = re.search(rf"^{name}\s*:[ \t]*(\S.*)$", text, re.MULTILINE)
    return found[1].strip() if found else None


def _kibibytes(meminfo: str, name: str) -> int | None:
    value = _field(meminfo, name)
    number = re.match(r"\d+", value or "")
    return int(number[0]) * 1024 if number else None


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):  # Linux: a container may have fewer than the machine
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
