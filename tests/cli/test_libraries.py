"""What is said of a library that is missing, on a desktop and on a Jetson."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from edgefer.cli.libraries import _system_has, find_libraries
from edgefer.machine import Machine, read_machine

PC = replace(read_machine(), jetson=None, l4t=None, jetpack=None, nvidia_driver=None)
ORIN = replace(PC, jetson="NVIDIA Jetson Orin Nano")


@pytest.fixture
def nothing_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """No library is installed."""
    monkeypatch.setattr("edgefer.cli.libraries.is_there", lambda module: False)


def missing(machine: Machine) -> dict[str, str]:
    """What to install, by the name of the library."""
    return {found.name: found.install for found in find_libraries(machine) if found.install}


@pytest.mark.usefixtures("nothing_here")
def test_on_a_jetson_nothing_is_put_over_jetpack() -> None:
    found = missing(ORIN)
    assert found["tensorrt"].startswith("sudo apt")
    assert found["cv2"].startswith("sudo apt")
    assert found["onnxruntime"] == "pip install onnxruntime"
    assert found["openvino"] == "pip install openvino"
    assert found["tensorrt_rtx_bindings"] == "not for Jetsons"


@pytest.mark.usefixtures("nothing_here")
def test_jetpack_that_the_environment_does_not_see(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edgefer.cli.libraries._system_has", lambda module: module == "tensorrt")
    found = missing(ORIN)
    assert "--system-site-packages" in found["tensorrt"]
    assert found["cv2"].startswith("sudo apt")


@pytest.mark.usefixtures("nothing_here")
@pytest.mark.parametrize(
    ("jetpack", "install"),
    [
        ("6.2.1", "pip install 'edgefer[jetpack6]'"),
        ("7.2", "pip install 'edgefer[jetpack7]'"),
        (None, "pip install 'edgefer[jetpack6]', jetpack7 on JetPack 7"),
    ],
)
def test_cuda_python_for_a_jetpack(jetpack: str | None, install: str) -> None:
    assert missing(replace(ORIN, jetpack=jetpack))["cuda.bindings"] == install


@pytest.mark.usefixtures("nothing_here")
@pytest.mark.parametrize(
    ("driver", "install"),
    [
        (None, "pip install cuda-python"),
        ("580.65.06", "pip install cuda-python"),
        ("570.86.15", "pip install 'cuda-python>=12.6,<13'"),
    ],
)
def test_cuda_python_for_a_driver(driver: str | None, install: str) -> None:
    assert missing(replace(PC, nvidia_driver=driver))["cuda.bindings"] == install


@pytest.mark.parametrize(
    ("file", "has"),
    [
        ("usr/lib/python3.10/dist-packages/tensorrt/__init__.py", True),
        ("usr/lib/python3/dist-packages/tensorrt.cpython-312-aarch64-linux-gnu.so", True),
        ("usr/lib/python3.10/dist-packages/tensorrt_lean/__init__.py", False),
    ],
)
def test_the_system_is_looked_into(tmp_path: Path, file: str, has: bool) -> None:
    path = tmp_path / file
    path.parent.mkdir(parents=True)
    path.touch()
    assert _system_has("tensorrt", tmp_path) is has
