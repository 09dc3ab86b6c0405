"""ONNX files of others as peers: inputs are made up, and what cannot be is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnx", reason="these graphs are made with onnx")

import onnx
from onnx import TensorProto, helper, numpy_helper

from edgefer.benchmarks.peer import Peer
from edgefer.benchmarks.peers import open_peer
from edgefer.bundle import Bundle
from edgefer.errors import InputError
from edgefer.labels import ORDERS
from edgefer.manifest import Manifest

BUNDLE = Bundle(Manifest.bare("mine", 24, ORDERS["ferplus"]), {})
Shape = list[int | str | None]


def open_file(path: Path) -> Peer:
    return open_peer(str(path), BUNDLE, Path("mine.edgefer"), threads=1)


def faces(count: int) -> np.ndarray:
    return np.zeros((count, 24, 24, 3), np.uint8)


def write(path: Path, kind: int, shape: Shape, nodes: list[onnx.NodeProto] | None = None) -> Path:
    """A file with one input `x`; by default it is given as it came."""
    nodes = nodes or [helper.make_node("Identity", ["x"], ["y"])]
    taken = helper.make_tensor_value_info("x", kind, shape)
    given = helper.make_tensor_value_info("y", kind, None)
    table = numpy_helper.from_array(np.float32([[1, 2], [3, 4]]), "table")
    graph = helper.make_graph(nodes, "g", [taken], [given], [table])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]), path)
    return path


@pytest.mark.parametrize(
    ("kind", "dtype", "most"),
    [
        (TensorProto.FLOAT, np.float32, 1),
        (TensorProto.FLOAT16, np.float16, 1),
        (TensorProto.DOUBLE, np.float64, 1),
        (TensorProto.UINT8, np.uint8, 255),
        (TensorProto.INT8, np.int8, 1),
        (TensorProto.INT32, np.int32, 1),
        (TensorProto.INT64, np.int64, 1),
        (TensorProto.BOOL, np.bool_, 1),
    ],
)
def test_inputs_of_every_kind(kind: int, dtype: type, most: int, tmp_path: Path) -> None:
    path = write(tmp_path / "theirs.onnx", kind, ["N", 3, 16])
    with open_file(path) as peer:
        assert (peer.kind, peer.name, peer.answers) == ("onnx", "theirs.onnx", False)
        assert "random inputs" in peer.note
        assert peer.graph_bytes == path.stat().st_size
        found = peer.run(faces(5))
        assert found.shape == (5, 3, 16)
        assert found.dtype == dtype
        assert most / 2 < found.max() <= most
        assert len(np.unique(found)) > 1
        np.testing.assert_array_equal(found, peer.run(faces(5)))
        assert peer.run(faces(2)).shape == (2, 3, 16)


def test_several_inputs_and_places_in_a_table(tmp_path: Path) -> None:
    inputs = [
        helper.make_tensor_value_info("image", TensorProto.FLOAT, [None, 2]),
        helper.make_tensor_value_info("word", TensorProto.INT64, [None]),
        helper.make_tensor_value_info("scale", TensorProto.FLOAT, []),
    ]
    nodes = [
        helper.make_node("Gather", ["table", "word"], ["row"]),
        helper.make_node("Add", ["image", "row"], ["sum"]),
        helper.make_node("Mul", ["sum", "scale"], ["y"]),
    ]
    table = numpy_helper.from_array(np.float32([[1, 2], [3, 4]]), "table")
    given = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    graph = helper.make_graph(nodes, "g", inputs, [given], [table])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    onnx.save(model, tmp_path / "two.onnx")
    with open_file(tmp_path / "two.onnx") as peer:
        assert peer.run(faces(7)).shape == (7, 2)


def test_a_free_dimension_is_named(tmp_path: Path) -> None:
    path = write(tmp_path / "free.onnx", TensorProto.FLOAT, ["N", 3, "height", 8])
    with pytest.raises(InputError, match=r"free.onnx: input 'x': .* dimension 2 free \(height\)"):
        open_file(path)
    path = write(tmp_path / "free.onnx", TensorProto.FLOAT, ["N", None])
    with pytest.raises(InputError, match=r"dimension 1 free \(without a name\).*fix it with"):
        open_file(path)


def test_a_fixed_batch_is_the_only_one(tmp_path: Path) -> None:
    with open_file(write(tmp_path / "four.onnx", TensorProto.FLOAT, [4, 8])) as peer:
        assert peer.run(faces(4)).shape == (4, 8)
        with pytest.raises(InputError, match=r"four.onnx: .* batch of 4, found 1 faces a call"):
            peer.run(faces(1))


def test_a_kind_that_is_not_made_up(tmp_path: Path) -> None:
    path = write(tmp_path / "words.onnx", TensorProto.STRING, ["N", 2])
    with pytest.raises(InputError, match=r"words.onnx: input 'x': .*found tensor\(string\)"):
        open_file(path)


def test_files_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="none.onnx: expected an ONNX file, found no such file"):
        open_file(tmp_path / "none.onnx")
    (tmp_path / "text.onnx").write_text("no graph")
    with pytest.raises(InputError, match=r"text.onnx: ONNX Runtime \S+ does not run it \(.+\)$"):
        open_file(tmp_path / "text.onnx")


def test_random_inputs_that_do_not_run(tmp_path: Path) -> None:
    # squeezing an axis of two fails when it runs
    nodes = [helper.make_node("Squeeze", ["x", "axis"], ["y"])]
    path = write(tmp_path / "odd.onnx", TensorProto.FLOAT, ["N", 2], nodes)
    model = onnx.load(path)
    model.graph.initializer.append(numpy_helper.from_array(np.int64([1]), "axis"))
    onnx.save(model, path)
    with pytest.raises(InputError, match="odd.onnx: ONNX Runtime .* does not run it"):
        open_file(path)


def test_weights_in_another_file(tmp_path: Path) -> None:
    path = tmp_path / "large.onnx"
    nodes = [helper.make_node("MatMul", ["x", "table"], ["y"])]
    model = onnx.load(write(path, TensorProto.FLOAT, ["N", 2], nodes))
    onnx.save(model, path, save_as_external_data=True, location="large.data", size_threshold=0)
    assert (tmp_path / "large.data").is_file()
    with open_file(path) as peer:
        assert peer.run(faces(3)).shape == (3, 2)
        assert peer.graph_bytes is None


def test_a_real_file_of_others(shared: Path) -> None:
    with open_file(shared / "models" / "mini_xception_fer2013.onnx") as peer:
        found = peer.run(faces(2))
        np.testing.assert_allclose(found.sum(axis=1), 1, rtol=1e-5)
