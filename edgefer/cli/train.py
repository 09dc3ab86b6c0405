"""`edgefer train`: faces in, FP32 weights out."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edgefer.cli.output import JsonOption, facts, note, percent, print_json, progress_bar, show
from edgefer.machine import MOST_THREADS
from edgefer.training.options import TrainingOptions

if TYPE_CHECKING:
    from edgefer.data.faces import FaceSet
    from edgefer.training.trainer import Epoch, Trainer
    from edgefer.zoo.registry import Network

_DEFAULT = TrainingOptions()


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
        Path | None, typer.Option(help="The weights; NETWORK.safetensors by default.")
    ] = None,
    epochs: Annotated[int, typer.Option(help="Passes over the faces.")] = _DEFAULT.epochs,
    batch: Annotated[int, typer.Option(help="Faces a step.")] = _DEFAULT.batch,
    learning_rate: Annotated[
        float, typer.Option(help="The highest of the cycle.")
    ] = _DEFAULT.learning_rate,
    seed: Annotated[int, typer.Option(help="Of all chance.")] = _DEFAULT.seed,
    threads: Annotated[
        int | None,
        typer.Option(
            metavar="N", min=1, max=MOST_THREADS, help="Of the CPU; all cores by default."
        ),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from OUTPUT.checkpoint, with the same options.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Train a network and write its FP32 weights.

    After each epoch a checkpoint is written beside the output, and removed when all is done.
    Faces that are in the validation set too are not trained on.

    \b
    Example:
      edgefer train fer-lite --data ferplus:fer2013
      edgefer train fer-lite --data ferplus:fer2013 --resume
    """
    options = TrainingOptions(epochs, batch, learning_rate, seed=seed)
    weights = output or Path(f"{network}.safetensors")
    document = _train(network, options, (data, validation), weights, threads, resume)
    if json:
        print_json(document)
    else:
        _show(document)


def _train(
    name: str,
    options: TrainingOptions,
    data: tuple[str, str | None],
    weights: Path,
    threads: int | None,
    resume: bool,
) -> dict[str, Any]:
    """Train from the start or a checkpoint to the weights; what there is to say of it."""
    from edgefer.zoo.registry import find_network

    network = find_network(name)
    checkpoint = Path(f"{weights}.checkpoint")
    _check_files(weights, checkpoint, resume)
    _load_torch(threads)
    from edgefer.training.trainer import Trainer

    started = time.perf_counter()
    with progress_bar() as progress:
        progress("faces", 0, 0)
        faces, measured, dropped = _read(*data)
        trainer = Trainer(network, faces, options, measured, progress)
        progress("faces", 1, 1)
        if resume:
            trainer.resume(checkpoint)
        history = _run(trainer, checkpoint)
    written = _write(weights, network, trainer, history)
    checkpoint.unlink(missing_ok=True)
    return {
        **written,
        "dropped": dropped,
        "validation": measured and {"name": measured.name, "faces": len(measured)},
        "epochs": history,
        "seconds": time.perf_counter() - started,
    }


def _check_files(weights: Path, checkpoint: Path, resume: bool) -> None:
    from edgefer.errors import InputError
    from edgefer.files import check_writable

    check_writable(weights)
    if resume and not checkpoint.is_file():
        msg = f"{checkpoint}: expected a checkpoint to go on from, found none; leave out --resume"
        raise InputError(msg)
    if checkpoint.exists() and not resume:
        msg = f"{checkpoint}: left by a run that was stopped; go on with --resume, or remove it"
        raise InputError(msg)


def _load_torch(threads: int | None) -> None:
    from edgefer.imports import require

    torch = require("torch", "train")
    require("safetensors", "train")
    if threads is not None:
        torch.set_num_threads(threads)


def _read(data: str, validation: str | None) -> tuple[FaceSet, FaceSet | None, int]:
    """The faces to learn, those to measure, and how many are left out as they are in both."""
    from edgefer.data.faces import without_duplicates
    from edgefer.data.source import read_data, read_sibling

    faces = read_data(data, "train")
    measured = read_data(validation, "valid") if validation else read_sibling(data, "valid")
    if measured is None:
        return faces, None, 0
    kept, dropped = without_duplicates(faces, measured)
    if dropped:
        note(f"{dropped} of {len(faces)} faces are left out: they are in {measured.name} too")
    return kept, measured, dropped


def _run(trainer: Trainer, checkpoint: Path) -> list[Epoch]:
    """Train to the end; a checkpoint and one line on standard error after each epoch."""
    history: list[Epoch] = []
    saved, epochs = trainer.epochs_done, trainer.options.epochs
    try:
        for epoch in trainer:
            trainer.save(checkpoint)
            saved = epoch.number
            history.append(epoch)
            accuracy = percent(epoch.accuracy, 2)
            note(f"epoch {saved} of {epochs}: loss {epoch.loss:.4f}, accuracy {accuracy}")
    except KeyboardInterrupt:
        if saved:
            note(f"{checkpoint} has {saved} of {epochs} epochs; --resume goes on from there")
        else:
            note("no epoch was complete: there is nothing to resume")
        raise
    return history


def _write(
    weights: Path, network: Network, trainer: Trainer, history: list[Epoch]
) -> dict[str, Any]:
    from edgefer.files import sha256
    from edgefer.zoo.weights import save_weights

    accuracy = history[-1].accuracy if history else trainer.accuracy()
    origin = {**trainer.run, "accuracy": accuracy}
    save_weights(weights, network, trainer.averaged.state_dict(), origin)
    return {"weights": weights, "sha256": sha256(weights.read_bytes()), **origin}


def _show(document: dict[str, Any]) -> None:
    data, validation = document["data"], document["validation"]
    measured = f"{validation['faces']} faces of {validation['name']}" if validation else "none"
    left_out = f", {document['dropped']} left out" if document["dropped"] else ""
    show(
        facts(
            [
                ("weights", document["weights"]),
                ("sha256", document["sha256"]),
                ("trained on", f"{data['faces']} faces of {data['name']}{left_out}"),
                ("measured on", measured),
                ("accuracy", percent(document["accuracy"], 2)),
                ("took", f"{document['seconds']:.0f} s"),
            ]
        )
    )
