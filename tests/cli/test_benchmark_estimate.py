"""Estimates as a user sees them: a table, a JSON document, a file. None is a measurement."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from edgefer.bundle import Bundle, read_bundle
from edgefer.cli.benchmark_estimate import show_estimates
from edgefer.errors import InputError, MissingDependency
from edgefer.files import sha256
from edgefer.manifest import Flavour, Member, Precision
from tests.benchmarks.board_record import WHEN, record, result

KEYS = "orin-nano-super,orin-nx-16,agx-orin-64,rtx-4070"
# What an estimate may share with a measurement: what it is of, and nothing that was found.
WHAT = {"schema", "kind", "bundle", "id", "network", "precision", "device", "batch"}


@pytest.fixture
def shown(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """What `show_estimates` prints."""

    def run(
        bundles: Sequence[Path],
        devices: str = KEYS,
        records: Sequence[Path] = (),
        json: bool = False,
        output: Path | None = None,
    ) -> str:
        show_estimates(bundles, devices, records, json, output)
        return capsys.readouterr().out

    return run


@pytest.fixture
def board(bundles: dict[Precision, Path], tmp_path: Path) -> Callable[..., Path]:
    """A file with a record of an Orin Nano Super that ran the INT8 bundle."""

    def write(document: dict[str, Any] | None = None, **machine: Any) -> Path:
        path = tmp_path / "board.json"
        found = result(0.9, id=read_bundle(bundles[Precision.INT8]).id)
        path.write_text(json.dumps(document or record(found, **machine)))
        return path

    return write


def test_the_table(shown: Callable[..., str], bundles: dict[Precision, Path]) -> None:
    out = shown([bundles[Precision.INT8], bundles[Precision.FP16]])
    lines = out.splitlines()
    assert max(map(len, lines)) <= 80
    for precision in (Precision.INT8, Precision.FP16):
        assert f"ESTIMATE, not measured: fer-lite-{precision}.edgefer" in out
    rows = [line.split() for line in lines if " to " in line and line.split()[1].isdigit()]
    assert [tuple(row[:2]) for row in rows[:8]] == [
        (key, batch) for key in KEYS.split(",") for batch in ("1", "16")
    ]
    for _, _, typical, low, to, high, basis in rows:
        assert to == "to"
        assert 0 < float(low) < float(typical) < float(high)
        assert basis in ("fitted", "extrapolated")
    assert {row[0] for row in rows if row[-1] == "extrapolated"} == {"orin-nano-super", "rtx-4070"}


def test_below_the_table_is_what_it_rests_on(
    shown: Callable[..., str], bundles: dict[Precision, Path]
) -> None:
    out = shown([bundles[Precision.INT8]])
    assert out.count("ESTIMATE: what it rests on") == 1
    text = " ".join(out.split())
    assert "Jetson Orin Nano 8GB Super at MAXN_SUPER, peak rates published" in text
    assert "RTX 4070, peak rates recalled, not verified" in text
    assert "fitted to ResNet-50 int8 batch 1 on agx-orin-64: 0.636 ms (MLPerf" in text
    assert "not fitted to YOLOv8n fp16 batch 1 on orin-nano-super: 4.43 ms" in text
    assert text.count(" fitted to ") == 2 + 4
    assert text.count(", estimate ") == 2 + 4


def test_json_and_file_are_one_document(
    shown: Callable[..., str], bundles: dict[Precision, Path], tmp_path: Path
) -> None:
    path = tmp_path / "estimate.json"
    document = json.loads(shown(list(bundles.values()), json=True, output=path))
    assert document == json.loads(path.read_bytes())
    assert sorted(tmp_path.iterdir()) == [path]
    assert (document["schema"], document["kind"]) == (1, "estimate")
    assert len(document["estimates"]) == len(bundles) * 4 * 2
    for found in document["estimates"]:
        assert found["kind"] == "estimate"
        assert found["bundle"] == f"fer-lite-{found['precision']}.edgefer"
        assert found["low_ms"] < found["typical_ms"] < found["high_ms"]
        assert len(found["fitted"]) == 2
        assert all("error" in point for point in found["checked"])


def test_a_record_refines_its_board(
    shown: Callable[..., str], bundles: dict[Precision, Path], board: Callable[..., Path]
) -> None:
    int8 = [bundles[Precision.INT8]]
    before, after = (
        json.loads(shown(int8, json=True, records=records))["estimates"]
        for records in ([], [board()])
    )
    assert before[0]["typical_ms"] < 0.2
    assert after[0]["typical_ms"] == pytest.approx(0.9, rel=0.1)
    assert (before[0]["extrapolated"], after[0]["extrapolated"]) == (True, False)
    assert before[2:] == after[2:]
    out = shown(int8, records=[board()])
    assert out.count("ESTIMATE: what it rests on") == 2
    assert f"fer-lite int8 batch 1 on orin-nano-super: 0.9 ms (edgefer benchmark, {WHEN})" in (
        " ".join(out.split())
    )


def test_a_board_without_other_points_says_no_data(
    shown: Callable[..., str], bundles: dict[Precision, Path], board: Callable[..., Path]
) -> None:
    records = [board(mode="15W")]
    out = shown([bundles[Precision.INT8]], "orin-nano-8", records)
    assert "no data: no other is known" in out


@pytest.mark.parametrize(
    ("machine", "match"),
    [
        ({"mode": "15W"}, "expected a record of .*orin-nano-super at MAXN_SUPER.*found .*15W"),
        ({"memory": None}, "memory: no data"),
        ({"valid": False}, "found that they do not"),
        ({"document": {"schema": 1, "kind": "estimate", "estimates": []}}, "kind 'estimate'"),
        ({"document": record()}, "of one of these bundles, found none"),
    ],
)
def test_a_record_that_refines_nothing_is_refused(
    shown: Callable[..., str],
    bundles: dict[Precision, Path],
    board: Callable[..., Path],
    machine: dict[str, Any],
    match: str,
) -> None:
    path = board(**machine)
    with pytest.raises(InputError, match=rf"^{path}: .*{match}") as refused:
        shown([bundles[Precision.INT8]], records=[path])
    assert len(str(refused.value).splitlines()) == 1


def test_a_file_that_is_no_json_is_refused(shown: Callable[..., str], bundle: Path) -> None:
    with pytest.raises(InputError, match=rf"^{bundle}: "):
        shown([bundle], records=[bundle])


def test_unknown_devices_are_refused_with_those_there_are(
    shown: Callable[..., str], bundle: Path
) -> None:
    with pytest.raises(InputError, match=r"device 'orin': expected one of agx-orin-64, .*rtx-4070"):
        shown([bundle], "rtx-4070,orin")
    assert InputError.exit_status == 2


def test_a_device_is_shown_once(shown: Callable[..., str], bundle: Path) -> None:
    document = json.loads(shown([bundle], "rtx-4070, rtx-4070", json=True))
    assert [found["batch"] for found in document["estimates"]] == [1, 16]


def test_the_output_is_tried_before_the_work(shown: Callable[..., str]) -> None:
    with pytest.raises(InputError, match="cannot write there"):
        shown([Path("none.edgefer")], output=Path("/none/estimate.json"))


def test_without_onnx_the_extra_is_named(
    shown: Callable[..., str], bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(MissingDependency, match=r"onnx .*pip install 'edgefer\[export\]'"):
        shown([bundle])


def _with_graph(bundle: Path, path: Path, change: Callable[[Any], None]) -> Path:
    """The bundle with another graph for TensorRT."""
    import onnx

    found = read_bundle(bundle)
    model = onnx.load_model_from_string(found.graph(Flavour.GPU))
    change(model)
    data = model.SerializeToString()
    name = Flavour.GPU.member
    found.manifest.files[name] = Member(sha256(data), len(data))
    Bundle(found.manifest, {**found.members, name: data}).write(path)
    return path


def _of_another_domain(model: Any) -> None:
    model.graph.node[2].domain = "somebody.else"
    model.opset_import.add(domain="somebody.else", version=1)


def _of_unknown_size(model: Any) -> None:
    model.graph.input[0].type.tensor_type.shape.dim[1].dim_param = "H"


def _of_wrong_shape(model: Any) -> None:
    model.graph.initializer[1].dims[:] = list(reversed(model.graph.initializer[1].dims))


@pytest.mark.parametrize("change", [_of_another_domain, _of_unknown_size, _of_wrong_shape])
def test_shapes_that_do_not_follow_are_one_line(
    shown: Callable[..., str], bundle: Path, tmp_path: Path, change: Callable[[Any], None]
) -> None:
    path = _with_graph(bundle, tmp_path / "mine.edgefer", change)
    with pytest.raises(InputError, match=rf"^{path}: cannot be estimated: .*shape") as refused:
        shown([path])
    assert len(str(refused.value).splitlines()) == 1


def _keys(value: Any) -> set[str]:
    """Every key at any depth."""
    if isinstance(value, dict):
        return set(value).union(*map(_keys, value.values()))
    return set().union(*map(_keys, value)) if isinstance(value, list) else set()


def test_estimate_and_measurement_are_apart_in_json(
    shown: Callable[..., str], edgefer, bundle: Path
) -> None:
    done = edgefer("benchmark", bundle, "--duration", "0.01", "--threads", "1", "--json")
    assert done.status == 0, done.err
    estimate = json.loads(shown([bundle], json=True))
    for measured in (json.loads(done.out), record()):
        assert _keys(estimate) & _keys(measured) <= WHAT
        assert measured.get("kind") != "estimate"
    assert "latency_ms" in _keys(json.loads(done.out))
    assert not any("measure" in key for key in _keys(estimate))
    assert "estimate" not in done.out


def test_estimate_and_measurement_are_apart_in_tables(
    shown: Callable[..., str], edgefer, bundle: Path
) -> None:
    done = edgefer("benchmark", bundle, "--duration", "0.01", "--threads", "1")
    assert done.status == 0, done.err
    assert "estimate" not in done.out.lower()
    out = shown([bundle])
    assert out.split()[0] == "ESTIMATE,"
    assert not any(word in out for word in ("p50", "p99", "median", "faces/s"))
