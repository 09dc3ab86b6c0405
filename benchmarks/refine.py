"""What was measured on a board makes the estimates for it better."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from edgefer.benchmarks.devices import Device, is_called
from edgefer.benchmarks.estimate import KIND, Estimator
from edgefer.benchmarks.published import Published
from edgefer.benchmarks.roofline import Case
from edgefer.benchmarks.workload import Workload
from edgefer.errors import InputError
from edgefer.manifest import number, typed

# The backends whose launches the model describes.
_TENSORRT = ("tensorrt", "tensorrt-rtx")


def refine(
    estimator: Estimator,
    device: Device,
    records: Sequence[Mapping[str, Any]],
    workloads: Mapping[str, Workload],
) -> Estimator:
    """Fit again, for `device` alone, to medians of records of `edgefer benchmark --json` from it.

    `workloads` has the workload of each bundle in them by the bundle's id. A median is of a whole
    call through a session, so what the session and Python cost becomes part of a launch. Raises
    InputError for a record of another board, power mode or backend, for an estimate, and where
    a bundle's workload is missing.
    """
    points = [point for record in records for point in _points(device, record, workloads)]
    if not points:
        msg = "records: expected one measured result or more, found none"
        raise InputError(msg)
    return estimator.with_measured(device, points)


def _points(
    device: Device, record: Mapping[str, Any], workloads: Mapping[str, Workload]
) -> list[Published]:
    if record.get("kind") == KIND:
        msg = "record: expected one of `edgefer benchmark --json`, found an estimate"
        raise InputError(msg)
    try:
        results = typed(record["results"], list)
        mode = record["machine"]["power_mode"]
        when = typed(record["when"], str)
        found = [_point(device, when, result, workloads) for result in results]
    except (KeyError, TypeError, AttributeError) as error:
        msg = f"record: expected one of `edgefer benchmark --json`, found another ({error!r:.80})"
        raise InputError(msg) from error
    if device.mode is not None and mode != device.mode:
        msg = (
            f"record of {when}: expected power mode {device.mode}, whose clocks the table of "
            f"devices has, found {mode or 'no data'}; run sudo nvpmodel and measure again"
        )
        raise InputError(msg)
    return found


def _point(
    device: Device, when: str, result: Mapping[str, Any], workloads: Mapping[str, Workload]
) -> Published:
    if result["backend"] not in _TENSORRT:
        msg = f"record of {when}: expected TensorRT's results, found {result['backend']}'s"
        raise InputError(msg)
    if not is_called(device, typed(result["device"], str)):
        msg = f"record of {when}: expected one of {device.name}, found {result['device']}"
        raise InputError(msg)
    if result["id"] not in workloads:
        msg = f"record of {when}: expected the bundle {result['bundle']} too, found none of its id"
        raise InputError(msg)
    measured = result["latency_ms"]
    batch, median = typed(measured["batch"], int), number(measured["median"])
    if batch < 1 or not 0 < median < float("inf"):
        msg = f"record of {when}: expected times above 0, found {median} ms for batch {batch}"
        raise InputError(msg)
    case = Case(device, workloads[result["id"]], batch, median)
    return Published(case, f"measured {when}")
