"""What repairs after training give to the INT8 graphs: other biases, other roundings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from edgefer.choice import Choice
from edgefer.errors import InputError

Floats = NDArray[np.float32]


class Repair(Choice):
    """A repair by its name, in the order in which they are made."""

    EQUALISATION = "equalisation"
    ROUNDING = "rounding"
    BIAS_CORRECTION = "bias-correction"

    @classmethod
    def parse_list(cls, text: str) -> tuple[Repair, ...]:
        """The repairs of a list with commas, or all or none; InputError names those there are."""
        if text == "all":
            return tuple(cls)
        if text == "none":
            return ()
        asked = [name.strip() for name in text.split(",")]
        if not set(asked) <= set(cls):
            msg = f"repair '{text}': expected all, none, or some of {', '.join(cls)}"
            raise InputError(msg)
        return tuple(repair for repair in cls if repair in asked)


@dataclass(frozen=True)
class Repairs:
    """What is changed of the layers that are INT8, in both flavours alike.

    `bias` is added to a layer's bias, by the layer's name: float32 [channels]. `weights` are the
    integers of a weight, by its name, on the grid of `weight_scales`, instead of the nearest.
    """

    bias: Mapping[str, Floats] = field(default_factory=dict)
    weights: Mapping[str, NDArray[np.int8]] = field(default_factory=dict)


NO_REPAIRS = Repairs()
