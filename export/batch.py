"""A graph that was made for one face at a time takes any number of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from edgefer.calibration.layers import attributes
from edgefer.export.batch_axis import Axis, after
from edgefer.imports import require

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto, TensorProto

BATCH = "n"
_SIZES = 3  # which input of a Resize


def free_batch(model: ModelProto) -> None:
    """Let a tidy graph for one face take several, in place, as far as its form allows.

    What stands in its way are constants that say "one": in the shapes to reshape or resize to, in
    the axes of a squeeze, and a token that is put beside what there is of each face. Whether that
    was all, running it on several faces tells.
    """
    graph = model.graph
    freed = _Freed(model)
    for value in (*graph.input, *graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = BATCH
    del graph.value_info[:]  # they say "one" too
    nodes = list(graph.node)
    del graph.node[:]
    for node in nodes:
        freed.add(node)


class _Freed:
    """Adds node after node to a graph, each without its "one"."""

    def __init__(self, model: ModelProto) -> None:
        self._onnx = require("onnx", "export")
        self._graph = model.graph
        self._given: dict[str, TensorProto] = {each.name: each for each in self._graph.initializer}
        self._sides = self._known_sides(model)
        self._axes = {value.name: Axis(0) for value in self._graph.input}

    def _known_sides(self, model: ModelProto) -> dict[str, list[int]]:
        """The shape of each activation for one face; 0 for a side that is not known."""
        inferred = self._onnx.shape_inference.infer_shapes(model, data_prop=True).graph
        return {
            value.name: [side.dim_value for side in value.type.tensor_type.shape.dim]
            for value in (*inferred.input, *inferred.value_info, *inferred.output)
        }

    def add(self, node: NodeProto) -> None:
        """The node, and before it what it needs."""
        of_faces = next((name for name in node.input if name in self._axes), None)
        if of_faces is not None:
            axis, before = self._axes[of_faces], self._sides.get(of_faces, [])
            sides = self._sides.get(node.output[0], [])
            moved = after(node, axis, before, sides, self._constant(node, 1))
            if node.op_type == "Reshape":
                self._reshape(node, moved, sides)
            elif node.op_type == "Squeeze":
                self._squeeze(node, axis, before)
            elif node.op_type == "Resize":
                self._resize(node, axis)
            elif node.op_type == "Concat":
                self._concat(node, of_faces, axis)
            if moved is not None:
                self._axes.update(dict.fromkeys(node.output, moved))
        self._graph.node.append(node)

    def _reshape(self, node: NodeProto, axis: Axis | None, sides: list[int]) -> None:
        if axis is not None and all(sides) and self._constant(node, 1) is not None:
            free = [*sides[: axis.number], -1, *sides[axis.number + 1 :]]
            self._give(node, np.array(free), "shape")

    def _squeeze(self, node: NodeProto, axis: Axis, sides: list[int]) -> None:
        axes = self._constant(node, 1)
        if axes is None:
            axes = np.flatnonzero(np.equal(sides, 1))
        self._give(node, axes[axes % max(len(sides), 1) != axis.number], "axes")

    def _resize(self, node: NodeProto, axis: Axis) -> None:
        sizes = self._constant(node, _SIZES)
        if sizes is not None and len(sizes) == len(self._sides.get(node.input[0], [])):
            node.input[_SIZES] = self._counted(node.name, node.input[0], sizes, axis.number)

    def _concat(self, node: NodeProto, of_faces: str, axis: Axis) -> None:
        for position, name in enumerate(node.input):
            sides = list(self._given[name].dims) if name in self._given else []
            joined = attributes(node)["axis"] % max(len(sides), 1)
            if len(sides) > axis.number != joined and sides[axis.number] == 1:
                each, ones = f"{node.name}.token{position}", np.ones(len(sides))
                inputs = [name, self._counted(each, of_faces, ones, axis.number)]
                self._append("Expand", inputs, each)
                node.input[position] = each

    def _counted(self, what: str, of_faces: str, sides: NDArray[np.generic], axis: int) -> str:
        """The name of a shape: `sides`, at `axis` as many as there are of `of_faces`."""
        count, shape = f"{what}.faces", f"{what}.sides"
        self._append("Shape", [of_faces], count, start=axis, end=axis + 1)
        parts = {f"{what}.shape0": sides[:axis], count: None, f"{what}.shape1": sides[axis + 1 :]}
        names = [
            name if part is None else self._store(name, part)
            for name, part in parts.items()
            if part is None or part.size
        ]
        self._append("Concat", names, shape, axis=0)
        return shape

    def _append(self, kind: str, inputs: list[str], name: str, **attributes: int) -> None:
        made = self._onnx.helper.make_node(kind, inputs, [name], name=name, **attributes)
        self._graph.node.append(made)

    def _constant(self, node: NodeProto, position: int) -> NDArray[np.int64] | None:
        name = node.input[position] if len(node.input) > position else ""
        if name not in self._given:
            return None
        values: NDArray[np.int64] = self._onnx.numpy_helper.to_array(self._given[name])
        return values

    def _give(self, node: NodeProto, values: NDArray[np.int64], what: str) -> None:
        """Give the node a second input of its own: another may share the one that it has."""
        del node.input[1:]
        node.input.append(self._store(f"{node.name}.{what}", values))

    def _store(self, name: str, values: NDArray[np.generic]) -> str:
        made = self._onnx.numpy_helper.from_array(values.astype(np.int64), name)
        self._graph.initializer.append(made)
        return name
