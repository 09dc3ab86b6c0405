"""What doctor warns of, found in made-up folders and machines."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from edgefer.cli.doctor_cache import CacheFolder, read_cache
from edgefer.cli.doctor_warnings import find_places, find_warnings
from edgefer.machine import Machine, read_machine
from edgefer.runtime.trial import LibraryTrial

CACHE = CacheFolder("cache", None, 0, 0)
PC = replace(read_machine(), jetson=None, l4t=None, jetpack=None)
ORIN = replace(PC, jetson="Orin", l4t="R36 (release), REVISION: 4.3, GCID: 1", jetpack="6.2")


def install(folder: Path, packages: dict[str, str], module: bool = True) -> Path:
    """What pip or apt leaves in a folder of Python packages."""
    for name, version in packages.items():
        (folder / f"{name.replace('-', '_')}-{version}.dist-info").mkdir(parents=True)
    if module:
        (folder / "tensorrt").mkdir(parents=True)
        (folder / "tensorrt/__init__.py").touch()
    return folder


def warnings(
    monkeypatch: pytest.MonkeyPatch, *folders: Path, machine: Machine = PC, version: str = "10.3.0"
) -> list[str]:
    """What is found where Python looks into these folders alone."""
    monkeypatch.setattr("sys.path", [str(folder) for folder in folders])
    tried = LibraryTrial("tensorrt", version, "/a/tensorrt/__init__.py")
    return list(find_warnings(machine, tried, CACHE))


def test_one_installation_is_no_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("tensorrt", "tensorrt_cu12", "tensorrt-cu12-libs", "tensorrt_cu12_bindings")
    folder = install(tmp_path, dict.fromkeys(names, "10.13.3.9"))
    install(folder, {"tensorrt_rtx_cu13_libs": "1.7.1", "tensorrt_lean": "10.9"}, module=False)
    assert warnings(monkeypatch, folder, folder) == []
    assert [name for name, _ in find_places()[0].packages] == [
        "tensorrt",
        "tensorrt-cu12",
        "tensorrt-cu12-bindings",
        "tensorrt-cu12-libs",
    ]


def test_none_is_no_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert warnings(monkeypatch, tmp_path, tmp_path / "not there") == []


def test_pip_over_jetpack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pip = install(tmp_path / "venv", {"tensorrt": "10.9.0", "tensorrt_cu12": "10.9.0"})
    jetpack = install(tmp_path / "dist-packages", {"tensorrt": "10.3.0"})
    (warning,) = warnings(monkeypatch, pip, jetpack, machine=ORIN)
    assert f"{pip} (tensorrt 10.9.0, tensorrt-cu12 10.9.0) and in {jetpack} (" in warning
    assert f"{pip}/tensorrt/__init__.py is imported" in warning
    assert "run: pip uninstall tensorrt tensorrt-cu12" in warning


def test_two_places_on_a_desktop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = install(tmp_path / "one", {}), install(tmp_path / "two", {"tensorrt": "10.3.0"})
    (warning,) = warnings(monkeypatch, first, second)
    assert f"{first} (of no package) and in {second} (tensorrt 10.3.0)" in warning
    assert "uninstall the one that is not wanted" in warning


@pytest.mark.parametrize(
    "packages",
    [
        {"tensorrt-cu12": "10.13.3", "tensorrt-cu13": "10.13.3"},
        {"tensorrt-cu12": "10.13.3", "tensorrt-cu12-libs": "10.9.0"},
    ],
    ids=["two CUDAs", "two versions"],
)
def test_packages_that_do_not_fit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, packages: dict[str, str]
) -> None:
    (warning,) = warnings(monkeypatch, install(tmp_path, packages))
    assert warning.startswith("tensorrt: expected packages of one version and one CUDA, found")
    assert all(f"{name} {version}" in warning for name, version in packages.items())


def test_another_tensorrt_than_that_of_the_jetpack(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert warnings(monkeypatch, tmp_path, machine=ORIN) == []
    (warning,) = warnings(monkeypatch, tmp_path, machine=ORIN, version="10.9.0.34")
    assert "JetPack 6.2 brings TensorRT 10.3.0, found 10.9.0.34 in /a/tensorrt" in warning


def test_a_jetpack_that_is_too_old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = replace(ORIN, l4t="R36 (release), REVISION: 3.0, GCID: 1", jetpack="6.0")
    (warning,) = warnings(monkeypatch, tmp_path, machine=old, version="8.6.2")
    assert warning.startswith("JetPack 6.0 has TensorRT 8.6.2; expected 10.3 or newer")


def test_engines_that_others_can_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert read_cache(tmp_path) == CacheFolder(str(tmp_path), None, 0, 0)
    folder = tmp_path / "engines"
    folder.mkdir(mode=0o700)
    (folder / "a.engine").write_bytes(b"12345")
    (folder / "a.json").write_bytes(b"{}")
    assert read_cache(tmp_path) == CacheFolder(str(tmp_path), False, 1, 5)
    folder.chmod(0o770)
    cache = read_cache(tmp_path)
    assert cache.others_can_write is True
    monkeypatch.setattr("sys.path", [])
    (warning,) = find_warnings(PC, None, cache)
    assert warning.startswith(f"{folder}: others can write to it")
