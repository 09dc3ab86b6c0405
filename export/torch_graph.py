"""A tidy FP32 graph as a torch module, so that its weights can be trained as they are exported.

Parameters are the weights and biases of convolutions and Gemm; the pixel input and every other
constant stay as they are. BatchNorm is in the weights already.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor, nn

from edgefer.calibration.layers import attributes
from edgefer.calibration.view import INPUT, LAYOUT, WEIGHTED, GraphView
from edgefer.errors import InputError
from edgefer.export.torch_operators import OPERATORS, Operator
from edgefer.imports import require

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto, TensorProto

Values = dict[str, Tensor]
_IN_NUMBERS = b"NOTSET"


class Step(NamedTuple):
    """A node; `last` are the values that nobody reads after it."""

    operator: Operator
    given: Mapping[str, Any]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    last: tuple[str, ...] = ()


class GraphModule(nn.Module):
    """A graph that keeps the contract.

    With `trainable` False nothing is a parameter, and nothing is in the state dict. Raises
    InputError for an operator that is not known, and where no convolution scales the pixels.
    """

    def __init__(self, model: ModelProto, *, trainable: bool = True) -> None:
        super().__init__()
        view = GraphView(model)
        self.outputs = [str(value.name) for value in model.graph.output]
        before = [node for node in view.nodes if view.reads_pixels(node)]
        self.entry = _entry(before)
        self._before = {str(node.output[0]) for node in before if node.op_type != "Shape"}
        stored = {tensor.name: _tensor(tensor) for tensor in model.graph.initializer}
        self.names = _learnt(view) if trainable else []
        self.weights = nn.ParameterList([nn.Parameter(stored.pop(name)) for name in self.names])
        self._integers = {
            name: values for name, values in stored.items() if not values.is_floating_point()
        }
        self._floats = [name for name in stored if name not in self._integers]
        for number, name in enumerate(self._floats):
            # names have dots, which those of buffers may not
            self.register_buffer(f"constant{number}", stored[name], persistent=False)
        self.steps = self._planned([_step(node) for node in view.nodes])

    def forward(self, pixels: Tensor) -> Values:
        """uint8 [n, size, size, 3] RGB to the outputs by name."""
        return self._run({INPUT: pixels}, self.steps)

    def behind_entry(self, faces: Tensor) -> Values:
        """What the pixel input would give, float32 [n, channels, size, size], to the outputs."""
        # some graphs read the number of faces off the pixels
        pixels = faces.new_empty((len(faces), *faces.shape[2:], 3))
        steps = [step for step in self.steps if step.outputs[0] not in self._before]
        return self._run({INPUT: pixels, self.entry: faces}, steps)

    def learnt(self) -> Values:
        """The weights and biases by their names in the graph."""
        return dict(zip(self.names, self.weights))

    def written_into(self, model: ModelProto) -> ModelProto:
        """A copy of the model that this was made from, with the weights as they are now."""
        onnx = require("onnx", "export")
        made: ModelProto = onnx.ModelProto()
        made.CopyFrom(model)
        learnt = self.learnt()
        for tensor in made.graph.initializer:
            if tensor.name in learnt:
                values = learnt[tensor.name].detach().cpu().contiguous().numpy()
                tensor.CopyFrom(onnx.numpy_helper.from_array(values, tensor.name))
        return made

    def _constants(self) -> Values:
        """All that a step can read beside the results of other steps."""
        floats = {name: getattr(self, f"constant{i}") for i, name in enumerate(self._floats)}
        return {**floats, **self._integers, **self.learnt()}

    def _run(self, given: Values, steps: list[Step]) -> Values:
        values = {**self._constants(), **given}
        for step in steps:
            inputs = [values[name] if name else None for name in step.inputs]
            made = step.operator(step.given, *inputs)
            values.update(zip(step.outputs, (made,) if isinstance(made, Tensor) else made))
            for name in step.last:
                del values[name]
        return {name: values[name] for name in self.outputs}

    def _planned(self, steps: list[Step]) -> list[Step]:
        """The steps, each with the values that can go after it: memory is that of a few layers."""
        made = {name for step in steps for name in step.outputs}
        needed, planned = set(self.outputs), []
        for step in reversed(steps):
            last = made.intersection(step.inputs) - needed
            needed |= last
            planned.append(step._replace(last=tuple(last)))
        return planned[::-1]


def _entry(before: list[NodeProto]) -> str:
    """The result of the convolution that scales the pixels."""
    scaling = [node for node in before if node.op_type not in (*LAYOUT, "Shape")]
    if len(scaling) != 1 or scaling[0].op_type != "Conv":
        found = ", ".join(node.op_type for node in scaling) or "none"
        msg = f"training a graph: expected one Conv that scales the pixels, found {found}"
        raise InputError(msg)
    return str(scaling[0].output[0])


def _learnt(view: GraphView) -> list[str]:
    """The constants that are weights and biases of layers behind the pixel input."""
    layers = (n for n in view.nodes if n.op_type in WEIGHTED and not view.reads_pixels(n))
    names = [str(name) for node in layers for name in node.input[1:] if name in view.constants]
    return list(dict.fromkeys(names))


def _step(node: NodeProto) -> Step:
    given = attributes(node)
    unknown = node.op_type not in OPERATORS
    if unknown or given.get("auto_pad", _IN_NUMBERS) != _IN_NUMBERS:
        what = "operators that training knows" if unknown else "padding in numbers"
        msg = f"{node.name}: expected {what}, found {node.op_type}; this graph cannot be trained"
        raise InputError(msg)
    return Step(OPERATORS[node.op_type], given, tuple(node.input), tuple(node.output))


def _tensor(stored: TensorProto) -> Tensor:
    values = require("onnx", "export").numpy_helper.to_array(stored)
    return torch.from_numpy(values.copy())
