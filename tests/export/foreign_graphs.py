"""Small classifiers as others export them, for tests of what is made of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import onnx
import onnxruntime as ort
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from edgefer.data.drawn import drawn_faces
from edgefer.export.spec import AnswerKind, Colour, Layout, Spec
from edgefer.labels import ORDERS

SIZE = 24
LABELS = ORDERS["fer2013"][:4]
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Form:
    """What differs between classifiers. `flat` is how [n, 8, 1, 1] becomes [n, 8], `shape` that of
    the answers; `within` are operators with a constant each, before all else.
    """

    layout: Layout = Layout.NCHW
    channels: int = 3
    answers: AnswerKind = AnswerKind.LOGITS
    batch: int | str = "N"
    flat: str = "Reshape"
    shape: str = "[n, K]"
    within: Sequence[tuple[str, float]] = ()
    opset: int = 17

    def spec(self, colour: Colour, **others: object) -> Spec:
        """The spec that fits it."""
        fields: dict[str, object] = {"scale": (1 / 64,), "offset": (-2.0,), "size": SIZE, **others}
        return Spec(
            layout=self.layout,
            colour=colour,
            answers=self.answers,
            labels=LABELS,
            **fields,  # type: ignore[arg-type]
        )


class _Maker:
    def __init__(self, form: Form) -> None:
        self.form = form
        self.random = np.random.default_rng(5)
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self.last = "input"

    def add(self, kind: str, *constants: NDArray[np.generic], **attributes: object) -> None:
        """One more node behind the last, with those constants as its further inputs."""
        names = [f"c{len(self.constants) + i}" for i in range(len(constants))]
        self.constants += [numpy_helper.from_array(v, n) for v, n in zip(constants, names)]
        output = f"t{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, [self.last, *names], [output], **attributes))
        self.last = output

    def floats(self, *shape: int, gain: float = 1.5) -> Floats:
        """Weights that keep the deviation of what goes through them, or a bias."""
        deviation = gain / np.sqrt(np.prod(shape[1:]))
        return self.random.normal(0, deviation, shape).astype(np.float32)

    def normalise(self) -> None:
        """Make the eight features [n, 8, 1, 1] differ from face to face as those of training do."""
        pixels = drawn_faces(16, seed=2, size=SIZE).pixels(SIZE)[..., : self.form.channels]
        taken = pixels.astype(np.float32) if self.form.within else pixels / np.float32(64) - 2
        if self.form.layout is Layout.NCHW:
            taken = taken.transpose(0, 3, 1, 2)
        data = _model(self, self.form).SerializeToString()
        session = ort.InferenceSession(data, providers=["CPUExecutionProvider"])
        rows = np.concatenate([session.run(None, {"input": face})[0] for face in taken[:, None]])
        self.add("Sub", rows.mean(axis=0, keepdims=True))
        self.add("Div", rows.std(axis=0, keepdims=True))

    def flatten(self) -> None:
        first = 1 if self.form.batch == 1 else 0
        if self.form.flat == "Reshape":
            self.add("Reshape", np.array([first, 8]))
        elif self.form.flat == "Reshape -1":
            self.add("Reshape", np.array([first, -1]))
        elif self.form.flat == "Squeeze":
            self.add("Squeeze", np.array([2, 3]))
        elif self.form.flat == "Squeeze all":
            self.add("Squeeze")
        else:
            self.add("Flatten")


def classifier(form: Form) -> onnx.ModelProto:
    """Two convolutions, pool, classifier."""
    made, count = _Maker(form), len(LABELS)
    for kind, value in form.within:
        made.add(kind, np.array(value, np.float32))
    if form.layout is Layout.NHWC:
        made.add("Transpose", perm=[0, 3, 1, 2])
    made.add("Conv", made.floats(8, form.channels, 3, 3), made.floats(8, gain=0.1), strides=[2, 2])
    made.add("Relu")
    made.add("Conv", made.floats(8, 8, 3, 3), made.floats(8, gain=0.1), pads=[1, 1, 1, 1])
    made.add("GlobalAveragePool")
    made.normalise()
    if form.shape == "[n, K, 1, 1]":
        made.add("Conv", made.floats(count, 8, 1, 1), made.floats(count, gain=0.1))
    else:
        made.flatten()
        made.add("MatMul", made.floats(count, 8).T)
        made.add("Add", made.floats(count, gain=0.1))
    if form.answers is AnswerKind.PROBABILITIES:
        made.add("Softmax", axis=-1 if form.shape != "[n, K, 1, 1]" else 1)
    if form.shape == "[K]":
        made.add("Reshape", np.array([count]))
    return _model(made, form)


def _model(made: _Maker, form: Form) -> onnx.ModelProto:
    sides = [SIZE, SIZE]
    sides.insert(0 if form.layout is Layout.NCHW else 2, form.channels)
    about = helper.make_tensor_value_info
    taken = about("input", TensorProto.FLOAT, [form.batch, *sides])
    answers = about(made.last, TensorProto.FLOAT, None)
    graph = helper.make_graph(made.nodes, "theirs", [taken], [answers], made.constants)
    opsets = [helper.make_opsetid("", form.opset)]
    model = helper.make_model(graph, ir_version=8, opset_imports=opsets)
    model = onnx.shape_inference.infer_shapes(model)
    del model.graph.value_info[:]
    onnx.checker.check_model(model, full_check=True)
    return model


def by_hand(model: onnx.ModelProto, spec: Spec, faces: NDArray[np.uint8]) -> Floats:
    """What the classifier answers to each face alone: preparation and softmax in numpy."""
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    (channels,) = (side for side in session.get_inputs()[0].shape[1:] if side != SIZE)
    pixels = faces.astype(np.float64)
    if spec.colour is Colour.GREY:
        pixels = np.repeat((pixels @ [0.299, 0.587, 0.114])[..., None], channels, axis=3)
    if spec.colour is Colour.BGR:
        pixels = pixels[..., ::-1]
    taken = (pixels * np.array(spec.scale) + spec.offset).astype(np.float32)
    if spec.layout is Layout.NCHW:
        taken = np.ascontiguousarray(taken.transpose(0, 3, 1, 2))
    rows = [session.run(None, {"input": face})[0].ravel() for face in taken[:, None]]
    found = np.array(rows, dtype=np.float64)
    if spec.answers is AnswerKind.LOGITS:
        found = np.exp(found - found.max(axis=1, keepdims=True))
        found /= found.sum(axis=1, keepdims=True)
    return found.astype(np.float32)
