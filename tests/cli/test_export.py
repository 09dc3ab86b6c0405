"""`edgefer export` as a user runs it: the bundle, the errors, and what an interruption leaves."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from edgefer.bundle import read_bundle
from edgefer.manifest import Precision

# Runs the command with a signal at one moment of it, or with a limit on the size of files.
DRIVER = """
import os, resource, signal, sys
from contextlib import contextmanager
import edgefer.cli.export as command
import edgefer.files as files
from edgefer.cli.main import main
moment, action, *arguments = sys.argv[1:]
def act():
    os.kill(os.getpid(), getattr(signal, action))
@contextmanager
def progress_bar():
    yield lambda phase, done, total: act() if phase == moment else None
command.progress_bar = progress_bar
if moment == "write":
    files.os.fsync = lambda descriptor: act()
if moment == "full":
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(action), int(action)))
sys.argv = ["edgefer", *arguments]
main()
"""


def run(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False, env=environment
    )


def test_no_other_argument_writes_one_bundle_without_torch(tmp_path: Path) -> None:
    blocked = "import sys; sys.modules['torch'] = sys.modules['modelopt'] = None\n"
    script = f"{blocked}sys.argv = ['edgefer', 'export', '--precision', 'int8']\n"
    done = run(
        [sys.executable, "-c", f"{script}from edgefer.cli.main import main; main()"], tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert [file.name for file in tmp_path.iterdir()] == ["fer-lite-int8.edgefer"]
    assert read_bundle(tmp_path / "fer-lite-int8.edgefer").manifest.precision is Precision.INT8
    assert max(map(len, done.stdout.splitlines())) <= 80


def test_json_is_one_document(edgefer, tmp_path: Path) -> None:
    path = tmp_path / "a.edgefer"
    done = edgefer("export", "--precision", "fp16", "--output", path, "--json")
    document = json.loads(done.out)
    assert document["path"] == str(path)
    assert document["manifest"]["precision"] == "fp16"
    assert document["id"] == read_bundle(tmp_path / "a.edgefer").id


DRAWN = ("--calibration", "synthetic:8", "--allow-drawn")
WRONG = {
    "network": (["alexnet"], "network 'alexnet'"),
    "precision": (["--precision", "int4"], "precision 'int4'"),
    "data kind": (["--calibration", "imagenet:x"], "imagenet"),
    "weights": (["--weights", "no.safetensors"], "no.safetensors"),
    "empty weights": (["--weights", "empty"], "empty"),
    "pickle": (["--weights", "pickle.pth"], "edgefer convert fer-lite pickle.pth"),
    "calibration folder": (["--calibration", "folder:void"], "void"),
    "drawn": (["--calibration", "synthetic:8"], "--allow-drawn"),
    "ranges of fp32": (["--precision", "fp32", "--calibration", "synthetic:8"], "no ranges"),
    "calibrator of fp16": (["--precision", "fp16", "--calibrator", "mse"], "only int8"),
    "calibrator": ([*DRAWN, "--calibrator", "loud"], "min-max, percentile, mse, entropy, auto"),
    "calibrator without faces": (["--calibrator", "entropy"], "--calibration DATA"),
    "faces without faces": (["--calibration-faces", "512"], "--calibration DATA"),
    "calibrator of ranges": (["--ranges", "a.json", "--calibrator", "entropy"], "--calibration"),
    "ranges of fp16": (["--precision", "fp16", "--ranges", "a.json"], "only int8"),
    "two ranges": (["--ranges", "a.json", "--calibration", "synthetic"], "one of the two"),
    "no ranges": (["--ranges", "a.json"], "a.json"),
    "repair": ([*DRAWN, "--repair", "glue"], "equalisation, rounding, bias-correction"),
    "drop without faces": (["--max-drop", "0.5"], "--evaluation DATA"),
    "drop": (["--evaluation", "synthetic:8", "--max-drop", "-1"], "0 to 100 points"),
    "metric": (["--evaluation", "synthetic:8", "--metric", "recall"], "accuracy, macro-f1"),
    "metric of nothing": (["--metric", "macro-f1"], "--evaluation DATA"),
    "faces in both": (
        ["--allow-drawn", "--calibration", "synthetic:8@1", "--evaluation", "synthetic:8@1"],
        "8 of its faces are in",
    ),
    "spec of ours": (["--spec", "missing.toml"], "missing.toml"),
    "onnx": (["missing.onnx"], "missing.onnx"),
    "output folder": (["--output", "nowhere/a.edgefer"], "nowhere"),
    "output": (["--output", "void"], "void"),
    "option": (["--sideways"], "--sideways"),
}


def test_no_repairs_can_be_asked_for_in_words(edgefer, tmp_path: Path) -> None:
    done = edgefer("export", "--repair", "none", "--output", tmp_path / "a.edgefer")
    assert done.status == 0, done.err


def test_fp16_says_which_faces_were_looked_at(edgefer, tmp_path: Path) -> None:
    command = ("export", "--precision", "fp16", "--output", tmp_path / "a.edgefer")
    assert "looked for on drawn faces" in edgefer(*command).out
    assert "looked for on synthetic" in edgefer(*command, *DRAWN).out


def test_the_default_name_is_checked_before_the_work(
    edgefer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "fer-lite-int8.edgefer").mkdir()
    done = edgefer("export", *DRAWN, "--calibration", "nothing:here")
    assert done.status == 2
    assert "fer-lite-int8.edgefer" in done.err


@pytest.mark.parametrize("name", WRONG)
def test_wrong_input_is_one_line_status_2_and_no_file(
    edgefer, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments, expected = WRONG[name]
    monkeypatch.chdir(tmp_path)
    (tmp_path / "void").mkdir()
    (tmp_path / "empty").touch()
    (tmp_path / "pickle.pth").write_bytes(b"\x80\x04K\x01.")
    before = sorted(tmp_path.rglob("*"))
    done = edgefer("export", *arguments)
    assert done.status == 2, done.err
    assert len(done.err.splitlines()) == 1
    assert expected in done.err
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("moment", ["graphs", "checks", "write"])
@pytest.mark.parametrize("action", ["SIGINT", "SIGTERM", "SIGKILL"])
def test_an_interruption_leaves_the_earlier_bundle(
    action: str, moment: str, tmp_path: Path
) -> None:
    earlier = tmp_path / "a.edgefer"
    earlier.write_bytes(b"the earlier bundle")
    arguments = ["export", "--precision", "fp16", "--output", "a.edgefer"]
    done = run([sys.executable, "-c", DRIVER, moment, action, *arguments], tmp_path)
    killed = action == "SIGKILL"
    assert done.returncode == (-signal.SIGKILL if killed else 130), done.stderr
    assert earlier.read_bytes() == b"the earlier bundle"
    assert list(tmp_path.glob("*.edgefer")) == [earlier]
    if not killed:
        assert list(tmp_path.iterdir()) == [earlier]
        assert done.stderr.strip() == "edgefer: interrupted"


def test_a_full_disk_is_status_3_and_no_file(tmp_path: Path) -> None:
    arguments = ["export", "--precision", "fp32"]
    done = run([sys.executable, "-c", DRIVER, "full", "100000", *arguments], tmp_path)
    assert done.returncode == 3, done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_drawn_faces_may_set_the_ranges_when_asked(
    edgefer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = edgefer("export", "--calibration", "synthetic:16", "--allow-drawn")
    assert done.status == 0
    assert "16 drawn faces of synthetic" in done.out


def test_ranges_of_a_file_and_of_its_faces_are_the_same(edgefer, tmp_path: Path) -> None:
    ranges, first, second = tmp_path / "r.json", tmp_path / "a.edgefer", tmp_path / "b.edgefer"
    drawn = ("--calibrator", "mse", "--allow-drawn")
    for command in (
        ("calibrate", "fer-lite", "--data", "synthetic", *drawn, "--output", ranges),
        ("export", "--ranges", ranges, "--allow-drawn", "--output", first),
        ("export", "--calibration", "synthetic", *drawn, "--output", second),
    ):
        done = edgefer(*command)
        assert done.status == 0, done.err
    assert read_bundle(first).id == read_bundle(second).id


def test_the_gate_measures_or_stops(edgefer, tmp_path: Path) -> None:
    path = tmp_path / "a.edgefer"
    measured = ("--evaluation", "synthetic:64", "--output", path)
    done = edgefer("export", *measured, "--max-drop", "100", "--max-confidence-shift", "1")
    assert done.status == 0, done.err
    assert "accuracy gpu.onnx" in done.out
    accuracy = read_bundle(path).manifest.accuracy
    assert accuracy is not None
    assert accuracy["data"]["faces"] == 64
    path.unlink()
    stopped = edgefer("export", *measured, "--precision", "fp16", "--max-confidence-shift", "0")
    assert stopped.status == 1
    assert "mean confidence shift" in stopped.out
    assert "--precision fp32" in stopped.err
    assert not path.exists()


def test_a_network_is_not_written_over(edgefer, tmp_path: Path) -> None:
    path = tmp_path / "mine.onnx"
    path.write_bytes(b"a network")
    for command in (
        ("export", path, "--output", path),
        ("calibrate", path, "--data", "synthetic", "--output", path),
    ):
        done = edgefer(*command)
        assert done.status == 2
        assert "expected a file of its own" in done.err
    assert path.read_bytes() == b"a network"
