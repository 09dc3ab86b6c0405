"""`edgefer convert`: a checkpoint of another program in, weights out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edgefer.cli.choices import ScaleOrderOption, SizeOption, WithoutOption, read_choices
from edgefer.cli.output import JsonOption, facts, print_json, show

if TYPE_CHECKING:
    from edgefer.labels import Expression
    from edgefer.zoo.checkpoints import Conversion


def convert(
    network: Annotated[
        str, typer.Argument(metavar="NETWORK", help="One that `edgefer models` lists.")
    ],
    checkpoint: Annotated[
        Path, typer.Argument(metavar="CHECKPOINT", help="Of torch.save, or safetensors.")
    ],
    labels: Annotated[
        str | None,
        typer.Option(
            metavar="ORDER|LABEL,...",
            help="What its classes are, in its order: raf-db, affectnet, ferplus or labels.",
        ),
    ] = None,
    size: SizeOption = None,
    without: WithoutOption = None,
    scale_order: ScaleOrderOption = None,
    output: Annotated[
        Path | None, typer.Option(help="The weights; NETWORK-CHECKPOINT.safetensors by default.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Convert a PyTorch checkpoint to a weights file.

    Tensors alone are read; nothing in the checkpoint is run. Weights of face recognition or
    ImageNet come without their classifier, to be trained on.

    \b
    Example:
      edgefer convert ma-net Pretrained_on_MSCeleb.pth.tar
      edgefer convert resnet18 mine.pth --labels raf-db
    """
    from edgefer.files import sha256
    from edgefer.imports import require
    from edgefer.zoo.registry import find_network

    chosen = find_network(network).varied(read_choices(size, without, scale_order))
    expressions = None if labels is None else _read_labels(labels)
    for library in ("torch", "safetensors"):
        require(library, "torch")
    from edgefer.zoo import checkpoints

    weights = output or Path(f"{network}-{checkpoint.name.partition('.')[0]}.safetensors")
    made = checkpoints.convert(chosen, checkpoint, weights, expressions)
    written = {"weights": weights, "sha256": sha256(weights.read_bytes()), "network": network}
    if json:
        headless = bool(made.fit.fresh)
        names = None if headless else made.fit.network.labels
        print_json({**written, "headless": headless, "labels": names, "training": made.origin})
    else:
        _show(written, made)


def _read_labels(text: str) -> tuple[Expression, ...]:
    from edgefer.errors import InputError
    from edgefer.labels import ORDERS, parse_labels

    if text in ORDERS:
        return ORDERS[text]
    if "," not in text:
        expected = ", ".join(ORDERS)
        msg = f"--labels {text}: expected {expected} or expressions with commas between them"
        raise InputError(msg)
    return parse_labels(text.split(","))


def _show(written: dict[str, Any], made: Conversion) -> None:
    origin = made.origin
    rows: list[tuple[str, object]] = [
        *written.items(),
        ("made of", f"{origin['checkpoint']}, {origin['format']}"),
        ("tensors", made.tensors),
        *(
            (name.replace("_", " "), origin[name])
            for name in ("scale_order", "epoch", "best_acc")
            if name in origin
        ),
    ]
    if made.fit.fresh:
        rows += _headless_rows(written, made)
    else:
        rows.append(("labels", ", ".join(made.fit.network.labels)))
        rows.append(("labels from", _LABELS_FROM[origin["labels_from"]]))
    if "passed_over" in origin:
        rows.append(("passed over", ", ".join(origin["passed_over"])))
    show(facts(rows))


_LABELS_FROM = {
    "--labels": "--labels",
    "number of classes": "the number of classes; give --labels if the order is another",
}


def _headless_rows(written: dict[str, Any], made: Conversion) -> list[tuple[str, object]]:
    network, classes = written["network"], made.fit.classes
    dropped = ", ".join(made.origin["dropped"]) or "nothing"
    if classes is not None:
        dropped += f": the classifier of {classes:,} classes"
    return [
        ("dropped", dropped),
        ("starts anew", ", ".join(made.origin["fresh"])),
        ("train it", f"edgefer train {network} --weights {written['weights']} --data DATA"),
    ]
