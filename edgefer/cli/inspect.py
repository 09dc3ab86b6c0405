"""`edgefer inspect`: what is in a bundle, and whether it is intact."""

from __future__ import annotations

from collections.abc import Iterator
from json import loads
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from edgefer.cli.output import NO_DATA, JsonOption, facts, one_line, print_json, show, table

if TYPE_CHECKING:
    from edgefer.bundle import Bundle
    from edgefer.manifest import Manifest

_PARITY = ("compared", "faces", "difference", "limit", "same winner", "holds")
_HIGHER = ("graph", "operator", "runs in", "why", "nodes")
_FILES = ("file", "bytes", "sha256")
_ENGINES = ("TensorRT", "compute capability", "precision", "bytes")


def inspect(
    bundle: Annotated[
        Path, typer.Argument(metavar="BUNDLE|MODEL.onnx", help="The bundle to look into.")
    ],
    card: Annotated[bool, typer.Option("--card", help="Print the model card instead.")] = False,
    suggest_spec: Annotated[
        bool,
        typer.Option(
            "--suggest-spec",
            help="Print what can be read from an ONNX file of the spec to export it with.",
        ),
    ] = False,
    layers: Annotated[
        bool,
        typer.Option("--layers", help="List the layers of gpu.onnx as TensorRT parses them."),
    ] = False,
    json: JsonOption = False,
) -> None:
    """Show what is in a bundle, and check that it is intact.

    Every byte is checked against the hashes of the manifest; no graph is run.

    \b
    Example:
      edgefer inspect fer-lite-int8.edgefer
      edgefer inspect mine.onnx --suggest-spec > mine.toml
    """
    from edgefer.bundle import CARD, read_bundle
    from edgefer.errors import InputError

    if card + suggest_spec + layers > 1:
        msg = "--card, --layers and --suggest-spec: each prints something else; give one of them"
        raise InputError(msg)
    if suggest_spec or bundle.suffix.lower() == ".onnx":
        _print_text("spec", _suggested(bundle, suggest_spec), json)
        return
    found = read_bundle(bundle)
    if layers:
        from edgefer.cli.layers import show_layers

        show_layers(found, json)
    elif card:
        _print_text("card", found.members[CARD].decode(errors="replace"), json)
    elif json:
        manifest = loads(found.manifest.to_json())
        print_json({"path": bundle, "id": found.id, **manifest})
    else:
        _show(bundle, found)


def _suggested(path: Path, asked: bool) -> str:
    from edgefer.errors import InputError

    if not asked:
        msg = (
            f"{path}: expected a bundle, found an ONNX file; edgefer inspect {path} "
            "--suggest-spec writes the spec that edgefer export makes a bundle with"
        )
        raise InputError(msg)
    from edgefer.export.suggest import suggest_spec

    return suggest_spec(path)


def _print_text(what: str, text: str, json: bool) -> None:
    if json:
        print_json({what: text})
        return
    for line in text.splitlines():
        print(one_line(line))


def _show(path: Path, bundle: Bundle) -> None:
    manifest = bundle.manifest
    show(facts(_summary(path, bundle)))
    show(facts(_flat(manifest.weights), title="Weights"))
    show(facts(_flat(manifest.calibration or {"ranges": manifest.ranges}), title="Calibration"))
    show(facts(_flat(manifest.accuracy or {"measured": NO_DATA}), title="Accuracy"))
    show(table(_PARITY, _parity_rows(manifest), title="Parity", numbers=_PARITY[1:5]))
    show(table(_HIGHER, _higher_rows(manifest), title="Left in higher precision"))
    engines = list(_engine_rows(bundle))
    if engines:
        show(table(_ENGINES, engines, title="Engines built ahead of time", numbers={"bytes"}))
    files = ((name, f"{file.size:,}", file.sha256) for name, file in manifest.files.items())
    show(table(_FILES, files, title="Files, all intact", numbers={"bytes"}))
    show(facts(manifest.versions.items(), title="Made with"))


def _summary(path: Path, bundle: Bundle) -> list[tuple[str, object]]:
    manifest = bundle.manifest
    return [
        ("bundle", path),
        ("id", bundle.id),
        ("network", manifest.network),
        *_flat(manifest.variant),
        ("precision", manifest.precision),
        ("input", f"uint8 [N, {manifest.size}, {manifest.size}, 3], RGB"),
        ("labels", ", ".join(manifest.labels)),
        ("outputs", ", ".join(manifest.outputs)),
        ("schema", manifest.schema),
    ]


def _flat(value: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, object]]:
    """The leaves of a JSON object, each with the names on the way to it."""
    for key, item in value.items():
        if isinstance(item, dict):
            yield from _flat(item, f"{prefix}{key} ")
        elif isinstance(item, list):
            yield f"{prefix}{key}", ", ".join(map(str, item))
        else:
            yield f"{prefix}{key}", NO_DATA if item is None else item


def _parity_rows(manifest: Manifest) -> Iterator[tuple[object, ...]]:
    for parity in manifest.parity:
        figures = (f"{parity.difference:.6g}", parity.limit, f"{parity.agreement:.1%}")
        yield parity.what, parity.faces, *figures, "yes" if parity.holds else "NO"


def _engine_rows(bundle: Bundle) -> Iterator[tuple[str, ...]]:
    from edgefer.runtime.engine_source import carried

    for engine in carried(bundle):
        what, where = engine.sidecar.what, engine.sidecar.where
        library = f"{what.edition} {where.version}"
        yield library, ", ".join(where.capabilities), what.precision, f"{engine.sidecar.size:,}"


def _higher_rows(manifest: Manifest) -> Iterator[tuple[str, ...]]:
    """One row for all nodes that have everything else in common."""
    groups: dict[tuple[str, ...], list[str]] = {}
    for entry in manifest.higher_precision:
        shared = (entry.flavour, entry.operator, entry.precision, entry.reason)
        groups.setdefault(shared, []).append(entry.node)
    for common, nodes in groups.items():
        yield (*common, ", ".join(nodes))
