"""What a graph takes and gives, as the library that read it says, held to the manifest."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

from edgefer.errors import BundleError
from edgefer.manifest import Manifest

# Name, type as numpy calls it, and shape; a dimension that is free is None.
Described: TypeAlias = tuple[str, str, tuple[int | None, ...]]


def check_contract(
    inputs: Iterable[Described], outputs: Iterable[Described], manifest: Manifest, name: str
) -> None:
    """Raise BundleError where the graph called `name` is not for such inputs and outputs."""
    size, labels = manifest.size, len(manifest.labels)
    taken, given = list(inputs), list(outputs)
    if taken != [("pixels", "uint8", (None, size, size, 3))]:
        msg = f"{name}: expected the input pixels uint8 [N, {size}, {size}, 3], found {taken}"
        raise BundleError(msg)
    found = {output[0]: output for output in given}
    expected = ("probabilities", "float32", (None, labels))
    if found.get("probabilities") != expected or set(found) != set(manifest.outputs):
        msg = (
            f"{name}: expected the outputs {', '.join(manifest.outputs)} with probabilities "
            f"float32 [N, {labels}], found {given}"
        )
        raise BundleError(msg)
    for output, kind, shape in given:
        if kind != "float32" or shape[:1] != (None,) or None in shape[1:]:
            msg = f"{name}: output {output}: expected float32 [N, ...], found {kind} {shape}"
            raise BundleError(msg)
