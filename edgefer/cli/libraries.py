"""The optional libraries: which are here, and what brings those that are not."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from edgefer.imports import is_there
from edgefer.machine import Machine
from edgefer.versions import installed

_JETPACK = "sudo apt install nvidia-jetpack"
# JetPack's own is there, and this virtual environment does not see it.
_SEE_SYSTEM = "python3 -m venv --system-site-packages FOLDER"
_CUDA = "cuda.bindings"
# The oldest driver of CUDA 13, whose libraries refuse an older one.
_CUDA_13_DRIVER = 580


@dataclass(frozen=True)
class Library:
    """An optional library: the module to look for, and the packages that may have brought it.

    `install` is the command for most machines, `on_jetson` for those where it is another.
    """

    module: str
    packages: tuple[str, ...]
    install: str
    on_jetson: str | None = None


@dataclass(frozen=True)
class Finding:
    """A library as it is on this machine: its version, or None and the command that brings it."""

    name: str
    version: str | None
    install: str | None


def _extra(name: str) -> str:
    return f"pip install 'edgefer[{name}]'"


LIBRARIES = (
    Library(
        "onnxruntime",
        ("onnxruntime", "onnxruntime-gpu"),
        _extra("cpu"),
        "pip install onnxruntime",  # the extra's OpenCV would cover JetPack's own
    ),
    Library("openvino", ("openvino",), _extra("openvino"), "pip install openvino"),
    Library("cv2", ("opencv-python", "opencv-python-headless"), _extra("cpu"), _JETPACK),
    Library("onnx", ("onnx",), _extra("export")),
    Library("onnxsim", ("onnxsim",), _extra("export")),
    Library("torch", ("torch",), _extra("torch")),
    Library("modelopt", ("nvidia-modelopt",), _extra("torch")),
    Library(
        "tensorrt",
        ("tensorrt", "tensorrt-cu12", "tensorrt-cu13"),
        _extra("tensorrt"),
        _JETPACK,
    ),
    Library(
        "tensorrt_rtx_bindings",
        ("tensorrt_rtx_cu13_bindings",),
        _extra("rtx"),
        "not for Jetsons",
    ),
    Library(_CUDA, ("cuda-python", "cuda-bindings"), "pip install cuda-python"),
    Library("pycuda", ("pycuda",), _extra("pycuda")),
)


def find_libraries(machine: Machine) -> list[Finding]:
    """Look for each without importing it: some take seconds, and one that is broken may crash."""
    return [_find(library, machine) for library in LIBRARIES]


def _find(library: Library, machine: Machine) -> Finding:
    if is_there(library.module):
        return Finding(library.module, _version(library), None)
    if library.module == _CUDA:
        return Finding(_CUDA, None, _cuda_python(machine))
    if machine.jetson is None:
        return Finding(library.module, None, library.install)
    if library.on_jetson == _JETPACK and _system_has(library.module):
        return Finding(library.module, None, _SEE_SYSTEM)
    return Finding(library.module, None, library.on_jetson or library.install)


def _cuda_python(machine: Machine) -> str:
    """The one for this JetPack, or else for this driver."""
    if machine.jetson is not None:
        known = (machine.jetpack or "").split(".")[0]
        if known in ("6", "7"):
            return _extra(f"jetpack{known}")
        return _extra("jetpack6") + ", jetpack7 on JetPack 7"
    driver = (machine.nvidia_driver or "").split(".")[0]
    if driver.isdecimal() and int(driver) < _CUDA_13_DRIVER:
        return "pip install 'cuda-python>=12.6,<13'"
    return "pip install cuda-python"


def _system_has(module: str, root: Path = Path("/")) -> bool:
    """Whether the system's own Python has it."""
    names = (f"{module}/__init__.py", f"{module}.*.so")
    return any(any(root.glob(f"usr/lib/python3*/dist-packages/{name}")) for name in names)


def _version(library: Library) -> str:
    found = installed(library.packages)
    return next((found[name] for name in library.packages if name in found), "unknown version")
