"""A network that is not ours becomes a graph that keeps the contract, by its spec.

The pixel input goes in front, as a 1x1 convolution like that of our own networks; softmax goes
behind, where it is not inside; several faces at a time are made possible, and tried.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from edgefer.calibration.view import INPUT
from edgefer.errors import InputError, reason
from edgefer.export.answers import Floats, answers, open_graph
from edgefer.export.batch import BATCH, free_batch
from edgefer.export.graph import (
    LIMIT,
    METADATA,
    OUTPUT,
    SourceGraph,
    describe,
    load,
    type_and_shape,
)
from edgefer.export.parity import LIMITS, are_probabilities, compare, golden_faces
from edgefer.export.spec import AnswerKind, Layout, Spec
from edgefer.export.tidy import tidy
from edgefer.export.wrapping import PREFIX, behind_pixels, with_probabilities
from edgefer.files import read_bytes, sha256
from edgefer.imports import require
from edgefer.manifest import Precision

if TYPE_CHECKING:
    from onnx import ModelProto

_QUANTIZED = re.compile(r".*QuantizeLinear|QLinear.*|.*Integer")


@dataclass(frozen=True)
class FaceInput:
    """The one input of a classifier: its shape has None for what is free."""

    name: str
    shape: tuple[int | None, ...]

    def __str__(self) -> str:
        return f"[{', '.join(str(side or '?') for side in self.shape)}]"

    def channels(self, layout: Layout) -> int | None:
        """How many there are, where that is said."""
        return self.shape[1] if layout is Layout.NCHW else self.shape[3]

    def sides(self, layout: Layout) -> tuple[int | None, ...]:
        """Height and width."""
        return self.shape[2:] if layout is Layout.NCHW else self.shape[1:3]


def graph_from_foreign(path: Path, spec: Spec) -> SourceGraph:
    """The graph of an ONNX file of any classifier, wrapped as `spec` says.

    Raises InputError where file and spec do not fit, or it does not take several faces at a time.
    """
    data = read_bytes(path, "an ONNX file", LIMIT)
    origin = {"source": path.name, "sha256": sha256(data)}
    return wrap(load(data, str(path)), spec, str(path), origin)


def wrap(model: ModelProto, spec: Spec, name: str, origin: dict[str, Any]) -> SourceGraph:
    """`model` within the contract, as `graph_from_foreign` has it; `name` is for messages."""
    taken = face_input(model, name)
    answered = _output(model, spec, name)
    try:
        scale = spec.pixel_scale(_channels(taken, spec))
    except InputError as error:
        msg = f"{name}: {error}"
        raise InputError(msg) from error
    raw = behind_pixels(model, taken.name, answered, scale, spec, taken.shape[0] or BATCH)
    faces = golden_faces(spec.size)
    alone = _one_by_one(raw, faces, spec, name)
    expected = as_probabilities(alone.reshape(len(faces), -1), spec, name)
    whole = with_probabilities(raw, spec, flat=alone.shape[1:] == expected[:1].shape)
    made = tidy(whole, name, PREFIX)
    _refuse_unfit(made, name)
    if taken.shape[0] is not None:
        free_batch(made)
    _prove(made, faces, expected, name)
    described = {
        "network": spec.name or network_name(name),
        "labels": [str(label) for label in spec.labels],
        "weights": {**origin, "spec": spec.to_json()},
    }
    return describe(made, described, name)


def network_name(name: str) -> str:
    """What a bundle can be called, from the name of a file or a factory."""
    stem = Path(name).stem if name.lower().endswith(".onnx") else name
    fit = re.sub(r"[^A-Za-z0-9._-]+", "-", stem)
    return fit.strip("._-")[:64] or "network"


def face_input(model: ModelProto, name: str) -> FaceInput:
    """The one input of a classifier; InputError where there are others or none, or it is no batch
    of pictures in float32.
    """
    onnx = require("onnx", "export")
    if any(entry.key == METADATA for entry in model.metadata_props):
        msg = f"{name}: expected a network of another maker, found ours; export it without a spec"
        raise InputError(msg)
    stored = {tensor.name for tensor in model.graph.initializer}  # old files list these too
    inputs = [value for value in model.graph.input if value.name not in stored]
    if len(inputs) != 1:
        found = ", ".join(value.name for value in inputs) or "none"
        msg = f"{name}: expected one input, for faces, found {found:.80}; export it with that alone"
        raise InputError(msg)
    kind, sides = type_and_shape(inputs[0])
    taken = FaceInput(str(inputs[0].name), tuple(side or None for side in sides))
    found = str(taken)
    if kind != onnx.TensorProto.FLOAT:
        found = onnx.TensorProto.DataType.Name(kind).lower()
        expected, remedy = "of float32", "export it in float32, without what makes that of pixels"
    elif len(sides) != 4:
        expected, remedy = "with 4 axes, a batch of pictures", "export the part that takes faces"
    elif taken.shape[0] not in (None, 1):
        expected, remedy = "for 1 or any number of faces", "export it with a dynamic batch"
    else:
        return taken
    msg = f"{name}: expected an input {expected}, found {found}; {remedy}"
    raise InputError(msg)


def _channels(taken: FaceInput, spec: Spec) -> int:
    """How many the network takes; InputError where its input is not that of the spec."""
    channels = taken.channels(spec.layout)
    if channels not in (None, 1, 3) or not {*taken.sides(spec.layout)} <= {None, spec.size}:
        msg = f"expected an input of {spec.layout}, {spec.size} pixels, by its spec, found {taken}"
        raise InputError(msg)
    return channels or spec.channels


def _output(model: ModelProto, spec: Spec, name: str) -> str:
    """The output with the answers: the one that the spec names, or the only one."""
    names = [str(value.name) for value in model.graph.output]
    if spec.output in names or (spec.output is None and len(names) == 1):
        return spec.output or names[0]
    found = "none named" if spec.output is None else repr(spec.output)
    msg = f"{name}: output: expected one of {', '.join(names):.200} in the spec, found {found}"
    raise InputError(msg)


def _one_by_one(raw: ModelProto, faces: NDArray[np.uint8], spec: Spec, name: str) -> Floats:
    """What the network answers to each face alone: [faces, ...], in the shape it has for one."""
    try:
        session = open_graph(raw.SerializeToString())
        found = np.stack([session.run(None, {INPUT: face})[0] for face in faces[:, None]])
    except Exception as error:  # ONNX Runtime's have no common base
        msg = f"{name}: ONNX Runtime does not run it on faces of its spec ({reason(error, 200)})"
        raise InputError(msg) from error
    count = len(spec.labels)
    if found[0].size != count:
        msg = (
            f"{name}: labels: expected an answer for each of {count} in the spec, found "
            f"{list(found[0].shape)} for a face; name all labels in the network's order"
        )
        raise InputError(msg)
    if not np.isfinite(found).all():
        _refuse_not_finite(raw, name)
    return np.asarray(found, dtype=np.float32)


def _refuse_not_finite(raw: ModelProto, name: str) -> NoReturn:
    """InputError that names the weight which is not a number, where there is one."""
    to_array = require("onnx", "export").numpy_helper.to_array
    broken = [tensor.name for tensor in raw.graph.initializer if np.isnan(to_array(tensor)).any()]
    what = f"weights {broken[0].removeprefix(PREFIX):.80}" if broken else "answers to drawn faces"
    msg = f"{name}: {what}: expected finite numbers, found others; train or convert it again"
    raise InputError(msg)


def as_probabilities(rows: Floats, spec: Spec, name: str) -> Floats:
    """Rows [faces, labels] that add up to 1; InputError where the spec is wrong about softmax."""
    inside = are_probabilities(rows)
    if inside != (spec.answers is AnswerKind.PROBABILITIES):
        found = f"its rows add up to {1 if inside else rows[0].sum():.3g}"
        msg = (
            f"{name}: answers: the spec has '{spec.answers}', but {found}: "
            f"softmax is {'inside' if inside else 'not inside'}; change the spec"
        )
        raise InputError(msg)
    if inside:
        return rows
    powers = np.exp(rows - rows.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True), dtype=np.float32)


def _refuse_unfit(made: ModelProto, name: str) -> None:
    """InputError for other operators than ONNX's own, and for numbers other than float32."""
    onnx = require("onnx", "export")
    kinds = onnx.TensorProto
    others = {kinds.FLOAT16, kinds.BFLOAT16, kinds.DOUBLE}
    for node in made.graph.node:
        if node.domain not in ("", "ai.onnx"):
            found, remedy = f"{node.op_type} of {node.domain}", "export it for any runtime"
        elif _QUANTIZED.fullmatch(node.op_type):
            found, remedy = node.op_type, "give the network before it was quantised"
        elif any(entry.name == "to" and entry.i in others for entry in node.attribute):
            found, remedy = "a Cast to other floats", "export it in float32"
        else:
            continue
        msg = f"{name}: expected ONNX's own operators in float32, found {found}; {remedy}"
        raise InputError(msg)
    for tensor in made.graph.initializer:
        if tensor.data_type in others:
            kind = kinds.DataType.Name(tensor.data_type).lower()
            msg = f"{name}: expected float32, found {kind} in {tensor.name:.80}; export it in that"
            raise InputError(msg)


def _prove(made: ModelProto, faces: NDArray[np.uint8], expected: Floats, name: str) -> None:
    """InputError unless `made` answers to several faces at once what each was answered alone."""
    try:
        found = answers(made.SerializeToString(), faces)[OUTPUT]
        if found.shape == expected.shape:
            check = compare("", found, expected, LIMITS[Precision.FP32])
            if check.holds:
                return
            why = f"a probability differs by {check.difference:.4f}"
        else:
            why = f"{len(faces)} are answered with {list(found.shape)}"
    except Exception as error:  # ONNX Runtime's have no common base
        why = reason(error, 200)
    msg = (
        f"{name}: does not take several faces at a time as it takes one ({why}); "
        "export it with a dynamic batch"
    )
    raise InputError(msg)
