"""A graph as a torch module: the answers of ONNX Runtime, weights that learn and go back."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper

from edgefer.errors import InputError
from edgefer.export.answers import answers
from edgefer.export.parity import golden_faces
from edgefer.zoo.registry import find_network
from tests.export.conftest import Exported
from tests.export.graphs import GraphMaker, residual

torch = pytest.importorskip("torch", reason="the torch extra is not installed")
PixelInput = pytest.importorskip("edgefer.zoo.contract").PixelInput
torch_graph = pytest.importorskip("edgefer.export.torch_graph")
operators = pytest.importorskip("edgefer.export.torch_operators")


def differences(model: onnx.ModelProto, faces: NDArray[np.uint8]) -> dict[str, float]:
    """The largest of each output, between torch and ONNX Runtime."""
    with torch.no_grad():
        found = torch_graph.GraphModule(model)(torch.from_numpy(faces))
    expected = answers(model.SerializeToString(), faces)
    assert found.keys() == expected.keys()
    return {name: np.abs(found[name].numpy() - expected[name]).max() for name in expected}


def test_every_network_answers_as_in_onnx_runtime(exported: Exported) -> None:
    graph = exported.source.graph
    model = onnx.load_model_from_string(graph.data)
    assert max(differences(model, golden_faces(graph.size)[:4]).values()) < 1e-4


def test_gradients_reach_every_weight(exported: Exported) -> None:
    graph = exported.source.graph
    module = torch_graph.GraphModule(onnx.load_model_from_string(graph.data))
    faces = torch.from_numpy(golden_faces(graph.size)[:2])
    module(faces)["probabilities"][:, 0].sum().backward()
    assert module.names
    assert [name for name, weight in module.learnt().items() if not weight.grad.any()] == []


def test_small_graphs_answer_as_in_onnx_runtime(
    model: onnx.ModelProto, faces: NDArray[np.uint8]
) -> None:
    assert max(differences(model, faces).values()) < 1e-5


def test_what_the_pixel_input_gives_can_be_fed_in_its_place(exported: Exported) -> None:
    graph = exported.source.graph
    model = onnx.load_model_from_string(graph.data)
    module = torch_graph.GraphModule(model, trainable=False)
    assert list(module.parameters()) == list(module.state_dict()) == []
    pixels = torch.from_numpy(golden_faces(graph.size)[:2])
    normalised = PixelInput(find_network(graph.network).scale)(pixels)
    whole, behind = module(pixels), module.behind_entry(normalised)
    for name, found in whole.items():
        assert torch.allclose(behind[name], found, atol=1e-5)


def test_changed_weights_go_back_and_nothing_else(faces: NDArray[np.uint8]) -> None:
    model = residual()
    module = torch_graph.GraphModule(model)
    assert module.written_into(model) == model
    with torch.no_grad():
        for weight in module.parameters():
            weight.mul_(1.1)
        expected = module(torch.from_numpy(faces))["probabilities"].numpy()
    made = module.written_into(model)
    assert list(made.graph.node) == list(model.graph.node)
    changed = {
        new.name for new, old in zip(made.graph.initializer, model.graph.initializer) if new != old
    }
    assert changed == set(module.names)
    found = answers(made.SerializeToString(), faces)["probabilities"]
    assert np.abs(found - expected).max() < 1e-5


def test_memory_is_not_that_of_all_layers() -> None:
    graph, way = GraphMaker(), "stem"
    for number in range(5):
        way = graph.node("Relu", [way], f"relu{number}")
    module = torch_graph.GraphModule(graph.close(way, 8))
    for step in module.steps:
        expected = {name for name in step.inputs if name in {"cast", "planes", "input", "stem"}}
        assert expected <= {*step.last, "pixels"}


CASES = {
    "asymmetric pads": ("MaxPool", [], {"kernel_shape": [3, 3], "pads": [0, 0, 1, 1]}),
    "ceil": ("MaxPool", [], {"kernel_shape": [2, 2], "strides": [3, 3], "ceil_mode": 1}),
    "pads counted": (
        "AveragePool",
        [],
        {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1], "count_include_pad": 1},
    ),
    "pads not counted": ("AveragePool", [], {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}),
    "steps": ("Slice", [[11, 0], [-13, 9], [2, 3], [-2, 3]], {}),
    "end beyond": ("Slice", [[2], [2**63 - 1], [-1]], {}),
    "one index": ("Gather", [np.array(-1)], {"axis": 1}),
    "a table of indices": ("Gather", [[[0, -2], [1, 1]]], {"axis": 2}),
    "uneven parts": ("Split", [], {"axis": 1, "num_outputs": 3}),
    "parts by size": ("Split", [[1, 5, 2]], {"axis": 1}),
    "sides kept": ("Reshape", [[0, -1, 4]], {}),
    "all axes": ("ReduceMean", [], {"keepdims": 0}),
    "flat": ("Flatten", [], {"axis": 2}),
    "turned": ("Transpose", [], {}),
    "new axes": ("Unsqueeze", [[-1, 0]], {}),
    "wider": ("Expand", [[2, 1, 1, 1, 1]], {}),
    "rows of columns": ("DepthToSpace", [], {"blocksize": 2, "mode": "CRD"}),
    "rows of depth": ("DepthToSpace", [], {"blocksize": 2}),
}


@pytest.mark.parametrize("name", CASES)
def test_an_operator_does_what_onnx_runtime_does(name: str) -> None:
    kind, integers, given = CASES[name]
    x = np.random.default_rng(0).normal(size=(2, 8, 12, 12)).astype(np.float32)
    inputs = {"x": x, **{f"i{n}": np.asarray(each) for n, each in enumerate(integers)}}
    outputs = [f"y{n}" for n in range(3 if kind == "Split" else 1)]
    node = helper.make_node(kind, list(inputs), outputs, **given)
    taken = [
        helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(each.dtype), each.shape)
        for name, each in inputs.items()
    ]
    told = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs]
    graph = helper.make_graph([node], "one", taken, told)
    opsets = [helper.make_opsetid("", 19)]
    model = helper.make_model(graph, ir_version=9, opset_imports=opsets)
    expected = ort.InferenceSession(model.SerializeToString()).run(None, inputs)
    attributes = {each.name: helper.get_attribute_value(each) for each in node.attribute}
    tensors = map(torch.from_numpy, inputs.values())
    made = operators.OPERATORS[kind](attributes, *tensors)
    found = (made,) if isinstance(made, torch.Tensor) else made
    assert [each.shape for each in found] == [each.shape for each in expected]
    for ours, theirs in zip(found, expected):
        assert np.allclose(ours.numpy(), theirs, atol=1e-6)


def test_what_cannot_be_trained_is_refused() -> None:
    graph = GraphMaker()
    graph.node("Softsign", ["stem"], "odd")
    with pytest.raises(InputError, match="odd: expected operators .* found Softsign"):
        torch_graph.GraphModule(graph.close("odd", 8))
    padded = residual()
    padded.graph.node[3].attribute.add(name="auto_pad", type=3, s=b"SAME_UPPER")
    with pytest.raises(InputError, match="expected padding in numbers, found Conv"):
        torch_graph.GraphModule(padded)


def test_an_average_over_uneven_padding_is_refused() -> None:
    given = {"kernel_shape": [3, 3], "pads": [0, 0, 1, 1]}
    with pytest.raises(InputError, match="AveragePool: expected the same padding at both ends"):
        operators.OPERATORS["AveragePool"](given, torch.zeros(1, 1, 4, 4))


def test_a_graph_that_scales_its_pixels_otherwise_is_refused() -> None:
    model = residual()
    scaling = model.graph.node[2]
    scaling.op_type = "Mul"
    del scaling.input[2:]
    with pytest.raises(InputError, match="one Conv that scales the pixels, found Mul"):
        torch_graph.GraphModule(model)
