"""`edgefer inspect --layers`: a bundle's graph as TensorRT parses it, before it fuses anything."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from edgefer.cli.output import print_json, show, table

if TYPE_CHECKING:
    from edgefer.bundle import Bundle
    from edgefer.runtime.engine_builder import Layer

_COLUMNS = ("layer", "type", "reads", "gives", "shape")
_TOTALS = ("type", "reads", "gives", "layers")


def show_layers(bundle: Bundle, json: bool) -> None:
    """Print the layers of gpu.onnx; MissingDependency where no TensorRT is here to parse it."""
    from edgefer.manifest import Flavour
    from edgefer.runtime.engine_process import read_layers
    from edgefer.runtime.tensorrt_library import Edition, is_installed

    # where neither is installed, the error names the one that is easy to get
    edition = next(filter(is_installed, Edition), Edition.RTX)
    layers = read_layers(bundle.graph(Flavour.GPU), edition)
    if json:
        print_json({"library": edition, "layers": layers})
        return
    rows = ((layer.name, *_types(layer), _shape(layer)) for layer in layers)
    show(table(_COLUMNS, rows, title=f"gpu.onnx as {edition} parses it"))
    counts = Counter(map(_types, layers)).most_common()
    totals = ((*types, count) for types, count in counts)
    show(table(_TOTALS, totals, title=f"{len(layers):,} layers", numbers={"layers"}))


def _types(layer: Layer) -> tuple[str, str, str]:
    # the first input and output say what a layer computes in; the others are weights and shapes
    return layer.kind, "".join(layer.reads[:1]), "".join(layer.gives[:1])


def _shape(layer: Layer) -> str:
    return "x".join("n" if side < 0 else str(side) for side in layer.shape)
