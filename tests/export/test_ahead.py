"""Engines for GPUs that are not here, by the real TensorRT-RTX, in one bundle."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnxruntime import InferenceSession

from edgefer.bundle import Bundle, read_bundle
from edgefer.errors import BundleError, InputError, MachineError
from edgefer.export.ahead import Ahead, build_ahead, read_targets
from edgefer.export.unquantised import without_quantisation
from edgefer.manifest import Flavour, Precision
from edgefer.runtime.engine_options import Target
from edgefer.runtime.engine_source import carried
from edgefer.runtime.ort import session_options

THREE = (Target.RTX_AMPERE, Target.RTX_ADA, Target.RTX_BLACKWELL)


@pytest.fixture(scope="module")
def made(bundles: dict[Precision, Path]) -> dict[Precision, Ahead]:
    """The default network with an engine for three GPUs, in each precision."""
    pytest.importorskip("tensorrt_rtx_bindings", reason="the rtx extra is not installed")
    return {kind: build_ahead(read_bundle(path), THREE) for kind, path in bundles.items()}


def test_one_engine_for_several_gpus(made: dict[Precision, Ahead], tmp_path: Path) -> None:
    for precision, ahead in made.items():
        ahead.bundle.write(tmp_path / "a.edgefer")
        (engine,) = carried(read_bundle(tmp_path / "a.edgefer"))
        assert engine.sidecar == ahead.sidecar
        assert engine.sidecar.what.precision == precision
        assert engine.sidecar.where.capabilities == ("8.6", "8.9", "12.0")
        assert (engine.sidecar.where.device, engine.sidecar.where.driver) == (None, None)


def test_the_sizes_advise(made: dict[Precision, Ahead]) -> None:
    int8, fp16 = made[Precision.INT8], made[Precision.FP16]
    assert fp16.fp16_size is None
    assert fp16.advice is None
    assert int8.fp16_size == pytest.approx(fp16.sidecar.size, rel=0.1)
    larger = replace(int8, fp16_size=int8.sidecar.size - 1)
    assert larger.advice is not None
    assert "export with --precision fp16" in larger.advice
    assert replace(int8, fp16_size=int8.sidecar.size).advice is None


def test_another_engine_of_the_same_gpus_takes_its_place(made: dict[Precision, Ahead]) -> None:
    again = build_ahead(made[Precision.FP16].bundle, THREE)
    assert len(list(carried(again.bundle))) == 1
    both = build_ahead(again.bundle, [Target.RTX_TURING])
    assert [engine.sidecar.where.capabilities for engine in carried(both.bundle)] == [
        ("8.6", "8.9", "12.0"),
        ("7.5",),
    ]


def test_an_engine_that_is_not_its_sidecars_is_refused(made: dict[Precision, Ahead]) -> None:
    bundle = made[Precision.FP16].bundle
    ((name, plan, described),) = bundle.engines()
    stem = name.removeprefix("engines/").removesuffix(".engine")
    with pytest.raises(BundleError, match="its bytes are not those that its sidecar names"):
        list(carried(bundle.with_engine(stem, plan[1:], described)))


def test_an_engine_needs_its_sidecar(made: dict[Precision, Ahead], tmp_path: Path) -> None:
    bundle = made[Precision.FP16].bundle
    kept = {name: data for name, data in bundle.members.items() if not name.endswith("ada.json")}
    lone = next(name for name in bundle.members if name.endswith(".json") and "engines/" in name)
    kept.pop(lone)
    files = {name: bundle.manifest.files[name] for name in kept}
    Bundle(replace(bundle.manifest, files=files), kept).write(tmp_path / "a.edgefer")
    with pytest.raises(BundleError, match=r"engines/.*\.json' is missing: the sidecar"):
        list(read_bundle(tmp_path / "a.edgefer").engines())


@pytest.mark.parametrize("name", ["orin", "ORIN", "agx-orin", "rtx-ada,orin-nano", "thor"])
def test_a_jetson_builds_its_own(name: str) -> None:
    with pytest.raises(MachineError, match=r"on the device itself.* run: edgefer build x\.edgefer"):
        read_targets(name, "x.edgefer")


def test_unknown_and_repeated_targets_are_refused() -> None:
    with pytest.raises(InputError, match="target 'h100': expected one of rtx-turing, rtx-ampere"):
        read_targets("h100", "x")
    with pytest.raises(InputError, match="target rtx-ada: given twice"):
        read_targets("rtx-ada, rtx-ada", "x")
    assert read_targets("rtx-ada,RTX-Ampere", "x") == (Target.RTX_ADA, Target.RTX_AMPERE)


def test_without_quantisation_it_is_the_fp16_network(bundles: dict[Precision, Path]) -> None:
    bundle = read_bundle(bundles[Precision.INT8])
    plain = without_quantisation(bundle.graph(Flavour.GPU))
    onnx.checker.check_model(plain, full_check=True)
    model = onnx.load_model_from_string(plain)
    assert not {"QuantizeLinear", "DequantizeLinear"} & {node.op_type for node in model.graph.node}
    golden = bundle.golden()
    session = InferenceSession(plain, session_options(1), providers=["CPUExecutionProvider"])
    (found,) = session.run(["probabilities"], {"pixels": golden.faces})
    assert np.abs(found - golden.reference).max() < 0.05
