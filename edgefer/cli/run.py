"""`edgefer run`: the expressions in pictures, in a video, or before a camera."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgefer.cli.engines import BackendOption, DlaOption, OnMismatchOption, note_backend
from edgefer.cli.output import (
    JsonOption,
    facts,
    note,
    one_line,
    print_json,
    progress_bar,
    show,
    table,
)

if TYPE_CHECKING:
    from edgefer.cli.sources import Camera, Frame, Picture, Video
    from edgefer.cli.targets import Target
    from edgefer.labels import Expression
    from edgefer.runtime.recognizer import Reading, Recognizer

_COLUMNS = ("face", "box", "expression", "confidence", "runner-up")


def run(
    bundle: Annotated[Path, typer.Argument(metavar="BUNDLE", help="The bundle to run.")],
    sources: Annotated[
        list[str] | None,
        typer.Argument(metavar="SOURCE...", help="Pictures, videos, or the number of a camera."),
    ] = None,
    backend: BackendOption = "auto",
    threads: Annotated[
        int | None, typer.Option(metavar="N", help="Threads on the CPU; all cores by default.")
    ] = None,
    detector: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A YuNet face detector (ONNX).")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER", help="For annotated pictures; beside each picture by default."
        ),
    ] = None,
    on_mismatch: OnMismatchOption = "rebuild",
    dla: DlaOption = None,
    build_only: Annotated[
        bool,
        typer.Option("--build-only", help="Load the bundle, build what it needs, and end."),
    ] = False,
    json: JsonOption = False,
) -> None:
    """Read the expressions in pictures, in a video, or before a camera.

    Each picture is also written with the readings drawn in, as NAME.edgefer.png. A camera runs
    until Ctrl-C. With --json: one line a picture or frame.

    \b
    Example:
      edgefer run fer-lite-int8.edgefer holiday.jpg
      edgefer run fer-lite-int8.edgefer lecture.mp4 --json > lecture.jsonl
      edgefer run fer-lite-int8.edgefer 0
    """
    from edgefer.cli.sources import Picture, Video, find_source
    from edgefer.cli.targets import find_targets
    from edgefer.runtime.recognizer import Recognizer
    from edgefer.runtime.session import load

    _check_sources(sources, build_only)
    found = [find_source(source) for source in sources or ()]
    targets = find_targets(found, output)
    with progress_bar() as progress:
        session = load(
            bundle,
            backend=backend,
            threads=threads,
            on_mismatch=on_mismatch,
            dla=dla,
            progress=progress,
        )
    if build_only or not json:
        note_backend(session)
    with session, Recognizer(session, detector=detector) as recognizer:
        for source in found:
            if isinstance(source, Picture):
                _run_picture(recognizer, source, targets[source.path], json)
            elif isinstance(source, Video):
                _run_video(recognizer, source, json)
            else:
                _run_camera(recognizer, source, json)


def _check_sources(sources: Sequence[str] | None, build_only: bool) -> None:
    """A source, or none with --build-only."""
    from edgefer.errors import InputError

    if bool(sources) == build_only:
        found = f"SOURCE {sources[0]} with --build-only" if sources else "none"
        msg = f"SOURCE: expected pictures, a video, a camera, or --build-only alone, found {found}"
        raise InputError(msg)


def _run_picture(recognizer: Recognizer, picture: Picture, target: Target, json: bool) -> None:
    name = str(picture.path)
    frame = picture.frame()
    readings = _read(recognizer, frame, name)
    labels = recognizer.session.labels
    written = target.write(frame, readings, labels)
    if json:
        print_json({**_document(recognizer, name, readings), "annotated": written})
        return
    if readings:
        rows = (_row(number, reading, labels) for number, reading in enumerate(readings, start=1))
        found = f"{recognizer.session.backend}, faces by {recognizer.detector.name}"
        show(f"{one_line(name)} ({found})")
        show(table(_COLUMNS, rows))
    else:
        show(f"{one_line(name)}: no face found ({recognizer.detector.name})")
    if written:
        note(f"annotated picture: {written}")


def _read(recognizer: Recognizer, frame: Frame, name: str) -> list[Reading]:
    """The readings of a frame; where it cannot be read, the error names the source."""
    from edgefer.errors import InputError

    try:
        return recognizer(frame)
    except InputError as error:
        msg = f"{name}: {error}"
        raise InputError(msg) from error


def _run_video(recognizer: Recognizer, video: Video, json: bool) -> None:
    frames = frames_with_face = 0
    expressions: Counter[Expression] = Counter()
    with progress_bar() as progress:
        for number, (time, frame) in enumerate(video.frames()):
            readings = _read(recognizer, frame, str(video.path))
            frames += 1
            frames_with_face += bool(readings)
            expressions.update(reading.expression for reading in readings)
            if json:
                print_json(_document(recognizer, str(video.path), readings, number, time))
            progress(video.path.name, frames, max(frames, video.count))
    if frames < video.count:
        note(f"{video.path}: ended after {frames} frames; its header promises {video.count}")
    if not json:
        _show_summary(recognizer, video, frames, frames_with_face, expressions)


def _show_summary(
    recognizer: Recognizer,
    video: Video,
    frames: int,
    frames_with_face: int,
    expressions: Counter[Expression],
) -> None:
    counted = [("frames", frames), ("frames with a face", frames_with_face)]
    backend = f"{recognizer.session.backend}, faces by {recognizer.detector.name}"
    show(f"{one_line(str(video.path))} ({backend})")
    show(facts(counted))
    columns = ("expression", "readings", "share")
    rows = (
        (expression, count, f"{count / expressions.total():.1%}")
        for expression, count in expressions.most_common()
    )
    show(table(columns, rows, title="Expressions", numbers=columns[1:]))


def _run_camera(recognizer: Recognizer, camera: Camera, json: bool) -> None:
    name = f"camera {camera.number}"
    for number, (time, frame) in enumerate(camera.frames()):
        if number == 0:
            note(f"{name}: Ctrl-C ends it")
        readings = _read(recognizer, frame, name)
        if json:
            print_json(_document(recognizer, name, readings, number, time))
            continue
        for reading in readings:
            answer = f"{reading.expression:<10}{reading.confidence:>7.1%}"
            show(f"{time:8.2f} s  {answer}  {_box(reading)}  {reading.backend}")


def _document(
    recognizer: Recognizer,
    source: str,
    readings: Sequence[Reading],
    frame: int | None = None,
    time: float | None = None,
) -> dict[str, object]:
    """One line of JSON; a picture has no frame number and no time."""
    position = {} if frame is None else {"frame": frame, "time_s": time}
    session = recognizer.session
    faces = [_face(reading, session.labels) for reading in readings]
    return {"source": source, **position, "faces": faces, "backend": session.backend}


def _face(reading: Reading, labels: Sequence[Expression]) -> dict[str, object]:
    shares = reading.probabilities.astype(float).round(6)
    points = reading.landmarks
    return {
        "box": [round(side, 1) for side in reading.box],
        "expression": reading.expression,
        "confidence": shares.max(),
        "probabilities": dict(zip(labels, shares)),
        "landmarks": None if points is None else points.astype(float).round(1),
    }


def _row(number: int, reading: Reading, labels: Sequence[Expression]) -> tuple[object, ...]:
    second = int(reading.probabilities.argsort()[-2])
    runner_up = f"{labels[second]} {reading.probabilities[second]:.1%}"
    return number, _box(reading), reading.expression, f"{reading.confidence:.1%}", runner_up


def _box(reading: Reading) -> str:
    x, y, width, height = (round(side) for side in reading.box)
    return f"{width}x{height} at {x},{y}"
