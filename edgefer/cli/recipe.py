"""The options of a training that the recipe of the network has defaults for."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any

import typer

from edgefer.errors import InputError
from edgefer.training.options import Optimizer, Schedule, TrainingOptions
from edgefer.training.recipes import (
    augmentation,
    by_network,
    quantised_recipe,
    recipe,
)
from edgefer.training.variation import Preset


def _help(text: str, name: str) -> str:
    return f"{text} [default: {by_network(name)}]"


EpochsOption = Annotated[
    int | None, typer.Option(metavar="N", help=_help("Passes over the faces.", "epochs"))
]
BatchOption = Annotated[int | None, typer.Option(metavar="N", help=_help("Faces a step.", "batch"))]
LearningRateOption = Annotated[
    float | None, typer.Option(metavar="RATE", help=_help("The highest.", "learning_rate"))
]
OptimizerOption = Annotated[
    Optimizer | None, typer.Option(help=_help("Who takes the steps.", "optimizer"))
]
ScheduleOption = Annotated[
    Schedule | None, typer.Option(help=_help("How the learning rate runs.", "schedule"))
]
StepEpochsOption = Annotated[
    int | None,
    typer.Option(metavar="N", help="With --schedule steps: a tenth of the rate every N epochs."),
]
WeightDecayOption = Annotated[
    float | None, typer.Option(metavar="RATE", help=_help("Of all weights.", "weight_decay"))
]
TrunkRateOption = Annotated[
    float | None,
    typer.Option(
        metavar="FACTOR",
        help=_help("What --weights loaded learns at this times the rate.", "trunk_rate"),
    ),
]
AugmentationOption = Annotated[
    Preset | None, typer.Option(help=_help("How the faces are varied.", "augmentation"))
]
BalancedOption = Annotated[
    bool, typer.Option("--balanced", help="Draw faces of each class alike often.")
]


def read_options(
    network: str, quantised: bool, varied: Preset | None, **given: Any
) -> TrainingOptions:
    """The network's recipe with what is given (not None) instead; InputError for what cannot be.

    `quantised` takes the recipe for training on in INT8.
    """
    chosen = {name: value for name, value in given.items() if value is not None}
    if varied is not None:
        chosen["augmentation"] = augmentation(varied, network)
    own = quantised_recipe(network) if quantised else recipe(network)
    options = replace(own, **chosen)
    if "step_epochs" in chosen and options.schedule is not Schedule.STEPS:
        msg = f"--step-epochs is for --schedule {Schedule.STEPS}, found {options.schedule}"
        raise InputError(msg)
    return options
