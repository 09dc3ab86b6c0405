"""The default network as it ships in `edgefer/assets`: FP32 graph, ranges, card.

`make_assets` makes them from trained weights; everything else only reads them, without torch.
"""

from __future__ import annotations

from pathlib import Path

from edgefer.assets import read_asset
from edgefer.calibration.table import CalibrationTable
from edgefer.data.faces import FaceSet
from edgefer.errors import MachineError
from edgefer.export.graph import SourceGraph, graph_from_torch, read_graph
from edgefer.export.ranges import calibrate
from edgefer.files import write_atomically
from edgefer.imports import require
from edgefer.progress import Progress, silent
from edgefer.zoo.registry import DEFAULT_NETWORK, find_network

GRAPH = f"{DEFAULT_NETWORK}.onnx"
TABLE = f"{DEFAULT_NETWORK}.calibration.json"
CARD = f"{DEFAULT_NETWORK}.card.md"


def _asset(name: str) -> bytes:
    data = read_asset(name)
    if data is None:
        msg = f"{name}: expected in the installed package, not found; install edgefer again"
        raise MachineError(msg)
    return data


def shipped_graph() -> SourceGraph:
    """The FP32 graph of the default network."""
    return read_graph(_asset(GRAPH), GRAPH)


def shipped_table() -> CalibrationTable:
    """The ranges of `shipped_graph`."""
    return CalibrationTable.from_json(_asset(TABLE), TABLE)


def shipped_card() -> str:
    """The card of the default network."""
    return _asset(CARD).decode()


def make_assets(weights: Path, faces: FaceSet, folder: Path, progress: Progress = silent) -> None:
    """Write graph and ranges of the default network beside its weights. Needs torch."""
    loader = require("edgefer.zoo.weights", "torch")
    graph = graph_from_torch(*loader.load_network(find_network(DEFAULT_NETWORK), str(weights)))
    table = calibrate(graph, faces, progress=progress)
    write_atomically(folder / GRAPH, graph.data)
    write_atomically(folder / TABLE, table.to_json())
