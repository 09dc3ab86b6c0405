"""What was measured on a board makes the estimates for it better."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from edgefer.benchmarks.devices import Device
from edgefer.benchmarks.estimate import Estimator
from edgefer.benchmarks.record_schema import check_record
from edgefer.benchmarks.roofline import Case
from edgefer.benchmarks.scenarios import Scenario
from edgefer.benchmarks.workload import Workload
from edgefer.errors import InputError

# The backends whose launches the model describes.
_TENSORRT = ("tensorrt", "tensorrt-rtx")


@dataclass(frozen=True)
class Measured:
    """What a record says of one board or card: workloads, faces a call and milliseconds.

    `memory` is in bytes; None where the machine did not tell, as with the power mode `mode`.
    """

    when: str
    device: str
    memory: int | None
    mode: str | None
    times: tuple[tuple[Workload, int, float], ...]

    def is_of(self, device: Device) -> bool:
        """Whether it is of that device, in the power mode whose clocks the table has."""
        if device.called is None or device.memory is None:
            return self.device.removeprefix("NVIDIA ").removeprefix("GeForce ") == device.name
        # the kernel keeps some of it for itself
        gibibytes = (self.memory or 0) / 2**30
        has_memory = device.memory / 2 < gibibytes <= device.memory
        return device.called in self.device and has_memory and self.mode == device.mode

    def __str__(self) -> str:
        memory = "no data" if self.memory is None else f"{self.memory / 2**30:.1f} GiB"
        return f"{self.device}, memory: {memory}, power mode: {self.mode or 'no data'}"


def read_measured(record: Mapping[str, Any], workloads: Mapping[str, Workload]) -> Measured:
    """What a record of `edgefer benchmark --json` has that estimates can be fitted to.

    `workloads` has the workload of each bundle by the bundle's id. Medians of whole calls through
    a session are taken, so that what Python and the session cost becomes part of a launch. Raises
    InputError for an estimate or anything else that is no record, for one whose telemetry says
    that its times do not count, and where nothing in it is of TensorRT and one of the bundles.
    """
    check_record(record)
    when, machine, telemetry = record["when"], record["machine"], record["telemetry"]
    if telemetry["valid"] is False:
        why = "; ".join(telemetry["reasons"])
        msg = f"record of {when}: expected times that count, found that they do not: {why:.200}"
        raise InputError(msg)
    used = [
        result
        for result in record["results"]
        if result["peer"] is None
        and result["scenario"] == Scenario.SINGLE
        and result["backend"] in _TENSORRT
        and result["id"] in workloads
        and result["latency_ms"]["p50"] > 0
    ]
    if not used:
        msg = (
            f"record of {when}: expected scenario {Scenario.SINGLE} by TensorRT of one of these "
            "bundles, found none; measure them on the board with --backend tensorrt"
        )
        raise InputError(msg)
    return Measured(
        when=when,
        device=used[0]["device"],
        memory=machine["memory"],
        mode=machine["power_mode"],
        times=tuple(
            (workloads[result["id"]], result["batch"], result["latency_ms"]["p50"])
            for result in used
        ),
    )


def refine(estimator: Estimator, device: Device, records: Sequence[Measured]) -> Estimator:
    """The estimator fitted again, for that device alone, to the records that are of it.

    The same one where none is.
    """
    cases = [
        Case(device, workload, batch, milliseconds, f"edgefer benchmark, {record.when}")
        for record in records
        if record.is_of(device)
        for workload, batch, milliseconds in record.times
    ]
    return estimator.refined(device, cases) if cases else estimator
