"""trtexec, which is not here: its lines as NVIDIA prints them, said by a program of our own."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from edgefer.benchmarks import trtexec
from edgefer.benchmarks.trtexec import Spread, TrtexecTimes, find_trtexec, run_trtexec
from edgefer.errors import BundleError, MachineError

GRAPH = b"\x08\x08"

# NVIDIA's "Performance Benchmarking using trtexec" of TensorRT 10 shows this summary.
TENSORRT_10 = """\
&&&& RUNNING TensorRT.trtexec [TensorRT v100001] # trtexec --onnx=resnet50-v1-12.onnx
[04/25/2024-23:57:45] [I] === Performance summary ===
[04/25/2024-23:57:45] [I] Throughput: 507.399 qps
[04/25/2024-23:57:45] [I] Latency: min = 1.96301 ms, max = 1.97534 ms, mean = 1.96921 ms, \
median = 1.96917 ms, percentile(90%) = 1.97122 ms, percentile(95%) = 1.97229 ms, \
percentile(99%) = 1.97424 ms
[04/25/2024-23:57:45] [I] Enqueue Time: min = 0.0032959 ms, max = 0.0340576 ms, \
mean = 0.00421173 ms, median = 0.00415039 ms, percentile(90%) = 0.00463867 ms, \
percentile(95%) = 0.00476074 ms, percentile(99%) = 0.0057373 ms
[04/25/2024-23:57:45] [I] H2D Latency: min = 0 ms, max = 0 ms, mean = 0 ms, median = 0 ms, \
percentile(90%) = 0 ms, percentile(95%) = 0 ms, percentile(99%) = 0 ms
[04/25/2024-23:57:45] [I] GPU Compute Time: min = 1.96301 ms, max = 1.97534 ms, \
mean = 1.96921 ms, median = 1.96917 ms, percentile(90%) = 1.97122 ms, \
percentile(95%) = 1.97229 ms, percentile(99%) = 1.97424 ms
[04/25/2024-23:57:45] [I] Total Host Walltime: 3.00355 s
[04/25/2024-23:57:45] [I] Total GPU Compute Time: 3.00108 s
&&&& PASSED TensorRT.trtexec [TensorRT v100001] # trtexec --onnx=resnet50-v1-12.onnx
"""

# The form of 8.6, whose numbers are made up: what is copied takes time, and a warning comes last.
TENSORRT_8_6 = """\
&&&& RUNNING TensorRT.trtexec [TensorRT v8601] # trtexec --onnx=gpu.onnx
[05/02/2023-10:00:00] [I] TensorRT version: 8.6.1
[05/02/2023-10:00:04] [I] Average on 10 runs - GPU latency: 0.31 ms - Host latency: 0.35 ms (enqueue 0.01 ms)
[05/02/2023-10:00:07] [I] === Performance summary ===
[05/02/2023-10:00:07] [I] Throughput: 2956.5 qps
[05/02/2023-10:00:07] [I] Latency: min = 0.325 ms, max = 0.625 ms, mean = 0.345 ms, median = 0.344 ms, percentile(90%) = 0.35 ms, percentile(95%) = 0.36 ms, percentile(99%) = 0.4 ms
[05/02/2023-10:00:07] [I] H2D Latency: min = 0.02 ms, max = 0.09 ms, mean = 0.03 ms, median = 0.03 ms, percentile(90%) = 0.03 ms, percentile(95%) = 0.03 ms, percentile(99%) = 0.05 ms
[05/02/2023-10:00:07] [I] GPU Compute Time: min = 0.3 ms, max = 0.6 ms, mean = 0.31 ms, median = 0.309 ms, percentile(90%) = 0.32 ms, percentile(95%) = 0.33 ms, percentile(99%) = 9e-1 ms
[05/02/2023-10:00:07] [I] D2H Latency: min = 0.001 ms, max = 0.01 ms, mean = 0.005 ms, median = 0.005 ms, percentile(90%) = 0.005 ms, percentile(95%) = 0.005 ms, percentile(99%) = 0.01 ms
[05/02/2023-10:00:07] [W] * GPU compute time is unstable, with coefficient of variance = 13.2%.
&&&& PASSED TensorRT.trtexec [TensorRT v8601] # trtexec --onnx=gpu.onnx
"""  # noqa: E501

# The form of 8.4, with one percentile and no times of day, as where the log goes to a file.
TENSORRT_8_4 = """\
&&&& RUNNING TensorRT.trtexec [TensorRT v8401] # trtexec --onnx=gpu.onnx
[I] Throughput: 23.5 qps
[I] Latency: min = 41 ms, max = 43 ms, mean = 42 ms, median = 42.1 ms, percentile(99%) = 43 ms
[I] GPU Compute Time: min = 40 ms, max = 42 ms, mean = 41 ms, median = 41.1 ms, percentile(99%) = 42 ms
"""  # noqa: E501

# Lines of the help of 10.5; 11 has no strongly typed mode to switch on.
HELP_10 = """\
&&&& RUNNING TensorRT.trtexec [TensorRT v100500] [b18] # trtexec --help
  --noTF32                           Disable tf32 precision (default is to enable tf32)
  --stronglyTyped                    Create a strongly typed network. (default = disabled)
"""
HELP_11 = HELP_10.replace("v100500", "v110100").rpartition("  --strongly")[0]

FAILED = """\
&&&& RUNNING TensorRT.trtexec [TensorRT v101602] [b10] # trtexec --onnx=gpu.onnx
[07/30/2026-10:00:26] [I] Start parsing network model.
[07/30/2026-10:00:26] [E] [TRT] ModelImporter.cpp:506 In function parseNode: no importer
[07/30/2026-10:00:26] [E] Failed to parse onnx file
[07/30/2026-10:00:26] [E] Engine set up failed
&&&& FAILED TensorRT.trtexec [TensorRT v101602] [b10] # trtexec --onnx=gpu.onnx
"""


class Fake:
    """A program that says what it is told to, and remembers how it was called."""

    def __init__(self, folder: Path) -> None:
        self.program = folder / "trtexec"
        self._calls = folder / "calls"

    def says(self, text: str, help_: str = HELP_10, status: int = 0, first: str = "") -> Fake:
        self.program.write_text(
            f"#!{sys.executable}\n"
            "import json, pathlib, sys\n"
            f"{first}\n"
            "if '--help' in sys.argv:\n"
            f"    sys.exit(print({help_!r}))\n"
            "graph = pathlib.Path('gpu.onnx').read_bytes().hex()\n"
            f"with open({str(self._calls)!r}, 'a') as calls:\n"
            "    print(json.dumps([graph, *sys.argv[1:]]), file=calls)\n"
            f"print({text!r}, file=sys.stderr)\n"
            f"sys.exit({status})\n"
        )
        self.program.chmod(0o755)
        return self

    def run(self, batch: int = 1, seconds: float = 3.0) -> TrtexecTimes:
        return run_trtexec(self.program, GRAPH, 48, batch, seconds)

    def call(self) -> list[str]:
        """The graph it found and its arguments, of the only call beside that for help."""
        (line,) = self._calls.read_text().splitlines()
        found: list[str] = json.loads(line)
        return found


@pytest.fixture
def fake(tmp_path: Path) -> Fake:
    return Fake(tmp_path)


def test_the_summary_of_tensorrt_10(fake: Fake) -> None:
    found = fake.says(TENSORRT_10).run(batch=4)
    assert found.version == "10.0.1"
    assert (found.batch, found.throughput) == (4, pytest.approx(4 * 507.399))
    expected = Spread(1.96301, 1.97534, 1.96921, 1.96917, 1.97122, 1.97229, 1.97424)
    assert found.latency == found.compute == expected
    assert "not in turns" in found.note


def test_the_summary_of_tensorrt_8_6(fake: Fake) -> None:
    found = fake.says(TENSORRT_8_6).run()
    assert found.version == "8.6.1"
    assert found.throughput == 2956.5
    assert found.latency == Spread(0.325, 0.625, 0.345, 0.344, 0.35, 0.36, 0.4)
    assert found.compute == Spread(0.3, 0.6, 0.31, 0.309, 0.32, 0.33, 0.9)


def test_percentiles_that_are_not_printed(fake: Fake) -> None:
    found = fake.says(TENSORRT_8_4).run()
    assert found.version == "8.4.1"
    assert found.compute == Spread(40, 42, 41, 41.1, None, None, 42)


@pytest.mark.parametrize(
    ("printed", "version"),
    [("v100300]", "10.3.0"), ("v101602] [b10]", "10.16.2"), ("v110100] [b106]", "11.1.0")],
)
def test_versions(printed: str, version: str, fake: Fake) -> None:
    assert fake.says(TENSORRT_10.replace("v100001]", printed)).run().version == version
    unnamed = TENSORRT_10.replace("[TensorRT v100001]", "")
    assert fake.says(unnamed).run().version is None


def test_what_it_is_asked(fake: Fake) -> None:
    found = fake.says(TENSORRT_10).run(batch=8, seconds=2.5)
    graph, *arguments = fake.call()
    assert bytes.fromhex(graph) == GRAPH
    assert list(found.arguments) == arguments
    assert arguments == [
        *("--onnx=gpu.onnx", "--shapes=pixels:8x48x48x3", "--useCudaGraph", "--useSpinWait"),
        *("--stronglyTyped", "--noTF32", "--duration=3"),
    ]


def test_types_are_strong_without_a_flag_from_11_on(fake: Fake) -> None:
    found = fake.says(TENSORRT_10, HELP_11).run()
    assert "--stronglyTyped" not in found.arguments
    assert "--noTF32" in found.arguments


def test_a_failure_says_why(fake: Fake) -> None:
    with pytest.raises(MachineError) as caught:
        fake.says(FAILED, status=1).run()
    assert str(caught.value) == (
        f"{fake.program} of TensorRT 10.16.2 ended with status 1: [TRT] ModelImporter.cpp:506 "
        "In function parseNode: no importer | Failed to parse onnx file | Engine set up failed"
    )


def test_a_failure_without_errors_has_its_last_line(fake: Fake) -> None:
    with pytest.raises(MachineError, match="TensorRT None ended with status 127: libnvinfer.so"):
        fake.says("loading\nlibnvinfer.so.10: not found\n", status=127).run()
    with pytest.raises(MachineError, match=r"crashed \(SIGKILL\): it said nothing"):
        fake.says("", first="import os; os.kill(os.getpid(), 9)").run()


@pytest.mark.parametrize("missing", ["Throughput:", "GPU Compute Time:", "median = ", "507.399"])
def test_a_summary_that_is_not_whole(missing: str, fake: Fake) -> None:
    with pytest.raises(MachineError, match=r"expected a summary .* it ended with: &&&& PASSED"):
        fake.says(TENSORRT_10.replace(missing, "")).run()


def test_one_that_does_not_end(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trtexec, "_PATIENCE", 0.2)
    with pytest.raises(MachineError, match="stopped after 0.2 seconds"):
        fake.says("", first="import time; time.sleep(60)").run()


def test_one_that_does_not_start(tmp_path: Path) -> None:
    program = tmp_path / "trtexec"
    program.write_text("no program")
    with pytest.raises(MachineError, match=r"trtexec: does not start \(.+\)"):
        run_trtexec(program, GRAPH, 48, 1, 1.0)


def test_a_graph_that_is_none_is_not_given_to_it(fake: Fake) -> None:
    with pytest.raises(BundleError, match="gpu.onnx: expected an ONNX graph"):
        run_trtexec(fake.says(TENSORRT_10).program, b"<xml/>", 48, 1, 1.0)


def test_where_it_is_looked_for(
    fake: Fake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake.says(TENSORRT_10)
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(trtexec, "_PLACES", (str(tmp_path),))
    assert find_trtexec() == fake.program
    monkeypatch.setattr(trtexec, "_PLACES", ("/nowhere",))
    with pytest.raises(MachineError, match="trtexec: expected on PATH or in /nowhere, found none"):
        find_trtexec()
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_trtexec() == fake.program
