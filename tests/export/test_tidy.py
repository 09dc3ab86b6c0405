"""Graphs of any maker come out in one form, with the same answers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from edgefer.errors import InputError
from edgefer.export.answers import answers
from edgefer.export.tidy import IR_VERSION, OPSET, tidy
from tests.export.graphs import GraphMaker, residual, shared_weights


def without_names() -> onnx.ModelProto:
    """ONNX lets a node have no name."""
    model = residual()
    for node in model.graph.node:
        node.name = ""
    return model


def with_one_name() -> onnx.ModelProto:
    """And several the same."""
    model = residual()
    for node in model.graph.node:
        node.name = "same"
    return model


def constants_as_nodes() -> onnx.ModelProto:
    """Weights and biases that Constant nodes make, one of them behind an Identity."""
    model = residual()
    made = [
        helper.make_node("Constant", [], [tensor.name], value=tensor)
        for tensor in model.graph.initializer
    ]
    nodes = list(model.graph.node)
    nodes[2].input[2] = "bias.behind"
    made.append(helper.make_node("Identity", [model.graph.initializer[1].name], ["bias.behind"]))
    del model.graph.initializer[:], model.graph.node[:]
    model.graph.node.extend([*made, *nodes])
    return model


def old() -> onnx.ModelProto:
    """Opset 13, as networks of 2021 are."""
    model = residual()
    model.opset_import[0].version = 13
    model.ir_version = 7
    return model


def with_function() -> onnx.ModelProto:
    """A local function, as torch writes them."""
    model = residual()
    body = [helper.make_node("Relu", ["x"], ["y"])]
    opsets = [helper.make_opsetid("", OPSET)]
    model.functions.append(helper.make_function("local", "Act", ["x"], ["y"], body, opsets))
    model.opset_import.append(helper.make_opsetid("local", 1))
    for node in model.graph.node:
        if node.op_type == "Relu":
            node.op_type, node.domain = "Act", "local"
    return model


MAKERS = (without_names, with_one_name, constants_as_nodes, old, with_function, shared_weights)


@pytest.mark.parametrize("made", MAKERS, ids=lambda made: made.__name__)
def test_one_form_and_the_same_answers(
    made: Callable[[], onnx.ModelProto], faces: NDArray[np.uint8]
) -> None:
    model = made()
    tidied = tidy(model, "m.onnx")
    onnx.checker.check_model(tidied, full_check=True)
    names = [node.name for node in tidied.graph.node]
    assert all(names)
    assert len(set(names)) == len(names)
    assert not {name.name for name in tidied.graph.initializer} & set(names)
    assert {node.op_type for node in tidied.graph.node}.isdisjoint({"Constant", "Identity", "Act"})
    assert (tidied.opset_import[0].version, tidied.ir_version) == (OPSET, IR_VERSION)
    if made is with_one_name:  # ONNX Runtime refuses it
        model = residual()
    expected = answers(model.SerializeToString(), faces)["probabilities"]
    np.testing.assert_allclose(
        answers(tidied.SerializeToString(), faces)["probabilities"], expected, atol=1e-5
    )


def test_layers_that_share_weights_have_names_of_their_own() -> None:
    model = shared_weights()
    for node in model.graph.node:
        if node.name in ("one", "two"):
            node.input[1] = "block.weight"
    model.graph.initializer.append(
        numpy_helper.from_array(np.zeros((8, 8, 3, 3), np.float32) + 0.01, "block.weight")
    )
    names = {node.name for node in tidy(model, "m.onnx").graph.node}
    assert {"block", "block.2"} <= names


def test_the_names_of_its_owner_stay() -> None:
    model = residual()
    wished = ["", "mine.conv/1", "mine.conv/1", "mine.a.quantized", f"mine.[b]\n{'x' * 200}"]
    for node, name in zip(model.graph.node, wished):
        node.name = name
    names = [node.name for node in tidy(model, "m.onnx", "mine.").graph.node]
    kinds = [node.op_type.lower() for node in model.graph.node]
    assert names[0] == f"{kinds[0]}_0"
    assert names[1:3] == ["conv/1", "conv/1.2"]
    assert names[3] == f"{kinds[3]}_3"
    assert names[4] == "x" * 100


def test_control_flow_is_refused() -> None:
    made = GraphMaker()
    value = helper.make_tensor_value_info("branch", TensorProto.FLOAT, None)
    branches = {
        name: helper.make_graph([helper.make_node(kind, ["stem"], ["branch"])], name, [], [value])
        for name, kind in (("then_branch", "Relu"), ("else_branch", "Neg"))
    }
    made.node("ReduceMax", ["stem"], "highest", keepdims=0)
    made.node("Greater", ["highest", made.constant("zero", np.float32(0))], "dark")
    made.node("If", ["dark"], "chosen", **branches)
    with pytest.raises(
        InputError, match=r"m\.onnx: expected a graph without control flow, found If"
    ):
        tidy(made.close("chosen", 8), "m.onnx")


def test_what_cannot_be_converted_is_named() -> None:
    model = residual()
    model.opset_import[0].version = 1
    with pytest.raises(InputError, match=r"m\.onnx: cannot be brought to opset 19"):
        tidy(model, "m.onnx")
