"""The setting of a record, here and on machines that are described by their files."""

from __future__ import annotations

import json
import subprocess
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from edgefer import __version__
from edgefer.benchmarks.machine import read_revision, read_setting


def described(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def test_this_machine_as_json() -> None:
    record = json.loads(json.dumps(asdict(read_setting())))
    assert record["versions"]["edgefer"] == __version__
    assert {"numpy", "onnxruntime", "openvino"} <= set(record["versions"])
    assert record["machine"]["cores"] >= 1
    assert datetime.fromisoformat(record["when"]).utcoffset() == timedelta(0)


GPU = {"proc/driver/nvidia/gpus/0000:01:00.0/information": "Model: \t\t NVIDIA RTX 2000\nIRQ: 5\n"}
CPU = {"proc/cpuinfo": "processor\t: 0\nmodel name\t: Some Processor\n"}
JETSON = {
    "proc/cpuinfo": "CPU implementer\t: 0x41\nCPU part\t: 0xd42\n",
    "proc/device-tree/model": "NVIDIA Jetson Orin Nano\0",
    "etc/nv_tegra_release": "# R36 (release), REVISION: 4.3\n",
}


@pytest.mark.parametrize(
    ("files", "backend", "device"),
    [
        (CPU, "onnxruntime", "Some Processor"),
        ({**CPU, **GPU}, "onnxruntime", "Some Processor"),
        ({**CPU, **GPU}, "tensorrt", "NVIDIA RTX 2000"),
        (JETSON, "tensorrt", "NVIDIA Jetson Orin Nano"),
        (JETSON, "onnxruntime", "NVIDIA Jetson Orin Nano, Cortex-A78AE"),
        ({**CPU, **GPU}, "openvino", "Some Processor"),
    ],
    ids=["cpu", "cpu beside gpu", "gpu", "jetson", "cpu of a jetson", "openvino"],
)
def test_the_device_is_named(
    files: dict[str, str], backend: str, device: str, tmp_path: Path
) -> None:
    assert read_setting(described(tmp_path, files)).device(backend) == device


def test_a_machine_that_tells_nothing_has_its_architecture(tmp_path: Path) -> None:
    setting = read_setting(tmp_path)
    assert setting.device("onnxruntime") == setting.machine.architecture


def test_the_revision_of_a_checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@b"]
    subprocess.run([*git, "init", "-q"], check=True)
    assert read_revision(tmp_path) is None
    (tmp_path / "pyproject.toml").touch()
    assert read_revision(tmp_path) is None
    subprocess.run([*git, "add", "."], check=True)
    subprocess.run([*git, "commit", "-qm", "a"], check=True)
    commit = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True)
    assert read_revision(tmp_path) == commit.stdout.strip()
    (tmp_path / "pyproject.toml").write_text("changed")
    assert read_revision(tmp_path) == f"{commit.stdout.strip()}-dirty"
    monkeypatch.setenv("PATH", "")
    assert read_revision(tmp_path) is None
