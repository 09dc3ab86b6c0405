"""`edgefer train`: faces in, FP32 weights out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from edgefer.cli import recipe
from edgefer.cli.broken import SkipBrokenOption
from edgefer.cli.choices import ScaleOrderOption, SizeOption, WithoutOption, read_choices
from edgefer.cli.output import JsonOption, facts, percent, print_json, show
from edgefer.cli.qat import Quantised
from edgefer.cli.quantisation import CalibratorOption, read_calibration
from edgefer.cli.training import FromTheNetwork, Job, preview_to, train_to
from edgefer.machine import MOST_THREADS


def train(
    network: Annotated[
        str, typer.Argument(metavar="NETWORK", help="One that `edgefer models` lists.")
    ],
    data: Annotated[
        str, typer.Option(metavar="DATA", help="Faces to learn: KIND:PATH[@SPLIT]; train split.")
    ],
    validation: Annotated[
        str | None,
        typer.Option(metavar="DATA", help="Faces to measure; by default the data's valid split."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(help="NETWORK.safetensors by default, with --qat NETWORK-qat.onnx."),
    ] = None,
    weights: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Start from these; what is not in them is random."),
    ] = None,
    qat: Annotated[
        bool,
        typer.Option("--qat", help="Train on in INT8: 2 epochs, at a hundredth of the rate."),
    ] = False,
    calibrator: CalibratorOption = None,
    size: SizeOption = None,
    without: WithoutOption = None,
    scale_order: ScaleOrderOption = None,
    epochs: recipe.EpochsOption = None,
    batch: recipe.BatchOption = None,
    learning_rate: recipe.LearningRateOption = None,
    optimizer: recipe.OptimizerOption = None,
    schedule: recipe.ScheduleOption = None,
    step_epochs: recipe.StepEpochsOption = None,
    weight_decay: recipe.WeightDecayOption = None,
    trunk_rate: recipe.TrunkRateOption = None,
    augmentation: recipe.AugmentationOption = None,
    balanced: recipe.BalancedOption = False,
    seed: Annotated[int, typer.Option(help="Of all chance.")] = 0,
    threads: Annotated[
        int | None,
        typer.Option(
            metavar="N", min=1, max=MOST_THREADS, help="Of the CPU; all cores by default."
        ),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from OUTPUT.checkpoint, with the same options.")
    ] = False,
    preview: Annotated[
        Path | None,
        typer.Option(metavar="FILE.png", help="Write the first faces and what is made of them."),
    ] = None,
    skip_broken: SkipBrokenOption = False,
    json: JsonOption = False,
) -> None:
    """Train a network and write its FP32 weights.

    It learns the labels that the data has. Each network has a recipe; options override it.
    After each epoch a checkpoint is written beside the output, and removed when all is done.
    Faces that are in the validation set too are not trained on. With --preview it only draws.

    With --qat (quantisation-aware training) trained weights learn to answer in INT8: those of
    --weights, or those that ship. Labels are the network's. `edgefer export` takes the result.

    \b
    Example:
      edgefer train fer-lite --data ferplus:fer2013
      edgefer train fer-lite --data ferplus:fer2013 --resume
      edgefer train ma-net --data affectnet-7:AffectNet --weights w.safetensors
      edgefer train fer-lite --data folder:f --augmentation cabin --preview f.png
      edgefer train fer-lite --qat --data ferplus:fer2013
    """
    from edgefer.data.broken import Broken
    from edgefer.errors import InputError
    from edgefer.zoo.registry import find_network

    given: dict[str, Any] = {"epochs": epochs, "batch": batch, "seed": seed}
    given |= {"learning_rate": learning_rate, "optimizer": optimizer, "schedule": schedule}
    given |= {"step_epochs": step_epochs, "weight_decay": weight_decay}
    given |= {"trunk_rate": trunk_rate, "balanced": balanced}
    if calibrator is not None and not qat:
        msg = f"--calibrator {calibrator}: only --qat has ranges; leave it out, or add --qat"
        raise InputError(msg)
    options = recipe.read_options(network, qat, augmentation, **given)
    if trunk_rate is not None and (weights is None or qat):
        msg = "--trunk-rate is for weights that are loaded beside fresh ones"
        raise InputError(msg)
    if output is not None and (output.suffix.lower() == ".onnx") != qat:
        msg = (
            f"--output {output}: expected a name that ends in {'.onnx' if qat else '.safetensors'}"
        )
        raise InputError(msg)
    choices = read_choices(size, without, scale_order)
    chosen = find_network(network).varied(choices)
    job = Job(chosen, options, data, validation, weights, threads, Broken(skip_broken))
    if preview is not None:
        document = preview_to(job, preview)
    elif qat:
        course = Quantised(choices, read_calibration(calibrator, None))
        document = train_to(job, course, output or Path(f"{network}-qat.onnx"), resume)
    else:
        named = output or Path(f"{network}.safetensors")
        document = train_to(job, FromTheNetwork(), named, resume)
    if json:
        print_json(document)
    elif preview is None:
        _show(document)
    else:
        _show_preview(document)


def _show(document: dict[str, Any]) -> None:
    data, validation, start = document["data"], document["validation"], document["start"]
    measured = f"{validation['faces']} faces of {validation['name']}" if validation else "none"
    left_out = f", {document['dropped']} left out" if document["dropped"] else ""
    show(
        facts(
            [
                ("weights", document["weights"]),
                ("sha256", document["sha256"]),
                ("from", start["source"] if start else "chance"),
                ("trained on", f"{data['faces']} faces of {data['name']}{left_out}"),
                ("measured on", measured),
                ("accuracy", percent(document["accuracy"], 2)),
                ("took", f"{document['seconds']:.0f} s"),
            ]
        )
    )


def _show_preview(document: dict[str, Any]) -> None:
    faces = f"{document['faces']} faces, each row over the same varied"
    show(facts([("preview", document["preview"]), ("shows", faces)]))
