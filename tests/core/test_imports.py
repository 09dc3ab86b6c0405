"""Libraries are imported with what they need, or the extra that brings them is named."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from edgefer.errors import MissingDependency
from edgefer.imports import require

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("content", "reason"),
    [(None, "is not installed"), ("import no_such_part", "does not load .*no_such_part")],
)
def test_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str | None, reason: str
) -> None:
    if content is not None:
        (tmp_path / "no_such_library.py").write_text(content)
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(
        MissingDependency, match=rf"no_such_library {reason}.*pip install 'edgefer\[cpu\]'"
    ):
        require("no_such_library", "cpu")


@pytest.mark.parametrize("told", [None, "0"], ids=["by default", "as the user says"])
def test_telemetry_is_off_before_a_library_is_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: str | None
) -> None:
    monkeypatch.delenv("ORT_DISABLE_TELEMETRY")
    if told is not None:
        monkeypatch.setenv("ORT_DISABLE_TELEMETRY", told)
    library = "import os; FOUND = os.environ['ORT_DISABLE_TELEMETRY']"
    (tmp_path / "looks_at_the_environment.py").write_text(library)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "looks_at_the_environment", raising=False)
    assert (told or "1") == require("looks_at_the_environment", "cpu").FOUND


def test_onnxruntime_leaves_nothing_in_the_home_folder(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    code = (
        "from edgefer.imports import require\n"
        "ort = require('onnxruntime', 'cpu')\n"
        "try: ort.InferenceSession(b'', providers=['CPUExecutionProvider'])\n"
        "except Exception: pass\n"
    )
    hidden = {"ORT_DISABLE_TELEMETRY", "XDG_CACHE_HOME"}
    environment = {name: text for name, text in os.environ.items() if name not in hidden}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**environment, "HOME": str(tmp_path)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert list(tmp_path.rglob("*")) == []
