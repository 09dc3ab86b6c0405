"""Which CPUs need kernels that do not saturate, and that these give the same answers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from edgefer.bundle import read_bundle
from edgefer.manifest import Flavour
from edgefer.runtime import ort
from edgefer.runtime.session import load
from edgefer.runtime.vnni import adds_exactly


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    """The answer is kept for the whole process: ask again."""
    adds_exactly.cache_clear()
    yield
    adds_exactly.cache_clear()


@pytest.mark.parametrize(
    ("machine", "flags", "exact"),
    [
        ("x86_64", "sse4_2 avx2", False),
        ("x86_64", "avx2 avx512f avx512bw", False),
        ("AMD64", "avx2 avx_vnni", True),
        ("x86_64", "avx512f avx512_vnni", True),
        ("x86_64", None, False),
        ("aarch64", "asimd", True),
        ("aarch64", None, True),
    ],
)
def test_an_x86_has_to_name_vnni(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, machine: str, flags: str | None, exact: bool
) -> None:
    monkeypatch.setattr("platform.machine", lambda: machine)
    cpuinfo = tmp_path / "cpuinfo"
    if flags is not None:
        cpuinfo.write_text(f"processor : 0\nflags : fpu {flags}\n")
    assert adds_exactly(cpuinfo) is exact


def test_kernels_that_do_not_saturate_give_the_answers_of_the_export(
    monkeypatch: pytest.MonkeyPatch, exported: Path
) -> None:
    monkeypatch.setattr(ort, "adds_exactly", lambda: False)
    options = ort.session_options(1)
    assert options.get_session_config_entry("session.x64quantprecision") == "1"
    path = exported / "fer-lite-int8.edgefer"
    golden = read_bundle(path).golden()
    with load(path, threads=1) as session:
        answers = session.run(golden.faces)
    np.testing.assert_allclose(answers, golden.expected[Flavour.CPU], atol=1e-4)
