"""What a report shows of a bundle itself: its ranges, its layers by precision and cost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from edgefer.benchmarks.graph_workload import bundle_workload
from edgefer.bundle import CALIBRATION, Bundle, read_bundle
from edgefer.calibration.table import CalibrationTable
from edgefer.errors import InputError, MissingDependency


def bundle_facts(path: Path) -> dict[str, Any]:
    """The facts of one bundle for the record of a benchmark.

    The layers are those of gpu.onnx as the estimator fuses them; none without onnx, and `missing`
    says so.
    """
    bundle = read_bundle(path)
    manifest = bundle.manifest
    layers, missing = _layers(bundle)
    return {
        "name": path.name,
        "precision": str(manifest.precision),
        "network": manifest.network,
        "ranges": _ranges(bundle),
        "layers": layers,
        "missing": missing,
        "kept": [
            {
                "flavour": node.flavour,
                "node": node.node,
                "precision": node.precision,
                "why": node.reason,
            }
            for node in manifest.higher_precision
        ],
    }


def _ranges(bundle: Bundle) -> dict[str, list[float]] | None:
    if CALIBRATION not in bundle.members:
        return None
    table = CalibrationTable.from_json(bundle.members[CALIBRATION], CALIBRATION)
    return {name: [found.low, found.high] for name, found in table.ranges.items()}


def _layers(bundle: Bundle) -> tuple[list[dict[str, Any]], str | None]:
    try:
        workload = bundle_workload(bundle)
    except (MissingDependency, InputError) as error:
        return [], str(error)
    layers = [
        {
            "name": layer.name,
            "precision": str(layer.precision),
            "mult_adds": layer.operations // 2,
        }
        for layer in workload.layers
    ]
    return layers, None
