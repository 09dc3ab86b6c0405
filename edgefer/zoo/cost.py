"""What a network costs: its parameters and the multiply-adds of one face, counted as it runs."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch.utils.flop_counter import FlopCounterMode

from edgefer.zoo.registry import Network


@dataclass(frozen=True)
class Cost:
    """Numbers of learned parameters, and of multiply-adds for one face.

    `outputs` is how many numbers each output of the graph has for one face.
    """

    parameters: int
    multiply_adds: int
    outputs: dict[str, int]


def cost_of(network: Network) -> Cost:
    """Count on torch's meta device: shapes only, so nothing is allocated or computed.

    Convolutions, linear layers and attention count; additions and activations alone do not.
    """
    with torch.device("meta"), torch.no_grad():
        module = network.build().eval()
        face = torch.empty(1, len(network.scale.weights), network.size, network.size)
        counter = FlopCounterMode(display=False)
        with counter:
            answers = module.answers(module(face))
    parameters = sum(parameter.numel() for parameter in module.parameters())
    outputs = {name: answer.shape[1] for name, answer in zip(module.outputs, answers)}
    return Cost(parameters, counter.get_total_flops() // 2, outputs)
