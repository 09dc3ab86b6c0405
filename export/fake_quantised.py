"""The INT8 graph in torch: ModelOpt's fake quantisers where `gpu.onnx` has Q/DQ, with its scales.

A fake quantiser gives the values of the integers, in FP32. Its gradient passes through the
rounding (Bengio et al., 2013, straight-through), and for activations stops beyond the range. These
have the ranges of the table; weights have the steps that the export would give them as they are.
The FP16 between the integers of `gpu.onnx` is not imitated.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from edgefer.calibration.grid import MOST, activation_grid, along, channel_axis, weight_scales
from edgefer.calibration.placement import Placement, layers_of, quantizable
from edgefer.calibration.table import CalibrationTable
from edgefer.calibration.view import GraphView
from edgefer.export.torch_graph import GraphModule, Step, Values
from edgefer.imports import require
from edgefer.manifest import Flavour

if TYPE_CHECKING:
    from onnx import ModelProto

Floats = NDArray[np.float32]


class FakeQuantised(GraphModule):
    """A graph, with the ranges of its table, whose INT8 layers compute with values of integers.

    Raises InputError as GraphModule does, and where no layer is worth INT8.
    """

    def __init__(self, model: ModelProto, table: CalibrationTable) -> None:
        super().__init__(model)
        view = GraphView(model, table.beyond_fp16)
        placement = quantizable(view)
        self._layers = layers_of(view)
        self._ranges, self._live = table.ranges, _LiveView(model)
        placed = [node for node in self._layers if node.name in placement.weighted]
        self._axes = {str(node.input[1]): channel_axis(node) for node in placed}
        self.weight_quantisers = nn.ModuleList(
            # the greatest weight may lie beyond its last integer, as its step is rounded
            _quantiser(axis=axis, narrow_range=True, pass_through_bwd=True)
            for axis in self._axes.values()
        )
        self.observed = list(placement.tensors)
        self.activation_quantisers = nn.ModuleList(
            # as QuantizeLinear, which has -128 too
            _quantiser(narrow_range=False, pass_through_bwd=False)
            for _ in self.observed
        )
        for name, quantiser in zip(self.observed, self.activation_quantisers):
            limit = activation_grid(self._ranges[name], Flavour.GPU).limit
            quantiser.amax = torch.tensor(limit, dtype=torch.float32)
        self._set_weight_steps()
        self.steps = self._planned(self._quantised_steps(view, placement))

    def scales(self) -> dict[str, Floats]:
        """The step of each INT8 activation and weight, by the name of the tensor."""
        self._set_weight_steps()
        names = (*self.observed, *self._axes)
        made: list[Any] = [*self.activation_quantisers, *self.weight_quantisers]
        return {name: (each.amax / MOST).squeeze().cpu().numpy() for name, each in zip(names, made)}

    def _quantised_steps(self, view: GraphView, placement: Placement) -> list[Step]:
        """The steps with a quantiser behind each INT8 activation, read by those that are INT8."""
        quantisers = dict(zip(self.observed, self.activation_quantisers))
        steps: list[Step] = []
        for node, step in zip(view.nodes, self.steps):
            inputs = [
                _dequantised(name) if node.name in placement.tensors.get(name, ()) else name
                for name in step.inputs
            ]
            if node.name in placement.weighted:
                inputs[1] = _dequantised(inputs[1])
            steps.append(step._replace(inputs=tuple(inputs)))
            for name in step.outputs:
                if name in quantisers:
                    operator = partial(_quantise, quantisers[name])
                    steps.append(Step(operator, {}, (name,), (_dequantised(name),)))
        return steps

    def _constants(self) -> Values:
        values = super()._constants()
        self._set_weight_steps()
        for name, quantiser in zip(self._axes, self.weight_quantisers):
            values[_dequantised(name)] = quantiser(values[name])
        return values

    @torch.no_grad()
    def _set_weight_steps(self) -> None:
        """Give each weight the steps that the export would, as the weights are now."""
        learnt = self.learnt()
        self._live.now = {
            # of a weight only the greatest of each channel is asked for
            name: (_greatest(value, self._axes[name]) if name in self._axes else value)
            .cpu()
            .numpy()
            for name, value in learnt.items()
        }
        steps = weight_scales(self._live, self._layers, self._ranges)
        for (name, axis), quantiser in zip(self._axes.items(), self.weight_quantisers):
            amax = along(MOST * steps[name], axis, learnt[name].dim())
            quantiser.amax = torch.from_numpy(amax).to(learnt[name].device)


class _LiveView(GraphView):
    """A graph whose constants have the values of `now`; it keeps none of its own."""

    def __init__(self, model: ModelProto) -> None:
        onnx = require("onnx", "export")
        bare = onnx.ModelProto()
        bare.graph.node.extend(model.graph.node)
        for tensor in model.graph.initializer:
            bare.graph.initializer.add(name=tensor.name, dims=tensor.dims)
        super().__init__(bare)
        self.now: Mapping[str, Floats] = {}

    def values(self, constant: str) -> Floats:
        return self.now[constant]


def _quantiser(**given: Any) -> nn.Module:
    """ModelOpt's quantiser to signed INT8."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # those of its own libraries, not the user's
        modelopt = require("modelopt.torch.quantization.nn", "torch")
        config = require("modelopt.torch.quantization.config", "torch")
    made: nn.Module = modelopt.TensorQuantizer(config.QuantizerAttributeConfig(num_bits=8, **given))
    return made


def _quantise(quantiser: nn.Module, _: Mapping[str, Any], values: Tensor) -> Tensor:
    made: Tensor = quantiser(values)
    return made


def _greatest(weight: Tensor, axis: int) -> Tensor:
    """The greatest absolute value of each channel, in the shape of the weight otherwise."""
    others = [i for i in range(weight.dim()) if i != axis]
    return weight.abs().amax(dim=others, keepdim=True)


def _dequantised(name: str) -> str:
    return f"{name}.dequantized"
