"""Which precision each layer computes in, and how much of the work that is."""

from __future__ import annotations

from collections.abc import Iterator

from edgefer.benchmarks.report_bars import Bar, part_names, stacked
from edgefer.benchmarks.report_blocks import Block, Cell, Note, Record, Section, Table, figure
from edgefer.benchmarks.report_figures import count, percent
from edgefer.benchmarks.report_results import no_data

_MOST = 30


def layers_section(record: Record) -> Section:
    """Shares of the work by precision, the costliest layers, and those that were kept high."""
    blocks: list[Block] = []
    if any(bundle["layers"] for bundle in record["bundles"]):
        blocks += _shares(record)
    for place, bundle in enumerate(record["bundles"]):
        blocks += _layers(record, place)
        if bundle["kept"]:
            blocks.append(_kept(place, bundle))
    return Section(
        "layers",
        "Layers by precision and cost",
        "Speed comes from the share of the mult-adds that is in INT8; what was kept in higher "
        "precision should cost little.",
        blocks or [Note("no data: no bundle ran.")],
    )


def _by_precision(bundle: Record) -> dict[str, float]:
    """Millions of mult-adds in each precision, the most first."""
    found: dict[str, float] = {}
    for layer in bundle["layers"]:
        found[layer["precision"]] = found.get(layer["precision"], 0) + layer["mult_adds"] / 1e6
    return dict(sorted(found.items(), key=lambda pair: -pair[1]))


def _shares(record: Record) -> Iterator[Block]:
    bundles = [bundle for bundle in record["bundles"] if bundle["layers"]]
    works = [_by_precision(bundle) for bundle in bundles]
    bars = [Bar(one["name"], one["network"], work) for one, work in zip(bundles, works)]
    title = "Mult-adds for one face, by precision"
    yield from stacked(bars, title, lambda value: f"{value:,.1f} M")
    precisions = part_names(bars)
    rows = []
    for bundle, work in zip(bundles, works):
        whole = sum(work.values()) or 1.0
        shares = (work.get(precision, 0.0) / whole for precision in precisions)
        cells = (Cell(percent(share), is_number=True, bar=share) for share in shares)
        rows.append((Cell(bundle["name"]), *cells))
    yield Table(("bundle", *precisions), rows, "Share of the mult-adds")


def _layers(record: Record, place: int) -> Iterator[Block]:
    bundle = record["bundles"][place]
    layers = bundle["layers"]
    if not layers:
        yield Note(f"{bundle['name']}: {no_data(bundle['missing'] or 'its graph has none')}.")
        return
    costliest = sorted(range(len(layers)), key=lambda layer: -layers[layer]["mult_adds"])[:_MOST]
    whole = sum(layer["mult_adds"] for layer in layers) or 1
    rows = [
        (
            Cell(layers[layer]["name"]),
            Cell(layers[layer]["precision"]),
            figure(record, count, "bundles", place, "layers", layer, "mult_adds"),
            _share(layers[layer]["mult_adds"] / whole),
        )
        for layer in costliest
    ]
    more = len(layers) - len(costliest)
    caption = (
        f"Layers of {bundle['name']}, gpu.onnx, by cost{f', … and {more:,} more' if more else ''}"
    )
    columns = ("layer", "precision", "mult-adds", "share")
    yield Table(columns, rows, caption, folded=True)


def _share(share: float) -> Cell:
    return Cell(percent(share), is_number=True, bar=share)


def _kept(place: int, bundle: Record) -> Table:
    rows = [
        (
            Cell(one["node"]),
            Cell(one["flavour"]),
            Cell(one["precision"], f"bundles.{place}.kept.{number}.precision"),
            Cell(one["why"]),
        )
        for number, one in enumerate(bundle["kept"])
    ]
    columns = ("node", "graph", "precision", "why")
    return Table(columns, rows, f"Kept in higher precision: {bundle['name']}")
