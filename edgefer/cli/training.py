"""What `edgefer train` does once its options are read: a training, or a preview of its faces."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from edgefer.cli.broken import note_left_out
from edgefer.cli.output import note, percent, progress_bar

if TYPE_CHECKING:
    from edgefer.data.broken import Broken
    from edgefer.data.faces import FaceSet
    from edgefer.labels import Expression
    from edgefer.progress import Progress
    from edgefer.training.options import TrainingOptions
    from edgefer.training.trainer import Epoch, Trainer
    from edgefer.zoo.registry import Network


class Prepared(NamedTuple):
    """A trainer, the faces that it is measured on, and how many were left out of its own."""

    trainer: Trainer
    measured: FaceSet | None
    dropped: int


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


class Course(Protocol):
    """What kind of training it is: what trains, on what, and what is written in the end."""

    def prepare(self, job: Job, progress: Progress) -> Prepared:
        """Read the faces and make the trainer."""

    def write(self, output: Path, trainer: Any, accuracy: float | None) -> None:
        """Write what the trainer that was prepared has made; `accuracy` was measured of it."""


def train_to(job: Job, course: Course, output: Path, resume: bool) -> dict[str, Any]:
    """Train from the start or a checkpoint to the output; what there is to say of it."""
    from edgefer.files import sha256

    checkpoint = Path(f"{output}.checkpoint")
    _check_files(output, checkpoint, resume, job.start)
    _load_torch(job.threads)
    started = time.perf_counter()
    with progress_bar() as progress:
        progress("faces", 0, 0)
        trainer, measured, dropped = course.prepare(job, progress)
        progress("faces", 1, 1)
        if resume:
            trainer.resume(checkpoint)
        history = _run(trainer, checkpoint)
    accuracy = history[-1].accuracy if history else trainer.accuracy()
    course.write(output, trainer, accuracy)
    checkpoint.unlink(missing_ok=True)
    return {
        "weights": output,
        "sha256": sha256(output.read_bytes()),
        **trainer.run,
        "accuracy": accuracy,
        "dropped": dropped,
        "left_out": job.broken.left_out,
        "validation": measured and {"name": measured.name, "faces": len(measured)},
        "epochs": history,
        "seconds": time.perf_counter() - started,
    }


class FromTheNetwork:
    """Training of a network, from chance or from weights, to FP32 weights."""

    def prepare(self, job: Job, progress: Progress) -> Prepared:
        """A trainer for the labels of the data."""
        from edgefer.training.trainer import Trainer

        faces, measured, dropped = read_faces(job, None, progress)
        network = _labelled(job.network, faces)
        start, threads = job.start, job.threads
        trainer = Trainer(
            network, faces, job.options, measured, progress, weights=start, threads=threads
        )
        return Prepared(trainer, measured, dropped)

    def write(self, output: Path, trainer: Trainer, accuracy: float | None) -> None:
        """The averaged weights, in safetensors."""
        from edgefer.zoo.weights import save_weights

        origin = {**trainer.run, "accuracy": accuracy}
        save_weights(output, trainer.network, trainer.averaged.state_dict(), origin)


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


def read_faces(
    job: Job, labels: tuple[Expression, ...] | None, progress: Progress
) -> tuple[FaceSet, FaceSet | None, int]:
    """The faces to learn, those to measure, and how many are left out as they are in both.

    They have the data's labels, or `labels`.
    """
    from edgefer.data.faces import without_duplicates
    from edgefer.data.source import read_data, read_sibling
    from edgefer.errors import InputError

    every = read_data(job.data, "train", job.broken, progress)
    faces = every.relabelled(labels or every.labels)
    if len(faces) < len(every):
        others = f"{len(every) - len(faces)} of {len(every)} faces of {every.name}"
        note(f"{others} are not learnt: their label is none of the network's")
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
