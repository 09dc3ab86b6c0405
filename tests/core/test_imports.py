"""Libraries are imported with what they need, or the extra that brings them is named."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from edgefer.errors import MissingDependency
from edgefer.imports import is_there, require

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


@pytest.mark.parametrize(
    ("library", "used"),
    [
        ("onnxruntime", "InferenceSession(b'', providers=['CPUExecutionProvider'])"),
        ("openvino", "convert_model('')"),
    ],
)
def test_nothing_is_left_in_the_home_folder(tmp_path: Path, library: str, used: str) -> None:
    if not is_there(library):
        pytest.skip(f"{library} is not installed")
    code = (
        "from edgefer.imports import require\n"
        f"library = require('{library}', 'cpu')\n"
        f"try: library.{used}\n"
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


def test_what_reports_is_hidden_from_a_library_while_it_is_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """OpenVINO has a stub for where its telemetry is not installed."""
    (tmp_path / "openvino_telemetry.py").touch()
    for library in ("first", "second"):
        (tmp_path / f"{library}_library.py").write_text(
            "try:\n    import openvino_telemetry\n    REPORTS = True\n"
            "except ImportError:\n    REPORTS = False\n"
        )
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in ("openvino_telemetry", "first_library", "second_library"):
        monkeypatch.setitem(sys.modules, name, None)  # what is imported here goes with the test
        del sys.modules[name]
    assert require("first_library", "cpu").REPORTS is False
    importlib.import_module("openvino_telemetry")
    assert require("second_library", "cpu").REPORTS is True, "the user's own stays"
