"""Standard output and error that are full, closed, of another encoding, or a terminal."""

from __future__ import annotations

import json
import os
import pty
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.cli.program import ROOT, program

FULL = Path("/dev/full")


@pytest.mark.skipif(not FULL.exists(), reason="needs Linux's /dev/full")
@pytest.mark.parametrize(
    "arguments",
    [("inspect", "BUNDLE"), ("inspect", "BUNDLE", "--card"), ("models", "--json"), ("--help",)],
    ids=" ".join,
)
def test_a_full_disk_behind_standard_output(bundle: Path, arguments: tuple[str, ...]) -> None:
    with FULL.open("wb") as full:
        done = program(*(bundle if text == "BUNDLE" else text for text in arguments), stdout=full)
    assert done.returncode == 3
    assert done.stderr.startswith("edgefer: standard output: cannot be written (No space left")
    assert done.stderr.count("\n") == 1


@pytest.mark.skipif(not FULL.exists(), reason="needs Linux's /dev/full")
def test_a_full_disk_behind_standard_error_changes_no_status(tmp_path: Path) -> None:
    assert shell("2> /dev/full", "inspect", tmp_path / "none").returncode == 2


def test_closed_standard_output_is_refused(bundle: Path) -> None:
    done = shell(">&-", "inspect", bundle)
    assert done.returncode == 3
    assert done.stderr == (
        b"edgefer: standard output is closed; send it to /dev/null to do without\n"
    )


def test_closed_standard_error_keeps_standard_output_clean(tmp_path: Path) -> None:
    done = shell("2>&-", "inspect", tmp_path / "none", "--json")
    assert (done.returncode, done.stdout, done.stderr) == (2, b"", b"")


def shell(redirection: str, *arguments: object) -> subprocess.CompletedProcess[bytes]:
    """The program with a redirection by a shell."""
    command = [sys.executable, "-m", "edgefer", *map(str, arguments)]
    return subprocess.run(
        f"{shlex.join(command)} {redirection}",
        shell=True,
        cwd=ROOT,
        capture_output=True,
        check=False,
    )


def test_an_encoding_without_the_character(bundle: Path, tmp_path: Path) -> None:
    path = tmp_path / "é.edgefer"
    path.write_bytes(bundle.read_bytes())
    done = program("inspect", path, PYTHONIOENCODING="ascii", PYTHONUTF8="1")
    assert (done.returncode, done.stderr) == (0, "")
    assert "/?." in "".join(done.stdout.split())


def test_a_bar_in_the_terminal_leaves_standard_output_alone(bundle: Path, tmp_path: Path) -> None:
    cv2 = pytest.importorskip("cv2")
    video, lines = tmp_path / "clip.avi", tmp_path / "lines"
    writer = cv2.VideoWriter(str(video), cv2.VideoWriter.fourcc(*"MJPG"), 10, (100, 80))
    for _ in range(4):
        writer.write(np.zeros((80, 100, 3), np.uint8))
    writer.release()
    terminal, inside = pty.openpty()
    command = [sys.executable, "-m", "edgefer", "run", str(bundle), str(video), "--json"]
    with (
        lines.open("wb") as out,
        subprocess.Popen(
            command,
            env={**os.environ, "TERM": "xterm", "XDG_CACHE_HOME": str(tmp_path)},
            cwd=ROOT,
            stdout=out,
            stderr=inside,
        ) as process,
    ):
        os.close(inside)
        seen = everything(terminal)
    assert process.returncode == 0, seen
    assert "clip.avi" in seen
    frames = [json.loads(line)["frame"] for line in lines.read_text().splitlines()]
    assert frames == [0, 1, 2, 3]


def everything(terminal: int) -> str:
    """What is written to a terminal until the last program there ends."""
    seen = b""
    with os.fdopen(terminal, "rb", buffering=0) as file:
        try:
            while step := file.read(4096):
                seen += step
        except OSError:  # Linux's way to say that it is over
            pass
    return seen.decode(errors="replace")
