"""`edgefer benchmark --suite jetson`: on a board whose files are fakes, mode by mode."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("onnx", reason="the tiny bundle and the fakes of TensorRT need onnx")

from edgefer.benchmarks.machine import read_setting
from edgefer.benchmarks.measure import measure
from edgefer.benchmarks.plan import Plan
from edgefer.benchmarks.record_schema import check_record
from edgefer.benchmarks.scenarios import Scenario
from edgefer.benchmarks.telemetry import find_provider
from edgefer.benchmarks.turns import Length
from edgefer.bundle import Bundle, read_bundle
from edgefer.cli.benchmark_run import Outputs, Wanted
from edgefer.cli.benchmark_suite import run_suite
from edgefer.errors import CheckFailed, InputError, MachineError
from tests.benchmarks.telemetry_trees import NANO_6, machine
from tests.fakes.device import DEVICE
from tests.fakes.planted import plant

NUMBERS = {"batch": 1, "streams": 2, "rate": 1000.0, "fps": 1000.0, "bound": None}
QUICK = ("--duration", 0.01, "--queries", 3, "--threads", 1, "--fps", 1000, "--rate", 1000)
JETSON = {
    **NANO_6,
    "etc/nv_tegra_release": "# R36 (release), REVISION: 4.3\n",
    "proc/device-tree/model": "NVIDIA Jetson Orin Nano\0",
    "etc/nvfancontrol.conf": "<FAN 1>\n\tFAN_DEFAULT_PROFILE cool\n",
}
NUMBER = {"15W": 0, "25W": 1, "MAXN_SUPER": 2}


class Suite:
    """The command before one board, with one document and one report."""

    def __init__(self, root: Path, bundle: Path, folder: Path) -> None:
        self.root, self.bundles = root, [bundle]
        self.document, self.report = folder / "orin.json", folder / "orin.html"

    def run(self, *modes: str, json: bool = False, **wanted: Any) -> None:
        """With these --modes, and without a word on others."""
        given: dict[str, Any] = {
            "bundles": self.bundles,
            "backends": ["onnxruntime"],
            "against": None,
            "scenarios": "single",
            "threads": 1,
            "length": (0.01, 3),
            "numbers": NUMBERS,
            **dict.fromkeys(("data", "frames", "detector", "weights")),
            **dict.fromkeys(("skip_broken", "memory"), False),
        }
        outputs = Outputs(self.document, self.report, json)
        run_suite("jetson", modes, Wanted(**{**given, **wanted}), outputs, self.root)

    def set_mode(self, mode: str) -> None:
        """As the user does with nvpmodel."""
        machine(self.root, {"var/lib/nvpmodel/status": f"pmode:{NUMBER[mode]:04}\n"})

    def written(self) -> dict[str, Any]:
        """The document."""
        found: dict[str, Any] = json.loads(self.document.read_bytes())
        return found

    def rewrite(self, change: Callable[[dict[str, Any]], None]) -> None:
        """Change the document."""
        document = self.written()
        change(document)
        self.document.write_text(json.dumps(document))


@pytest.fixture(autouse=True)
def _without_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Energy is measured in no time, and doctor starts no library that takes seconds."""
    monkeypatch.setattr("edgefer.benchmarks.energy_run.IDLE_S", 0.01)
    monkeypatch.setattr("edgefer.benchmarks.energy_run.LEAST_S", 0.05)
    monkeypatch.setattr("edgefer.cli.doctor.children_to_try", lambda: ["cuda"])


@pytest.fixture
def board(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, bundle: Path) -> Suite:
    """An Orin Nano in the mode 15W, with a folder of its own for what is written."""
    root = machine(tmp_path / "root", JETSON)
    monkeypatch.setattr("edgefer.benchmarks.measure.read_setting", partial(read_setting, root))
    monkeypatch.setattr("edgefer.benchmarks.measure.find_provider", partial(find_provider, root))
    (tmp_path / "written").mkdir()
    suite = Suite(root, bundle, tmp_path / "written")
    suite.set_mode("15W")
    return suite


@pytest.fixture(scope="module")
def record(bundle: Path) -> dict[str, Any]:
    """What was really measured once, of one scenario."""
    return measure(Plan([bundle], ("onnxruntime",), length=Length(0.05, 200), bound=1e-6))


@pytest.fixture
def replayed(
    board: Suite, record: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> dict[str, Any]:
    """For tests that are not about measuring: the same record each time, of the board as it is."""
    copied = deepcopy(record)
    copied["results"][0]["bound"] = None

    def replay(plan: Plan, progress: object) -> dict[str, Any]:
        return {**deepcopy(copied), **asdict(read_setting(board.root)), "settings": plan.settings()}

    monkeypatch.setattr("edgefer.benchmarks.measure.measure", replay)
    return copied


def test_one_command_here(edgefer, bundle: Path) -> None:
    done = edgefer("benchmark", bundle, "--suite", "jetson", *QUICK, "--json")
    assert done.status == 0, done.err
    document = json.loads(done.out)
    assert (document["schema"], document["kind"], document["suite"]) == (1, "suite", "jetson")
    assert document["left"] == []
    assert document["doctor"]["machine"]["cores"] >= 1
    (run,) = document["runs"]
    check_record(run["record"])
    scenarios = {result["scenario"] for result in run["record"]["results"]}
    assert scenarios == set(map(str, Scenario)) - {"end-to-end"}


def test_engines_are_built_first(
    edgefer, bundle: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("edgefer.runtime.cuda.DRIVER", None)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    plant(monkeypatch, "tensorrt_10_3", "cuda_python")
    options = ("--suite", "jetson", *QUICK, "--backend", "tensorrt", "--json")
    done = edgefer("benchmark", bundle, *options)
    assert done.status == 0, done.err
    (run,) = json.loads(done.out)["runs"]
    (engine,) = run["engines"]
    assert "engine built now" in engine["why"]
    assert f"tiny.edgefer: {engine['why']} (" in done.err
    whys = {result["why"] for result in run["record"]["results"]}
    assert all("engine from the cache" in why for why in whys)
    assert not DEVICE.live
    DEVICE.reset()


@pytest.mark.usefixtures("_two_faces")
def test_with_frames_the_whole_way_is_measured_too(
    edgefer, bundle: Path, picture: Path, tmp_path: Path
) -> None:
    report = tmp_path / "report.md"
    options = ("--suite", "jetson", *QUICK, "--frames", picture, "--report", report)
    done = edgefer("benchmark", bundle, *options)
    assert done.status == 0, done.err
    assert "end-to-end: milliseconds for a frame" in done.out
    assert "end-to-end" in report.read_text()


@pytest.mark.usefixtures("replayed")
def test_where_there_are_no_power_modes(
    board: Suite, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    board.root = tmp_path / "pc"
    with pytest.raises(InputError, match="--modes 15W: .*none here; leave --modes out"):
        board.run("15W")
    assert not board.document.exists()
    board.run()
    document = board.written()
    assert (document["modes"], document["left"]) == ([None], [])
    assert [run["mode"] for run in document["runs"]] == [None]
    lines = capsys.readouterr().err.splitlines()
    assert "no Jetson: power modes and rails are no data" in lines
    assert "not among the bundles: tiny in fp16 and int8; " in "\n".join(lines)
    assert "tiny.edgefer @" not in board.report.read_text()


def test_mode_by_mode(board: Suite, capsys: pytest.CaptureFixture[str]) -> None:
    modes = ("15W", "25W", "MAXN_SUPER")
    board.run(*modes)
    first = board.written()
    assert (first["modes"], first["left"]) == (list(modes), ["25W", "MAXN_SUPER"])
    last = capsys.readouterr().err.splitlines()[-1]
    assert last == (
        "left: 25W, MAXN_SUPER; set 25W with `sudo nvpmodel -m 1` and run the same command again"
    )
    board.set_mode("25W")
    board.run(*modes)
    second = board.written()
    assert second["runs"][0] == first["runs"][0]
    assert [run["mode"] for run in second["runs"]] == ["15W", "25W"]
    assert second["left"] == ["MAXN_SUPER"]
    captured = capsys.readouterr()
    assert captured.err.splitlines()[-1].startswith("left: MAXN_SUPER; set MAXN_SUPER with `sudo")
    assert max(map(len, captured.out.splitlines())) <= 80
    html = board.report.read_text()
    assert {f"tiny.edgefer @ {mode}" in html for mode in ("15W", "25W")} == {True}
    assert "power mode MAXN_SUPER" in html
    assert sorted(board.document.parent.iterdir()) == [board.report, board.document]


@pytest.mark.usefixtures("replayed")
def test_a_mode_is_measured_once(board: Suite, monkeypatch: pytest.MonkeyPatch) -> None:
    board.run("15W", "25W")
    before = board.document.read_bytes()
    board.report.unlink()
    monkeypatch.setattr("edgefer.benchmarks.measure.measure", None)
    board.run("15W", "25W")
    assert board.document.read_bytes() == before
    assert board.report.exists()
    board.set_mode("MAXN_SUPER")
    with pytest.raises(MachineError):
        board.run("15W", "25W")
    board.run("15W")  # all of it has been measured: nothing is to be set


def test_another_mode_is_not_measured(board: Suite) -> None:
    expected = (
        r"power mode 15W: expected one of 25W, MAXN_SUPER; set 25W with `sudo nvpmodel -m 1` and "
        r"run the same command again"
    )
    with pytest.raises(MachineError, match=f"^{expected}$"):
        board.run("25W", "MAXN_SUPER")
    assert not board.document.exists()
    assert not board.report.exists()


@pytest.mark.usefixtures("replayed")
def test_without_modes_it_is_the_one_that_is_set(board: Suite) -> None:
    board.run()
    board.set_mode("25W")
    board.run(json=True)
    assert [run["mode"] for run in board.written()["runs"]] == ["15W", "25W"]
    assert board.written()["modes"] == ["15W", "25W"]


@pytest.mark.usefixtures("replayed")
def test_json_is_the_document(board: Suite, capsys: pytest.CaptureFixture[str]) -> None:
    board.run("15W", json=True)
    out = capsys.readouterr().out
    assert json.loads(out) == board.written()
    assert len(out.splitlines()) == 1


def test_an_invalid_run_shows(
    board: Suite, replayed: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    replayed["telemetry"].update(valid=False, reasons=["throttling: it was"])
    board.run("15W", "25W")
    replayed["telemetry"].update(valid=True, reasons=[])
    board.set_mode("25W")
    capsys.readouterr()
    board.run("15W", "25W")
    assert "this run is not valid: 15W: throttling: it was" in capsys.readouterr().err
    assert "invalid: 15W: throttling: it was" in board.report.read_text()


@pytest.mark.usefixtures("replayed")
def test_what_may_change_by_itself_is_said_and_kept(
    board: Suite, capsys: pytest.CaptureFixture[str]
) -> None:
    gpu = "sys/class/devfreq/17000000.gpu"
    machine(board.root, {f"{gpu}/min_freq": "306000000", f"{gpu}/governor": "nvhost_podgov"})
    board.run("15W")
    (said,) = (line for line in capsys.readouterr().err.splitlines() if "of the GPU" in line)
    assert "nvhost_podgov may choose 306 to 1020 MHz; `sudo jetson_clocks` pins it" in said
    assert said in board.written()["runs"][0]["restless"]
    assert "times at a pinned clock of the GPU" in board.report.read_text()


def other_bundle(bundle: Path, folder: Path) -> Path:
    """A bundle of the same name that is another."""
    found = read_bundle(bundle)
    (folder / "other").mkdir()
    path = folder / "other" / bundle.name
    found.manifest.weights["source"] = "random:1"
    Bundle(found.manifest, found.members).write(path)
    return path


@pytest.mark.usefixtures("replayed")
@pytest.mark.parametrize("what", ["bundles", "settings", "versions", "jetson"])
def test_figures_that_do_not_belong_together_are_refused(
    board: Suite, what: str, bundle: Path, tmp_path: Path
) -> None:
    board.run("15W", "25W")
    if what == "bundles":
        board.bundles = [other_bundle(bundle, tmp_path)]
    elif what == "settings":
        board.rewrite(lambda made: made["runs"][0]["record"]["settings"].update(duration=60.0))
    elif what == "versions":
        board.rewrite(lambda made: made["runs"][0]["record"]["versions"].update(numpy="1.0"))
    else:
        machine(board.root, {"proc/device-tree/model": "NVIDIA Jetson AGX Orin\0"})
    before = board.document.read_bytes()
    board.set_mode("25W")
    with pytest.raises(InputError, match=f"expected the same {what} as .* at 15W") as refused:
        board.run("15W", "25W")
    assert str(refused.value).startswith(f"{board.document}: ")
    assert str(refused.value).endswith("; to begin anew, give another --output")
    assert board.document.read_bytes() == before


def _measurement(made: dict[str, Any]) -> None:
    record = made["runs"][0]["record"]
    made.clear()
    made.update(record)


def _without_engines(made: dict[str, Any]) -> None:
    del made["runs"][0]["engines"]


def _broken_record(made: dict[str, Any]) -> None:
    made["runs"][0]["record"]["results"][0]["latency_ms"]["p50"] = "fast"


@pytest.mark.usefixtures("replayed")
@pytest.mark.parametrize(
    ("change", "match"),
    [
        (_measurement, "expected a document of `edgefer benchmark --suite jetson`"),
        (lambda made: made.update(schema=2), "'schema': 2"),
        (lambda made: made.update(modes="15W"), "modes: expected a list of names"),
        (lambda made: made.update(runs={}), "runs: expected a list"),
        (_without_engines, "runs: expected a list of mode, record, engines and restless"),
        (_broken_record, r"results\.0\.latency_ms\.p50: expected number"),
    ],
)
def test_another_document_is_refused_and_kept(
    board: Suite, change: Callable[[dict[str, Any]], None], match: str
) -> None:
    board.run("15W")
    board.rewrite(change)
    _refused_and_kept(board, match)


@pytest.mark.parametrize("data", [b"", b"[]", b"{", b"\xff", b"[" * 99_999])
def test_a_file_that_is_no_document_is_refused_and_kept(board: Suite, data: bytes) -> None:
    board.document.write_bytes(data)
    _refused_and_kept(board, "expected")


def _refused_and_kept(board: Suite, match: str) -> None:
    before = board.document.read_bytes()
    with pytest.raises(InputError, match=match) as refused:
        board.run("15W", "25W")
    assert str(refused.value).startswith(str(board.document))
    assert len(str(refused.value).splitlines()) == 1
    assert board.document.read_bytes() == before


@pytest.mark.usefixtures("replayed")
def test_an_interrupted_run_leaves_nothing(board: Suite, monkeypatch: pytest.MonkeyPatch) -> None:
    board.run("15W", "25W")
    before = board.document.read_bytes()

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("edgefer.benchmarks.measure.measure", interrupted)
    board.set_mode("25W")
    with pytest.raises(KeyboardInterrupt):
        board.run("15W", "25W")
    assert board.document.read_bytes() == before
    assert sorted(board.document.parent.iterdir()) == [board.report, board.document]


def test_a_bound_that_is_not_kept_fails_after_writing_and_again(
    board: Suite, replayed: dict[str, Any], record: dict[str, Any]
) -> None:
    replayed["results"][0]["bound"] = record["results"][0]["bound"]
    for _ in range(2):
        with pytest.raises(CheckFailed, match="tiny.edgefer @ 15W, single: expected p99 within"):
            board.run("15W")
        assert [run["mode"] for run in board.written()["runs"]] == ["15W"]


def test_without_a_backend_nothing_is_written(
    board: Suite, monkeypatch: pytest.MonkeyPatch
) -> None:
    for library in ("onnxruntime", "openvino"):
        monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(MachineError, match="no backend .*pip install"):
        board.run("15W", backends=["auto"])
    assert not board.document.exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--suite", "thor"), "--suite thor: expected jetson"),
        (("--suite", "jetson", "--modes", "15W,25W"), "--modes 15W,25W: expected --output"),
        (("--suite", "jetson", "--scenario", "camera"), "has all of them; leave it out"),
        (("--suite", "jetson", "--report", "report.txt"), "expected a name that ends in"),
        (("--suite", "jetson", "--output", "/none/orin.json"), "cannot write there"),
    ],
)
def test_wrong_options_are_one_line(
    edgefer, bundle: Path, options: Sequence[str], message: str
) -> None:
    done = edgefer("benchmark", bundle, *options)
    assert (done.status, done.out) == (2, "")
    assert message in done.err
    assert len(done.err.splitlines()) == 1


def test_a_mode_that_the_board_does_not_have(board: Suite) -> None:
    with pytest.raises(InputError, match=r"--modes 40W: .*of this board, 15W, 25W, MAXN_SUPER$"):
        board.run("15W", "40W")
