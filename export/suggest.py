"""A spec as far as it can be read from an ONNX file, with a question mark for the rest."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from edgefer.calibration.view import GraphView
from edgefer.errors import InputError
from edgefer.export.foreign import FaceInput, face_input, network_name
from edgefer.export.graph import LIMIT, load, type_and_shape
from edgefer.export.spec import UNKNOWN, AnswerKind, Colour, Layout, toml_entry
from edgefer.export.tidy import store_constants, tidy
from edgefer.files import read_bytes
from edgefer.labels import ORDERS, parse_labels

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

_HEAD = """\
# What edgefer has to know of a network to export it. Replace each "?": only the network's owner
# can tell, or the code that trained it."""
_NOT_SCALED = """\
Nothing in the graph scales pixels: what did the code that trained it do? The network's
# input is x * scale + offset, for pixels x of 0 to 255: 1/255 (0.00392156862745098) and 0 make 0
# to 1, 1/127.5 (0.00784313725490196) and -1 make -1 to 1. One number, or one for each channel.
# Instead of the two there can be mean, std, and pixels = "0..1" or "0..255" that they are for."""
_LABEL_KEYS = ("labels", "classes", "class_names", "names", "id2label")
_LABEL_CHARACTERS = 2000
_LABELS = range(2, 9)
_SAME = ("Transpose", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Identity", "Cast")
_LOGITS = ("Gemm", "MatMul", "Add", "Conv", "GlobalAveragePool", "ReduceMean", "LogSoftmax")
# How far white is from black at the first layer: 1 for 0 to 1, 2 for -1 to 1, 4 or 5 for pixels
# over their deviation. What is taken to be near these, and for a middle, is our choice.
_SPAN = (0.5, 12.0)
_MIDDLE = (0.2, 0.8)


@dataclass(frozen=True)
class _Entry:
    """One line of the spec, and what is known of it or asked."""

    about: str
    key: str
    value: object

    def __str__(self) -> str:
        return f"\n# {self.about}\n{toml_entry(self.key, self.value)}"


def suggest_spec(path: Path) -> str:
    """TOML for `read_spec`, which refuses it while a question mark is left.

    Raises InputError where the file is no classifier of square faces that could be exported.
    """
    name = str(path)
    given = load(read_bytes(path, "an ONNX file", LIMIT), name)
    taken = face_input(given, name)
    model = tidy(given, name)
    store_constants(given)  # as it was: onnxsim folds a scaling into what follows
    batch = "one face" if taken.shape[0] else "any number of faces"
    entries = [
        _Entry("From the file's name: what bundles are called.", "name", network_name(name)),
        *_picture(taken, name),
        *_scaling(GraphView(given), taken),
        *_answers(model, _labels_within(given)),
    ]
    return "\n".join((_HEAD, f"# The graph takes {batch} at a time.", *map(str, entries), ""))


def _picture(taken: FaceInput, name: str) -> Iterator[_Entry]:
    """Layout, colour and size, from the shape of the input."""
    _, first, _, last = taken.shape
    found = [layout for layout, side in zip(Layout, (first, last)) if side in (1, 3)]
    layout = found[0] if len(found) == 1 else None
    about = f"The input is {taken}."
    if layout is None:
        yield _Entry(f'{about} "nchw" or "nhwc": are the channels second or last?', "layout", "?")
    else:
        yield _Entry(about, "layout", str(layout))
    if layout is not None and taken.channels(layout) == 1:
        yield _Entry("One channel.", "colour", str(Colour.GREY))
    else:
        about = '"rgb" or "bgr" (as OpenCV has it); "grey" where one channel, or three alike'
        yield _Entry(f"{about}, go in.", "colour", UNKNOWN)
    sides = {side for side in taken.sides(layout) if side} if layout else set()
    if len(sides) > 1:
        msg = f"{name}: expected a network for square faces, found an input of {taken}"
        raise InputError(msg)
    yield _Entry("Width and height, in pixels.", "size", sides.pop() if sides else UNKNOWN)


def _scaling(view: GraphView, taken: FaceInput) -> Iterator[_Entry]:
    affine = _affine(view, taken.name)
    if affine is None:
        yield _Entry(_NOT_SCALED, "scale", UNKNOWN)
        yield _Entry("As above.", "offset", UNKNOWN)
        return
    slope, shift = affine
    about = f"The graph begins with x * {slope:.4g} {shift:+.4g} (the mean of its channels)"
    scale: object = UNKNOWN
    if _SPAN[0] <= abs(255 * slope) <= _SPAN[1]:
        about, scale = f"{about}: it takes 0 to 255.", 1.0
    elif _SPAN[0] <= abs(slope) <= _SPAN[1] and _MIDDLE[0] <= -shift / slope <= _MIDDLE[1]:
        about, scale = f"{about}: it takes 0 to 1.", 1 / 255
    else:
        about = f"{about}. Which pixels does it take? scale = 1 and offset = 0 for 0 to 255."
    yield _Entry(about, "scale", scale)
    yield _Entry("As above.", "offset", UNKNOWN if scale == UNKNOWN else 0.0)


def _affine(view: GraphView, name: str) -> tuple[float, float] | None:
    """Slope and shift of what is done to the tensor `name` before anything else; None: nothing."""
    slope, shift, found = 1.0, 0.0, False
    while len(view.readers[name]) == 1:
        (node,) = view.readers[name]
        step = (1.0, 0.0) if node.op_type in _SAME else _step(view, node, name)
        if step is None:
            break
        found = found or node.op_type not in _SAME
        slope, shift = slope * step[0], shift * step[0] + step[1]
        name = str(node.output[0])
    return (slope, shift) if found and slope else None


def _step(view: GraphView, node: NodeProto, name: str) -> tuple[float, float] | None:
    """Slope and shift of one node, the mean of its channels; None where it has neither."""
    if node.op_type == "BatchNormalization":  # its own gain is learned and tells nothing
        mean, variance = (float(view.values(given).mean()) for given in node.input[3:5])
        deviation = max(variance, 1e-12) ** 0.5
        return 1 / deviation, -mean / deviation
    constants = [given for given in node.input if given in view.constants]
    if len(node.input) != 2 or len(constants) != 1:
        return None
    value, first = float(view.values(constants[0]).mean()), node.input[0] == name
    steps = {
        "Add": (1.0, value),
        "Sub": (1.0, -value) if first else (-1.0, value),
        "Mul": (value, 0.0),
        "Div": (1 / value, 0.0) if first and value else None,
    }
    return steps.get(node.op_type)


def _answers(model: ModelProto, names: Sequence[str]) -> Iterator[_Entry]:
    """Which output, what it is, and for which labels; `names` are those that the file has."""
    shapes = {str(value.name): type_and_shape(value)[1] for value in model.graph.output}
    counts = {
        name: int(np.prod([side or 0 for side in shape[1:]])) for name, shape in shapes.items()
    }
    likely = [name for name, count in counts.items() if count in _LABELS]
    chosen = likely[0] if len(likely) == 1 and likely[0].isprintable() else None
    if len(shapes) > 1:
        about = f"One of {', '.join(map(ascii, shapes))}."
        yield _Entry(about, "output", chosen or UNKNOWN)
    kind = None if chosen is None else _kind(GraphView(model), chosen)
    about = '"probabilities" where softmax is inside, else "logits".'
    yield _Entry(about, "answers", UNKNOWN if kind is None else str(kind))
    count = counts.get(chosen or "", 0)
    if names and count in (0, len(names)):
        yield _Entry("In the file's metadata, in this order.", "labels", list(names))
        return
    orders = "".join(
        f"\n#   {data}: {', '.join(order)}" for data, order in ORDERS.items() if len(order) == count
    )
    about = f"In the order of the answers.{' Known orders:' if orders else ''}{orders}"
    yield _Entry(about, "labels", [UNKNOWN] * max(count, 1))


def _kind(view: GraphView, output: str) -> AnswerKind | None:
    """What the graph ends with; None where that does not tell."""
    node = view.producer.get(output)
    while node is not None and node.op_type in _SAME:
        node = view.producer.get(node.input[0])
    if node is None or node.op_type not in (*_LOGITS, "Softmax"):
        return None
    return AnswerKind.PROBABILITIES if node.op_type == "Softmax" else AnswerKind.LOGITS


def _labels_within(model: ModelProto) -> list[str]:
    """The expressions that the metadata names as labels, as exporters write them; else none."""
    for entry in model.metadata_props:
        if entry.key.lower() in _LABEL_KEYS and len(entry.value) <= _LABEL_CHARACTERS:
            try:
                found = ast.literal_eval(entry.value)
            except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
                found = entry.value.split(",")
            if isinstance(found, dict):  # by their numbers
                found = [found[key] for key in sorted(found, key=str)]
            try:
                return [str(label) for label in parse_labels(found)]
            except InputError:
                continue
    return []
