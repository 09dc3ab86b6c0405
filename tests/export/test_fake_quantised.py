"""The INT8 graph in torch: the scales and the answers of the exported graphs."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import numpy_helper

from edgefer.accuracy import agreement
from edgefer.calibration.grid import along
from edgefer.calibration.placement import place
from edgefer.calibration.table import CalibrationTable, Range
from edgefer.calibration.view import GraphView
from edgefer.data.source import read_data
from edgefer.errors import InputError
from edgefer.export.answers import answers, probabilities
from edgefer.export.flavours import int8_graph
from edgefer.export.ranges import calibrate
from edgefer.export.shipped import shipped_graph
from edgefer.manifest import Flavour
from tests.export.conftest import Exported
from tests.export.graphs import GraphMaker, residual

torch = pytest.importorskip("torch", reason="the torch extra is not installed")
pytest.importorskip("modelopt", reason="the torch extra is not installed")
fake_quantised = pytest.importorskip("edgefer.export.fake_quantised")

Calibrated = Callable[[onnx.ModelProto], CalibrationTable]
FACES = 1000


def made(model: onnx.ModelProto, table: CalibrationTable):
    return fake_quantised.FakeQuantised(model, table)


def stored_scales(model: onnx.ModelProto) -> dict[str, NDArray[np.float32]]:
    """Every scale of a graph, by the name of its tensor; the zero point's type decides its unit.

    Unsigned integers from 0 have steps of 127/255: given back is the step of signed ones.
    """
    stored = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
    found = {}
    for node in model.graph.node:
        if node.op_type == "DequantizeLinear":
            name = node.input[1].removesuffix(".scale")
            scale, zero = (stored[name].astype(np.float64) for name in node.input[1:])
            unsigned = stored[node.input[2]].dtype == np.uint8 and not zero.any()
            found[name] = scale * 255 / 127 if unsigned else scale
    return found


def check_scales(model: onnx.ModelProto, table: CalibrationTable) -> None:
    """Walks every scale of both flavours and of torch; what the CPU only moves keeps its own."""
    torchs = made(model, table).scales()
    flavours = {each: stored_scales(int8_graph(model, table, each)[0]) for each in Flavour}
    moved = place(GraphView(model), Flavour.CPU).moved
    assert torchs
    assert torchs.keys() == flavours[Flavour.GPU].keys()
    cpus = {name for name in flavours[Flavour.CPU] if not name.endswith(".bias")}
    assert torchs.keys() <= cpus
    for name, scale in torchs.items():
        assert np.array_equal(scale, flavours[Flavour.GPU][name]), name
        cpu = flavours[Flavour.CPU]
        same = cpu[moved[name]] if name in moved else scale
        assert np.allclose(same, cpu[name], rtol=1e-6, atol=0), name


def test_every_scale_is_that_of_both_flavours(
    model: onnx.ModelProto, calibrated: Calibrated
) -> None:
    check_scales(model, calibrated(model))


def test_every_scale_of_every_network_is_that_of_both_flavours(exported: Exported) -> None:
    graph = exported.source.graph
    faces = read_data("synthetic:8", "train")
    check_scales(onnx.load_model_from_string(graph.data), calibrate(graph, faces))


def test_scales_follow_the_weights(calibrated: Calibrated) -> None:
    model = residual()
    table = calibrated(model)
    module = made(model, table)
    before = module.scales()
    with torch.no_grad():
        for weight in module.parameters():
            weight.mul_(3)
    after = module.scales()
    exported = stored_scales(int8_graph(module.written_into(model), table, Flavour.GPU)[0])
    for name, scale in after.items():
        assert np.array_equal(scale, exported[name])
        assert np.allclose(scale, before[name] * (1 if name in table.ranges else 3), rtol=1e-3)


def test_answers_are_those_of_the_gpu_graph(
    model: onnx.ModelProto, faces: NDArray[np.uint8], calibrated: Calibrated
) -> None:
    table = calibrated(model)
    narrow = {name: Range(each.low / 3, each.high / 3) for name, each in table.ranges.items()}
    table = replace(table, ranges=narrow)  # so that values beyond the range are met
    with torch.no_grad():
        found = made(model, table)(torch.from_numpy(faces))["probabilities"].numpy()
    expected = answers(int8_graph(model, table, Flavour.GPU)[0].SerializeToString(), faces)
    exact = answers(model.SerializeToString(), faces)["probabilities"]
    assert np.abs(found - expected["probabilities"]).max() < 0.01
    assert np.abs(found - exact).max() > 0.02


def test_weights_become_the_values_of_their_integers(
    model: onnx.ModelProto, calibrated: Calibrated
) -> None:
    table = calibrated(model)
    exported = int8_graph(model, table, Flavour.GPU)[0]
    stored = {t.name: numpy_helper.to_array(t) for t in exported.graph.initializer}
    constants = made(model, table)._constants()
    weights = []
    for node in exported.graph.node:
        if node.op_type == "DequantizeLinear" and node.input[0] in stored:
            weights.append(node.output[0])
            integers, scale = (stored[name].astype(np.float32) for name in node.input[:2])
            (axis,) = (each.i for each in node.attribute)
            values = integers * along(scale, axis, integers.ndim)
            found = constants[node.output[0]].detach().numpy()
            assert np.allclose(found, values, rtol=1e-5, atol=0)
    assert weights


def test_gradients_pass_the_rounding_and_stop_beyond_the_range(calibrated: Calibrated) -> None:
    model = residual()
    table = calibrated(model)
    module = made(model, table)
    limit = table.ranges[module.observed[0]].limit
    values = torch.tensor([0.3 * limit, 0.9 * limit, 1.1 * limit, -1.1 * limit], requires_grad=True)
    module.activation_quantisers[0](values).sum().backward()
    assert values.grad is not None
    assert values.grad.tolist() == [1, 1, 0, 0]
    pixels = torch.zeros((2, 12, 12, 3), dtype=torch.uint8)
    module(pixels)["probabilities"][:, 0].sum().backward()
    (weight,) = (each for name, each in module.learnt().items() if name.startswith("weight.2"))
    assert weight.grad is not None
    greatest = weight.detach().flatten(1).abs().argmax(dim=1)
    assert weight.grad.flatten(1).gather(1, greatest[:, None]).any()


def test_a_copy_has_weights_and_quantisers_of_its_own(
    faces: NDArray[np.uint8], calibrated: Calibrated
) -> None:
    model = residual()
    module = made(model, calibrated(model))
    pixels = torch.from_numpy(faces)
    with torch.no_grad():
        before = module(pixels)["probabilities"]
        twin = copy.deepcopy(module)
        for weight in module.parameters():
            weight.mul_(2)
        for quantiser in module.activation_quantisers:
            quantiser.amax = quantiser.amax / 8
        assert not torch.equal(module(pixels)["probabilities"], before)
        assert torch.equal(twin(pixels)["probabilities"], before)


def test_a_graph_without_layers_for_int8_is_refused(calibrated: Calibrated) -> None:
    graph = GraphMaker()
    graph.nodes.pop()
    with pytest.raises(InputError, match="expected layers with weights"):
        made(graph.close("input", 3), calibrated(residual()))


def test_winners_on_real_faces_are_those_of_the_gpu(shared: Path) -> None:
    data = f"ferplus:{shared / 'data' / 'ferplus'}"
    graph = shipped_graph()
    model = onnx.load_model_from_string(graph.data)
    table = calibrate(graph, read_data(data, "train").balanced(128))
    faces = read_data(data, "valid")
    pixels = faces.pixels(graph.size, range(FACES))
    batches = [pixels[start : start + 250] for start in range(0, FACES, 250)]
    module = made(model, table)
    with torch.no_grad():
        found = [module(torch.from_numpy(part))["probabilities"].numpy() for part in batches]
    gpu = int8_graph(model, table, Flavour.GPU)[0].SerializeToString()
    assert agreement(np.concatenate(found), probabilities(gpu, batches)) >= 0.99
