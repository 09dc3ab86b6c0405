"""The package itself: what is in the wheel, that it runs, that a Jetson can resolve it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# Below edgefer/ in the wheel, beside it in a checkout.
AT_THE_ROOT = ("calibration", "export", "runtime", "benchmarks")


def on_disk() -> set[str]:
    """The files that belong in the wheel, by the names that they have there."""
    python = {
        path.relative_to(ROOT)
        for folder in ("edgefer", *AT_THE_ROOT)
        for path in (ROOT / folder).rglob("*.py")
    }
    assets = {
        path.relative_to(ROOT)
        for path in (ROOT / "edgefer/assets").iterdir()
        if path.is_file() and path.suffix != ".tmp"
    }
    return {
        path.as_posix() if path.parts[0] == "edgefer" else f"edgefer/{path.as_posix()}"
        for path in python | assets | {Path("edgefer/py.typed")}
    }


def test_wheel_holds_what_is_on_disk(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert names == on_disk()


def test_wheel_says_what_it_is(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (scripts,) = (name for name in archive.namelist() if name.endswith("entry_points.txt"))
        (licence,) = (name for name in archive.namelist() if name.endswith("licenses/LICENSE"))
        assert archive.read(scripts).decode().split("\n")[1] == "edgefer = edgefer.cli.main:main"
        assert b"Apache License" in archive.read(licence)


@pytest.mark.parametrize("start", [["-m", "edgefer"], ["bin/edgefer"]], ids=["module", "script"])
def test_installed_wheel_runs_from_anywhere(
    installed: Path, tmp_path: Path, start: list[str]
) -> None:
    if start[0] != "-m":
        start = [str(installed / start[0])]
    done = run_installed(installed, tmp_path, *start, "--help")
    assert done.returncode == 0, done.stderr
    assert "export" in done.stdout


def test_installed_wheel_does_not_look_beside_itself(installed: Path, tmp_path: Path) -> None:
    done = run_installed(installed, tmp_path, "-c", "import edgefer; print(*edgefer.__path__)")
    assert done.stdout.strip() == str(installed / "edgefer")


def run_installed(
    installed: Path, folder: Path, *arguments: str
) -> subprocess.CompletedProcess[str]:
    """Run Python in `folder` with the installed wheel before everything else."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("extra", "python", "glibc", "numpy", "cuda"),
    [("jetpack6", "3.10", 35, "1.", "12."), ("jetpack7", "3.12", 39, "", "13.")],
    ids=["jetpack6", "jetpack7"],
)
def test_a_jetson_resolves_its_extra(
    wheel: Path, tmp_path: Path, extra: str, python: str, glibc: int, numpy: str, cuda: str
) -> None:
    chosen = resolve_on_jetson(f"{wheel}[{extra}]", python, glibc, tmp_path / "none")
    assert chosen["numpy"].startswith(numpy)
    assert chosen["cuda-python"].startswith(cuda)
    # JetPack brings its own; pip would put another over it.
    assert {name for name in chosen if name.startswith(("opencv", "tensorrt", "torch"))} == set()


def resolve_on_jetson(requirement: str, python: str, glibc: int, target: Path) -> dict[str, str]:
    """The versions that pip would install on a Jetson; skips where the index has no numpy."""
    platforms = [f"--platform=manylinux_2_{minor}_aarch64" for minor in range(17, glibc + 1)]
    report = target.with_name("report.json")  # on standard output it may be coloured
    command = [
        *(sys.executable, "-m", "pip", "install", "--dry-run", "--ignore-installed"),
        *("--quiet", f"--report={report}", "--retries=1", "--timeout=20", "--only-binary=:all:"),
        *(f"--python-version={python}", *platforms, "--platform=manylinux2014_aarch64"),
        f"--target={target}",
    ]
    for wanted in ("numpy", requirement):
        done = subprocess.run([*command, wanted], capture_output=True, text=True, check=False)
        if wanted == "numpy" and done.returncode != 0:
            pytest.skip(f"no package index answers: {' '.join(done.stderr.split())[-200:]}")
    assert done.returncode == 0, done.stderr
    items = (item["metadata"] for item in json.loads(report.read_bytes())["install"])
    return {item["name"].lower(): item["version"] for item in items}
