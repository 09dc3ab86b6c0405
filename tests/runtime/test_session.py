"""A session answers like its graph, only for what it takes, and says what it is."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray

from edgefer.bundle import GOLDEN, read_bundle
from edgefer.errors import BundleError, CheckFailed, InputError, MachineError, MissingDependency
from edgefer.machine import read_machine
from edgefer.manifest import Flavour, Precision
from edgefer.runtime import selection
from edgefer.runtime.child_process import environment
from edgefer.runtime.ort import OnnxRuntime, rounds_fp16, session_options
from edgefer.runtime.selection import ON_CPU
from edgefer.runtime.session import Session, load
from tests.runtime.on_cpu import ON_CPU_HERE

Pixels = NDArray[np.uint8]
Change = Callable[[dict[str, bytes]], Path]


def bare(path: Path, flavour: Flavour, faces: Pixels) -> NDArray[np.float32]:
    """What ONNX Runtime alone answers."""
    graph = read_bundle(path).graph(flavour)
    providers = ["CPUExecutionProvider"]
    session = onnxruntime.InferenceSession(graph, session_options(), providers=providers)
    return np.asarray(session.run(["probabilities"], {"pixels": faces})[0])


def test_says_what_it_is(session: Session, bundle_path: Path) -> None:
    bundle = read_bundle(bundle_path)
    assert (session.id, session.manifest) == (bundle.id, bundle.manifest)
    assert (session.labels, session.size) == (bundle.manifest.labels, bundle.manifest.size)
    assert session.backend in ON_CPU
    assert session.flavour is Flavour.CPU
    assert session.why == "asked for by name"


@pytest.mark.parametrize("count", [0, 1, 2, 15, 16, 17, 33])
def test_answers_like_the_graph(
    session: Session, bundle_path: Path, faces: Pixels, count: int
) -> None:
    answer = session.run(faces[:count])
    assert (answer.shape, answer.dtype) == ((count, len(session.labels)), np.float32)
    assert np.allclose(answer, bare(bundle_path, Flavour.CPU, faces)[:count], atol=1e-5)
    assert np.allclose(answer.sum(axis=1), 1, atol=1e-5)


def test_answers_the_same_whatever_ran_before(session: Session, faces: Pixels) -> None:
    first = session.run(faces[:3])
    kept = first.copy()
    session.run(faces[3:20])
    assert (session.run(faces[:3]) == first).all()
    assert (first == kept).all()
    assert first.flags.owndata
    assert first.flags.writeable


def test_takes_views(session: Session, faces: Pixels) -> None:
    mirrored = faces[:2, :, ::-1]
    assert (session.run(mirrored) == session.run(mirrored.copy())).all()
    assert (session.run(np.asfortranarray(faces[:2])) == session.run(faces[:2])).all()
    faces.flags.writeable = False
    session.run(faces)


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda faces: faces[0], r"found uint8 \[(8|48), (8|48), 3\]"),
        (lambda faces: faces[:, :-1], r"found uint8 \[40, (7|47), (8|48), 3\]"),
        (lambda faces: faces[..., :1], r"found uint8 \[40, (8|48), (8|48), 1\]"),
        (lambda faces: faces.astype(np.float32), "found float32"),
        (lambda faces: faces.view(np.int8), "found int8"),
        (lambda faces: faces.tolist(), "found list"),
        (lambda faces: np.uint8(1), "found uint8"),
        (lambda faces: None, "found NoneType"),
    ],
)
def test_says_what_it_takes(
    session: Session, faces: Pixels, change: Callable[[Pixels], Pixels], found: str
) -> None:
    with pytest.raises(InputError, match=rf"faces: expected uint8 \[n, .*RGB, {found}"):
        session.run(change(faces))


def test_is_closed_once(session: Session, faces: Pixels) -> None:
    with session:
        session.run(faces)
    session.close()
    session.close()
    with pytest.raises(InputError, match="closed"):
        session.run(faces)


def test_threads_share_it(session: Session, faces: Pixels) -> None:
    expected = session.run(faces[:5])
    with ThreadPoolExecutor(4) as pool:
        runs = [pool.submit(session.run, faces[:count]) for count in (5, 1, 3, 17) * 20]
        answers = [run.result() for run in runs]
    assert all(np.allclose(answer[:1], expected[:1], atol=1e-6) for answer in answers)
    assert all((answer == expected).all() for answer in answers[::4])


@pytest.mark.parametrize("backend", ON_CPU_HERE)
def test_a_fork_loads_its_own(bundle_path: Path, backend: str) -> None:
    """In a process of its own, which has no other threads that a fork would lose."""
    code = f"""
import os, numpy as np
from edgefer.errors import InputError
from edgefer.runtime.session import load
session = load({str(bundle_path)!r}, backend={backend!r}, threads=2)
faces = np.zeros((1, session.size, session.size, 3), np.uint8)
child = os.fork()
if child == 0:
    try:
        session.run(faces)
    except InputError as error:
        session.close()
        right = "a fork of it" in str(error)
        own = load({str(bundle_path)!r}, backend={backend!r}, threads=2).run(faces)
        os._exit(0 if right and own.shape[0] == 1 else 1)
    os._exit(2)
assert os.waitpid(child, 0)[1] == 0
assert session.run(faces).shape[0] == 1
session.close()
"""
    command = [sys.executable, "-W", "ignore", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr


def test_kernels_that_do_not_saturate_give_the_answers_of_the_export(
    monkeypatch: pytest.MonkeyPatch, exported: Path
) -> None:
    old = replace(read_machine(), architecture="x86_64", int8_instructions=())
    monkeypatch.setattr("edgefer.runtime.ort.read_machine", lambda: old)
    assert session_options().get_session_config_entry("session.x64quantprecision") == "1"
    path = exported / "fer-lite-int8.edgefer"
    golden = read_bundle(path).golden()
    with load(path, backend="onnxruntime", threads=1) as session:
        answers = session.run(golden.faces)
    np.testing.assert_allclose(answers, golden.expected[Flavour.CPU], atol=1e-4)


_GROWTH = """
import sys
from pathlib import Path

import numpy as np

from edgefer.runtime.session import load

session = load(sys.argv[1], backend=sys.argv[2], threads=1)
faces = np.zeros((16, session.size, session.size, 3), np.uint8)
calls, after = 20_000 if session.size < 16 else 2_000, []
for _ in range(2):  # the first time allocators reach the size that they keep
    for call in range(calls):
        session.run(faces if call % 100 == 0 else faces[:1])
    after.append(int(Path("/proc/self/statm").read_text().split()[1]) * 4096)
print(after[1] - after[0])
"""


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs Linux's /proc")
@pytest.mark.parametrize("backend", ON_CPU_HERE)
def test_memory_does_not_grow(bundle_path: Path, backend: str) -> None:
    """In a process of its own: this one has what earlier tests left behind."""
    command = [sys.executable, "-c", _GROWTH, str(bundle_path), backend]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, check=True)
    assert int(done.stdout) <= 1 << 20


# --- loading ---------------------------------------------------------------------------------


def test_takes_a_name_as_text(bundle_path: Path) -> None:
    with load(str(bundle_path), backend="onnxruntime", threads=2) as session:
        assert session.why == "asked for by name"


@pytest.mark.parametrize("backend", ["auto", "onnxruntime"])
def test_says_that_fp16_is_fp32_on_the_cpu(fp16_path: Path, backend: str) -> None:
    with load(fp16_path, backend=backend, threads=1) as session:
        assert session.manifest.precision is Precision.FP16
        assert session.why.endswith("; cpu.onnx is FP32, as CPU kernels gain nothing from FP16")


@pytest.mark.parametrize("given", ["gpu", Flavour.GPU], ids=repr)
def test_runs_the_flavour_that_is_given(
    bundle_path: Path, faces: Pixels, given: Flavour | str
) -> None:
    if not rounds_fp16():
        with pytest.raises(
            MachineError, match=r"gpu\.onnx in INT8: expected ONNX Runtime 1\.30 or"
        ):
            load(bundle_path, backend="onnxruntime", threads=1, flavour=given)
        return
    with load(bundle_path, backend="onnxruntime", threads=1, flavour=given) as session:
        assert session.flavour is Flavour.GPU
        expected = bare(bundle_path, Flavour.GPU, faces[:4])
        assert np.allclose(session.run(faces[:4]), expected, atol=1e-5)


@pytest.mark.parametrize("name", ["tensorflow", "", "AUTO", None, ()])
def test_an_unknown_name_is_named(bundle_path: Path, name: Any) -> None:
    known = re.escape(f"backend '{name}': expected auto or one of tensorrt, ")
    with pytest.raises(InputError, match=known):
        load(bundle_path, backend=name)
    if name is not None:
        with pytest.raises(InputError, match=re.escape(f"flavour '{name}': expected one of gpu")):
            load(bundle_path, flavour=name)


@pytest.mark.parametrize("threads", [0, -1, 1025, 10**30, "2", 2.0], ids=repr)
def test_threads_are_a_number_that_can_be(bundle_path: Path, threads: Any) -> None:
    with pytest.raises(InputError, match="threads: expected a whole number of 1 to 1,024, found"):
        load(bundle_path, threads=threads)


@pytest.mark.parametrize("path", [None, 7, b"bytes"], ids=repr)
def test_a_bundle_has_a_name(path: Any) -> None:
    found = type(path).__name__
    with pytest.raises(InputError, match=f"bundle: expected the name of a file, found {found}"):
        load(path)


def test_a_missing_library_is_named(bundle_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(MissingDependency, match=r"pip install 'edgefer\[cpu\]'"):
        load(bundle_path, backend="onnxruntime")
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(MachineError, match=r"no backend .* not onnxruntime: .*edgefer\[cpu\]"):
        load(bundle_path)


class Elsewhere(OnnxRuntime):
    """A backend for some other machine."""

    name = "elsewhere"

    @classmethod
    def open(cls, *_: object) -> OnnxRuntime:
        msg = "no such device"
        raise MachineError(msg)


def test_auto_says_what_it_passed_over(bundle_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    backends = {"elsewhere": lambda: Elsewhere, "onnxruntime": lambda: OnnxRuntime}
    monkeypatch.setattr(selection, "BACKENDS", backends)
    with load(bundle_path, threads=1) as session:
        assert session.backend == "onnxruntime"
        assert session.why == "the first that runs here"
        assert session.passed_over == {"elsewhere": "no such device"}
    with pytest.raises(MachineError, match="^no such device$"):
        load(bundle_path, backend="elsewhere")


def test_other_golden_answers_fail_the_self_check(bundle_path: Path, changed: Change) -> None:
    golden = read_bundle(bundle_path).golden()
    answers = golden.expected[Flavour.CPU]
    wrong = np.roll(answers, 1, axis=1)
    expected = {**golden.expected, Flavour.CPU: wrong}
    path = changed({GOLDEN: replace(golden, expected=expected).to_npz()})
    with pytest.raises(CheckFailed, match=r"cpu\.onnx on onnxruntime: .* off by 0\.\d+ on"):
        load(path, backend="onnxruntime", threads=1)
    if rounds_fp16():
        load(path, backend="onnxruntime", threads=1, flavour=Flavour.GPU).close()


def test_golden_faces_of_another_size_are_refused(bundle_path: Path, changed: Change) -> None:
    golden = read_bundle(bundle_path).golden()
    smaller = replace(golden, faces=golden.faces[:, 1:]).to_npz()
    with pytest.raises(BundleError, match=r"changed\.edgefer: golden\.npz: expected faces"):
        load(changed({GOLDEN: smaller}))


@pytest.mark.parametrize(
    "graph",
    [b"", b"not a graph", b"ORTM" * 8, bytes(100), b"\x08\x09", b"\x3a\x00"],
    ids=["empty", "text", "ort", "zeros", "version only", "empty graph"],
)
def test_what_is_no_graph_is_refused(changed: Change, graph: bytes) -> None:
    with pytest.raises(BundleError, match=r"changed\.edgefer: "):
        load(changed({"cpu.onnx": graph}))


def test_half_a_graph_is_refused(bundle_path: Path, changed: Change) -> None:
    graph = read_bundle(bundle_path).graph(Flavour.CPU)
    with pytest.raises(BundleError, match=r"cpu\.onnx"):
        load(changed({"cpu.onnx": graph[: len(graph) // 2]}))


@pytest.mark.parametrize("flavour", Flavour)
@pytest.mark.parametrize("precision", Precision)
def test_both_graphs_of_every_export_load_and_answer(
    precision: Precision, flavour: Flavour, exported: Path
) -> None:
    if (precision, flavour) == (Precision.INT8, Flavour.GPU) and not rounds_fp16():
        pytest.skip("an older ONNX Runtime cuts FP16 values off; it refuses this graph")
    with load(exported / f"fer-lite-{precision}.edgefer", flavour=flavour) as session:
        golden = read_bundle(exported / f"fer-lite-{precision}.edgefer").golden()
        answer = session.run(golden.faces)
        assert np.abs(answer - golden.reference).max() < 0.25
        np.testing.assert_allclose(answer.sum(axis=1), 1, atol=1e-5)
