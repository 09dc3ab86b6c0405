"""`edgefer benchmark --estimate`: how long bundles may take on devices that are not here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import floor, log10
from pathlib import Path
from typing import TYPE_CHECKING

from edgefer.cli.output import NO_DATA, facts, one_line, print_json, show, table, write_json
from edgefer.errors import InputError
from edgefer.files import check_writable, read_bytes

if TYPE_CHECKING:
    from edgefer.benchmarks.devices import Device
    from edgefer.benchmarks.estimate import Estimate
    from edgefer.benchmarks.refine import Measured
    from edgefer.benchmarks.workload import Workload

SCHEMA = 1
BATCHES = (1, 16)

_RECORD_LIMIT = 64 << 20
_COLUMNS = ("device", "batch", "typical", "low to high", "basis")


@dataclass(frozen=True)
class _Network:
    """A bundle's name and identity, and what it has to do."""

    bundle: str
    id: str
    workload: Workload


def show_estimates(
    bundles: Sequence[Path],
    devices: str,
    records: Sequence[Path],
    json: bool,
    output: Path | None,
) -> None:
    """Print, and write to `output`, estimates for each bundle, device and batch of `BATCHES`.

    `devices` are keys with commas between them; `records` are of `edgefer benchmark --json` on
    such devices, and refine the estimates for them. Raises InputError for a device that is not in
    the table, and for a record of none of them.
    """
    from edgefer.benchmarks.devices import find_device
    from edgefer.benchmarks.estimate import KIND, published_estimator
    from edgefer.benchmarks.refine import refine

    if output is not None:
        check_writable(output)
    chosen = [find_device(key) for key in dict.fromkeys(map(str.strip, devices.split(",")))]
    networks = [_read_network(path) for path in bundles]
    measured = [_read_measured(path, networks, chosen) for path in records]
    published = published_estimator()
    estimators = [(device, refine(published, device, measured)) for device in chosen]
    estimates = [
        (network, estimator.estimate(device, network.workload, batch))
        for network in networks
        for device, estimator in estimators
        for batch in BATCHES
    ]
    told = [{"bundle": one.bundle, "id": one.id, **made.to_json()} for one, made in estimates]
    document = {"schema": SCHEMA, "kind": KIND, "estimates": told}
    if output is not None:
        write_json(output, document, KIND)
    if json:
        print_json(document)
    else:
        _show(networks, estimates)


def _read_network(path: Path) -> _Network:
    from edgefer.benchmarks.graph_workload import bundle_workload
    from edgefer.bundle import read_bundle

    bundle = read_bundle(path)
    try:
        return _Network(path.name, bundle.id, bundle_workload(bundle))
    except InputError as error:
        msg = f"{path}: cannot be estimated: {error}"
        raise InputError(msg) from error


def _read_measured(path: Path, networks: Sequence[_Network], devices: Sequence[Device]) -> Measured:
    """A record; InputError where it is of none of the devices."""
    from edgefer.benchmarks.refine import read_measured
    from edgefer.manifest import json_object

    data = read_bytes(path, "a record of `edgefer benchmark --json`", _RECORD_LIMIT)
    try:
        found = read_measured(json_object(data), {one.id: one.workload for one in networks})
    except (InputError, ValueError) as error:
        msg = f"{path}: {error}"
        raise InputError(msg) from error
    if not any(found.is_of(device) for device in devices):
        wanted = ", ".join(f"{one.key} at {one.mode}" if one.mode else one.key for one in devices)
        msg = f"{path}: expected a record of {wanted}; found {found}"
        raise InputError(msg)
    return found


def _show(networks: Sequence[_Network], estimates: Sequence[tuple[_Network, Estimate]]) -> None:
    for network in networks:
        title = f"ESTIMATE, not measured: {one_line(network.bundle)}, ms a call"
        rows = [_row(made) for one, made in estimates if one is network]
        show(table(_COLUMNS, rows, title=title, numbers=_COLUMNS[1:4]))
    # those for a device that was measured rest on other points than the rest
    bases: dict[tuple[object, ...], dict[str, Estimate]] = {}
    for _, made in estimates:
        bases.setdefault((made.fitted, made.checked), {})[made.device] = made
    for devices in bases.values():
        show(facts(_basis(list(devices.values())), title="ESTIMATE: what it rests on"))


def _row(made: Estimate) -> tuple[object, ...]:
    bounds = f"{_rough(made.low_ms)} to {_rough(made.high_ms)}"
    basis = "extrapolated" if made.extrapolated else "fitted"
    return made.device, made.batch, _rough(made.typical_ms), bounds, basis


def _basis(estimates: Sequence[Estimate]) -> list[tuple[str, object]]:
    """Where the devices' rates are from, what was fitted, and how far the others are off."""
    rows: list[tuple[str, object]] = [
        (made.device, f"{made.device_name}{_at(made.mode)}, peak rates {made.rates}")
        for made in estimates
    ]
    rows += [("fitted to", point) for point in estimates[0].fitted]
    rows += [("not fitted to", point) for point in estimates[0].checked]
    if not estimates[0].checked:
        rows.append(("not fitted to", f"{NO_DATA}: no other is known"))
    return rows


def _at(mode: str | None) -> str:
    return f" at {mode}" if mode else ""


def _rough(milliseconds: float) -> str:
    """Two digits behind leading zeros: no estimate is surer than that."""
    digits = max(0, 1 - floor(log10(milliseconds)))
    return f"{milliseconds:,.{digits}f}"
