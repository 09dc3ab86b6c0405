"""What `edgefer train` does once its options are read: a training, or a preview of its faces."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgefer.cli.broken import note_left_out
from edgefer.cli.output import note, percent, progress_bar

if TYPE_CHECKING:
    from edgefer.data.broken import Broken
    from edgefer.data.faces import FaceSet
    from edgefer.progress import Progress
    from edgefer.training.options import TrainingOptions
    from edgefer.training.trainer import Epoch, Trainer
    from edgefer.zoo.registry import Network


@dataclass(frozen=True)
class Job:
    """What to train, on what, and from where; the network's labels are not the data's yet."""

    network: Network
    options: TrainingOptions
    data: str
    validation: str | None
    start: Path | None
    threads: int | None
    broken: Broken


def train_to(job: Job, output: Path, resume: bool) -> dict[str, Any]:
    """Train from the start or a checkpoint to the weights; what there is to say of it."""
    checkpoint = Path(f"{output}.checkpoint")
    _check_files(output, checkpoint, resume, job.start)
    _load_torch(job.threads)
    from edgefer.training.trainer import Trainer

    started = time.perf_counter()
    with progress_bar() as progress:
        progress("faces", 0, 0)
        faces, measured, dropped = _read(job, progress)
        network = _labelled(job.network, faces)
        trainer = Trainer(
            network,
            faces,
            job.options,
            measured,
            progress,
            weights=job.start,
            threads=job.threads,
        )
        progress("faces", 1, 1)
        if resume:
            trainer.resume(checkpoint)
        history = _run(trainer, checkpoint)
    written = _write(output, network, trainer, history)
    checkpoint.unlink(missing_ok=True)
    return {
        **written,
        "dropped": dropped,
        "left_out": job.broken.left_out,
        "validation": measured and {"name": measured.name, "faces": len(measured)},
        "epochs": history,
        "seconds": time.perf_counter() - started,
    }


def preview_to(job: Job, path: Path) -> dict[str, Any]:
    """Write a sheet of the first faces before and after augmentation; what there is to say."""
    from edgefer.data.source import read_data
    from edgefer.files import check_writable

    check_writable(path)
    _load_torch(job.threads)
    from edgefer.training.preview import write_preview

    with progress_bar() as progress:
        faces = read_data(job.data, "train", job.broken, progress)
        note_left_out(job.broken)
        shown = write_preview(path, _labelled(job.network, faces), faces, job.options)
    return {"preview": path, "faces": shown}


def _labelled(network: Network, faces: FaceSet) -> Network:
    """The network for the labels of those faces."""
    from edgefer.zoo.registry import Choices

    return network.varied(Choices(labels=faces.labels))


def _check_files(output: Path, checkpoint: Path, resume: bool, start: Path | None) -> None:
    from edgefer.errors import InputError
    from edgefer.files import check_readable, check_writable

    check_writable(output)
    if start is not None:
        check_readable(start, "weights in safetensors")
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


def _read(job: Job, progress: Progress) -> tuple[FaceSet, FaceSet | None, int]:
    """The faces to learn, those to measure, and how many are left out as they are in both."""
    from edgefer.data.faces import without_duplicates
    from edgefer.data.source import read_data, read_sibling
    from edgefer.errors import InputError

    faces = read_data(job.data, "train", job.broken, progress)
    read, text = (read_data, job.validation) if job.validation else (read_sibling, job.data)
    found = read(text, "valid", job.broken, progress)
    note_left_out(job.broken)
    faces.face_hashes(progress)
    absent = [label for number, label in enumerate(faces.labels) if number not in faces.classes]
    if absent:
        note(f"{faces.name} has no faces of {', '.join(absent)}: these will not be answered")
    if found is None:
        note("nothing is measured: there is no valid split; name faces as --validation DATA")
        return faces, None, 0
    measured = found.relabelled(faces.labels)
    if len(measured) < len(found):
        others = f"{len(found) - len(measured)} of {len(found)} faces of {found.name}"
        note(f"{others} are not measured: their label is not in {faces.name}")
    measured.face_hashes(progress)
    kept, dropped = without_duplicates(faces, measured)
    if not len(kept):
        msg = f"{faces.name}: all faces are in {measured.name} too; give another --validation"
        raise InputError(msg)
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
            found, accuracy = percent(epoch.train_accuracy, 2), percent(epoch.accuracy, 2)
            figures = f"loss {epoch.loss:.4f}, train accuracy {found}, accuracy {accuracy}"
            note(f"epoch {saved} of {epochs}: {figures}")
    except KeyboardInterrupt:
        if saved:
            note(f"{checkpoint} has {saved} of {epochs} epochs; --resume goes on from there")
        else:
            note("no epoch was complete: there is nothing to resume")
        raise
    return history


def _write(
    output: Path, network: Network, trainer: Trainer, history: list[Epoch]
) -> dict[str, Any]:
    from edgefer.files import sha256
    from edgefer.zoo.weights import save_weights

    accuracy = history[-1].accuracy if history else trainer.accuracy()
    origin = {**trainer.run, "accuracy": accuracy}
    save_weights(output, network, trainer.averaged.state_dict(), origin)
    return {"weights": output, "sha256": sha256(output.read_bytes()), **origin}
