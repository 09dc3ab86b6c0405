"""The program itself: help, completion, and what becomes of errors."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from edgefer import __version__
from edgefer.cli.main import app
from edgefer.errors import CheckFailed, EdgeferError, InputError, MachineError, RuntimeLost
from tests.cli.program import ROOT, program

COMMANDS = [command.callback.__name__ for command in app.registered_commands if command.callback]


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> Callable[[BaseException], None]:
    """Make `edgefer inspect` raise, wherever it is."""

    def arrange(error: BaseException) -> None:
        def read_bundle(path: Path) -> None:
            raise error

        monkeypatch.setattr("edgefer.bundle.read_bundle", read_bundle)

    return arrange


def test_version(edgefer) -> None:
    outcome = edgefer("--version")
    assert (outcome.status, outcome.out, outcome.err) == (0, f"edgefer {__version__}\n", "")


def test_without_a_command_help_is_shown_and_the_status_is_wrong_input(edgefer) -> None:
    outcome = edgefer()
    assert outcome.status == 2
    assert "Commands:" in outcome.out


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example_of_at_most_80_columns(edgefer, command) -> None:
    outcome = edgefer(command, "--help")
    assert outcome.status == 0
    assert f"edgefer {command}" in outcome.out.partition("Example:")[2]
    assert max(map(len, outcome.out.splitlines())) <= 80


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (CheckFailed("c"), 1),
        (InputError("i"), 2),
        (MachineError("m"), 3),
        (RuntimeLost("r"), 70),
        (KeyboardInterrupt(), 130),
    ],
    ids=lambda value: type(value).__name__,
)
def test_an_error_becomes_one_line_and_its_status(edgefer, failing, error, status) -> None:
    failing(error)
    outcome = edgefer("inspect", "x.edgefer")
    assert outcome.status == status
    assert outcome.out == ""
    assert (
        outcome.err == f"edgefer: {error if isinstance(error, EdgeferError) else 'interrupted'}\n"
    )


def test_a_message_is_folded_to_one_line_that_cannot_steer_the_terminal(edgefer, failing) -> None:
    failing(InputError("one\n  two\x1b[31m"))
    assert edgefer("inspect", "x").err == "edgefer: one two?[31m\n"


@pytest.mark.parametrize("text", ["", "Unable to allocate 9. TiB"])
def test_too_little_memory_is_the_machines(edgefer, failing, text: str) -> None:
    failing(MemoryError(text))
    outcome = edgefer("inspect", "x")
    assert (outcome.status, outcome.out) == (3, "")
    assert outcome.err.count("\n") == 1
    assert "too little memory" in outcome.err
    assert text in outcome.err


def test_a_bug_keeps_its_traceback(edgefer, failing) -> None:
    failing(ZeroDivisionError("a bug"))
    with pytest.raises(ZeroDivisionError):
        edgefer("inspect", "x")


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("inspect",), "Missing argument"),
        (("inspect", "--nonsense", "x"), "--nonsense"),
        (("nonsense",), "nonsense"),
        (("--nonsense",), "--nonsense"),
    ],
)
def test_wrong_usage_is_one_line_that_points_to_the_help(edgefer, arguments, text) -> None:
    outcome = edgefer(*arguments)
    assert outcome.status == 2
    assert outcome.out == ""
    assert outcome.err.startswith("edgefer: ")
    assert outcome.err.count("\n") == 1
    assert text in outcome.err
    assert "--help" in outcome.err


def test_completion_script_for_bash() -> None:
    done = program("--show-completion", "bash")
    assert done.returncode == 0
    assert "_EDGEFER_COMPLETE=complete_bash" in done.stdout


@pytest.mark.parametrize(
    ("words", "expected"), [("edgefer ins", "inspect"), ("edgefer inspect --j", "--json")]
)
def test_completion_candidates(words: str, expected: str) -> None:
    done = program(
        _EDGEFER_COMPLETE="complete_bash",
        COMP_WORDS=words,
        COMP_CWORD=str(words.count(" ")),
    )
    assert (done.returncode, done.stdout.split()) == (0, [expected])


def test_completion_is_installed_in_the_home_folder(tmp_path: Path) -> None:
    done = program("--install-completion", "bash", HOME=str(tmp_path))
    assert done.returncode == 0
    assert "complete_bash" in (tmp_path / ".bash_completions" / "edgefer.sh").read_text()


@pytest.mark.parametrize("arguments", [["inspect", "BUNDLE"], ["--help"]], ids=" ".join)
def test_a_reader_that_leaves_is_no_traceback(bundle: Path, arguments: list[str]) -> None:
    arguments = [str(bundle) if text == "BUNDLE" else text for text in arguments]
    command = [sys.executable, "-m", "edgefer", *arguments]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait() == 141


def waiting(hang_up: str, seconds: int) -> subprocess.Popen[bytes]:
    """A command that takes so long, started by one that has this handler for SIGHUP."""
    code = f"""
import signal, sys, time, edgefer.bundle, edgefer.cli.main as m
def wait(path):
    print("ready", flush=True)
    time.sleep({seconds})
    sys.exit(5)
edgefer.bundle.read_bundle = wait
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.{hang_up})
sys.argv = ["edgefer", "inspect", "x"]
m.main()
"""
    return subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=str)
def test_a_signal_ends_it_with_130(stop: signal.Signals) -> None:
    with waiting("SIG_DFL", 60) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(stop)
        _, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (130, b"edgefer: interrupted\n")


def test_what_nohup_started_goes_on() -> None:
    with waiting("SIG_IGN", 1) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(signal.SIGHUP)
        _, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (5, b"")


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys, edgefer.cli.main\n"
        "heavy = {'numpy', 'rich', 'cv2', 'onnx', 'onnxruntime', 'torch'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
