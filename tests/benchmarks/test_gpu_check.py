"""The record of a GPU: on fakes that run on the CPU, and where there is nothing to measure."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

pytest.importorskip("torch", reason="the others are compared with torch")

from edgefer.benchmarks import gpu_check, turns
from edgefer.benchmarks.gpu_check import (
    TorchEager,
    contend,
    contenders,
    default_output,
    find_bundles,
    main,
    make_record,
    table,
)
from edgefer.benchmarks.machine import read_setting
from edgefer.errors import CheckFailed, InputError, MachineError
from edgefer.manifest import Precision
from edgefer.runtime import cuda
from edgefer.runtime.ort_cuda import OnnxRuntimeCuda
from edgefer.runtime.trial import CudaTrial
from tests.fakes.planted import plant

SECONDS = 0.001
NO_GPU = CudaTrial(detail="no NVIDIA driver")


@pytest.fixture
def folder(bundles: dict[Precision, Path]) -> Path:
    """The default network in each precision."""
    return bundles[Precision.FP32].parent


@pytest.fixture
def on_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """Torch and ONNX Runtime as if the CPU were a GPU, timed hastily; there is no TensorRT."""
    monkeypatch.setattr(gpu_check, "QUERIES", 3)
    for name, calls in {"_MOST_WARM_UP": 1, "_WINDOW": 1}.items():
        monkeypatch.setattr(turns, name, calls)
    monkeypatch.setattr(TorchEager, "device", "cpu")
    monkeypatch.setattr(OnnxRuntimeCuda, "provider", "CPUExecutionProvider")
    monkeypatch.setattr(OnnxRuntimeCuda, "device", "cpu")
    monkeypatch.setattr(OnnxRuntimeCuda, "settings", {})
    monkeypatch.setitem(sys.modules, "tensorrt", None)
    monkeypatch.setitem(sys.modules, "tensorrt_rtx_bindings", None)


@pytest.fixture
def no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """No driver, and libraries that are not made for one."""
    import onnxruntime
    import torch

    monkeypatch.setattr(cuda, "DRIVER", "libnone.so.1")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CPUExecutionProvider"])


@pytest.mark.usefixtures("no_gpu")
def test_without_a_gpu_there_is_one_line_and_no_record(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "record.json"
    assert main(["--bundles", str(folder), "--output", str(output)]) == 3
    printed, said = capsys.readouterr()
    assert printed == ""
    assert said.startswith("edgefer: nothing ran on a GPU, so there is no record; torch fp32, fp16")
    assert said.count("\n") == 1
    for backend in ("tensorrt", "tensorrt-rtx", "onnxruntime-cuda"):
        assert f"; {backend} fp32, fp16, int8 " in said
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("on_cpu")
def test_the_record_has_everything(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "record.json"
    arguments = ["--bundles", str(folder), "--output", str(output), "--seconds", str(SECONDS)]
    assert main(arguments) == 0
    record = json.loads(output.read_text())
    assert (record["network"], record["duration"]) == ("fer-lite", SECONDS)
    assert {"torch", "numpy", "edgefer"} <= set(record["versions"])
    assert {"device", "capability", "cuda", "total", "detail"} <= set(record["gpu"])
    assert {"when", "machine", "revision"} <= set(record)
    found = {(each["backend"], each["precision"]): each for each in record["results"]}
    assert list(found) == [(kind.name, precision) for kind, precision in contenders()]
    for (backend, precision), result in found.items():
        if backend.startswith("tensorrt"):
            assert "is not installed" in result["missing"]
            assert set(result) == {"backend", "precision", "missing"}
            continue
        assert result["off_fp32"] <= {"fp32": 1e-3, "fp16": 0.02, "int8": 0.1}[precision]
        for count in ("1", "16"):
            timed = result["faces"][count]
            assert timed["latency_ms"]["queries"] >= 3
            assert 0 < timed["latency_ms"]["p50"] <= timed["latency_ms"]["max"]
            faces = 1e3 * int(count) / timed["latency_ms"]["mean"]
            assert timed["throughput"] == pytest.approx(faces)
            assert list(timed["ratio_to"]) == ["torch fp32", "torch fp16"]
    assert found["torch", "fp16"]["faces"]["1"]["ratio_to"]["torch fp16"]["ratio"] == 1
    _check_printed(capsys.readouterr().out, output)


def _check_printed(printed: str, output: Path) -> None:
    lines = printed.splitlines()
    assert [line.split("  ")[0] for line in lines[1:6]] == [
        *("torch fp32", "torch fp16"),
        *(f"onnxruntime-cuda {precision}" for precision in Precision),
    ]
    assert max(map(len, lines[:6])) <= 80
    assert lines[6].startswith("tensorrt fp32, fp16, int8 missing: tensorrt is not installed")
    assert lines[-1] == f"record: {output}"


@pytest.mark.usefixtures("on_cpu")
def test_engines_say_in_which_types_they_compute(
    folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(cuda, "DRIVER", None)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    plant(monkeypatch, "tensorrt_10_3", "cuda_python")
    monkeypatch.setattr(gpu_check, "FACES", (1,))
    paths = {Precision.INT8: folder / "fer-lite-int8.edgefer"}
    kinds = [kind for kind, _ in contenders() if kind.name == "tensorrt"][:1]
    monkeypatch.setattr(gpu_check, "contenders", lambda: [(kinds[0], Precision.INT8)])
    (result,) = contend(paths, SECONDS)
    assert result["layers"]["int8"] > 0
    assert "engine built now" in result["why"]
    assert result["faces"]["1"]["ratio_to"] == {}


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (CheckFailed("answers are off"), "answers are off"),
        (TypeError("factory function\nreturned nullptr"), "TypeError: factory function returned"),
    ],
)
@pytest.mark.usefixtures("on_cpu")
def test_one_that_fails_does_not_end_the_others(
    folder: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, said: str
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(TorchEager, "__init__", fail)
    results = contend(find_bundles(folder, export=False), SECONDS)
    assert all(result["refused"].startswith(said) for result in results[:2])
    assert [result["precision"] for result in results if "faces" in result] == list(Precision)
    assert "onnxruntime-cuda int8" in table(results)
    assert "no data no data" in table(results)


def test_another_network_is_refused(bundles: dict[Precision, Path]) -> None:
    paths = {Precision.INT8: bundles[Precision.FP32]}
    with pytest.raises(InputError, match="expected fer-lite in int8, found fer-lite in fp32"):
        contend(paths)
    with pytest.raises(InputError, match="no such file"):
        contend(find_bundles(Path("nowhere"), export=False))


def test_bundles_are_exported_by_the_command_line(tmp_path: Path) -> None:
    paths = find_bundles(tmp_path, export=True)
    assert sorted(tmp_path.iterdir()) == sorted(paths.values())


def test_an_export_that_fails_says_why(tmp_path: Path) -> None:
    with pytest.raises(MachineError, match=r"precision fp32: .*cannot write there.*--bundles"):
        find_bundles(tmp_path / "none", export=True)


@pytest.mark.parametrize("seconds", ["0", "-1", "nan", "inf", "soon"])
def test_a_time_that_is_none(seconds: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--seconds", seconds])
    assert ended.value.code == 2
    assert "--seconds" in capsys.readouterr().err


def test_a_file_that_cannot_be_written_is_refused_first(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--output", str(tmp_path / "none" / "record.json")]) == 2
    assert "cannot write there" in capsys.readouterr().err


def test_the_file_is_named_after_the_device(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    setting = read_setting(tmp_path)
    named = default_output(setting, CudaTrial(device="NVIDIA H100 80GB HBM3"))
    assert named.name == "gpu-check-nvidia-h100-80gb-hbm3.json"
    assert named.parent.name == "results"
    monkeypatch.setattr(gpu_check, "_ROOT", tmp_path)
    assert default_output(setting, CudaTrial(device="Orin")) == Path("gpu-check-orin.json")
    unknown = default_output(setting, NO_GPU).stem
    assert unknown == f"gpu-check-{setting.machine.architecture.replace('_', '-')}"


def test_nothing_measured_is_no_record() -> None:
    refused = {"backend": "tensorrt", "precision": "fp16", "refused": "too old"}
    with pytest.raises(MachineError, match="no record; tensorrt fp16 refused: too old"):
        make_record(read_setting(), NO_GPU, [refused], SECONDS)


@pytest.mark.parametrize(("built_for", "said"), [(None, "CPU alone"), ("13.0", "finds no GPU")])
def test_torch_without_a_gpu(
    monkeypatch: pytest.MonkeyPatch, built_for: str | None, said: str
) -> None:
    library = SimpleNamespace(
        __version__="2.13",
        version=SimpleNamespace(cuda=built_for),
        cuda=SimpleNamespace(is_available=lambda: False),
    )
    monkeypatch.setattr(gpu_check, "require", lambda *_: library)
    (kind, _), *_ = contenders()
    with pytest.raises(MachineError, match=said):
        kind.open(None, kind.flavour, gpu_check.OpenOptions())  # type: ignore[arg-type]
