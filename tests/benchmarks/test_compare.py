"""The comparison of the shipped network with itself and with its INT8 bundle."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from edgefer.benchmarks.compare import compare, main
from edgefer.bundle import Bundle, read_bundle
from edgefer.errors import InputError
from edgefer.manifest import Precision


def test_first_is_the_measure_of_the_others(bundles: dict[Precision, Path]) -> None:
    paths = [bundles[Precision.FP32], bundles[Precision.INT8]]
    first, second = compare(paths, faces=32, seconds=0.01)
    assert (first.path, second.path) == tuple(paths)
    assert first.agreement == first.ratio.median == 1
    assert second.agreement >= 0.75
    assert second.bundle < first.bundle / 2
    assert second.graph < first.graph / 2


def test_other_labels_are_refused(bundles: dict[Precision, Path], tmp_path: Path) -> None:
    bundle = read_bundle(bundles[Precision.FP32])
    turned = replace(bundle.manifest, labels=bundle.manifest.labels[::-1])
    Bundle(turned, bundle.members).write(tmp_path / "turned.edgefer")
    with pytest.raises(InputError, match=r"turned.edgefer: expected the labels of"):
        compare([bundles[Precision.FP32], tmp_path / "turned.edgefer"], faces=1, seconds=0.01)


def test_main_prints_a_row_for_each(
    bundles: dict[Precision, Path], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    # a name that is not UTF-8
    first = Path(shutil.copy(bundles[Precision.FP32], tmp_path / os.fsdecode(b"\xe9.edgefer")))
    assert main([str(first), str(bundles[Precision.INT8])]) == 0
    printed = capsys.readouterr().out.splitlines()
    names = [line.split()[0] for line in printed[1:3]]
    assert names == ["?.edgefer", bundles[Precision.INT8].name]
    assert max(len(line) for line in printed) <= 80


def test_main_says_in_one_line_what_is_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["none.edgefer", "none.edgefer"]) == 2
    assert capsys.readouterr().err == (
        "edgefer: none.edgefer: expected an edgefer bundle, found no such file\n"
    )
