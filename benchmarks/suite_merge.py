"""The runs of a suite as one record, for one report of all power modes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

from edgefer.benchmarks.suite import Document, measured_modes, missing_precisions

_GAP_S = 1.0  # our choice: between runs, so that they stay apart in a chart
_NAMED = ("trtexec", "accuracy")

Record = dict[str, Any]


def merged(document: Document) -> Record:
    """One record of all runs, in the order in which they were made.

    A name gets its mode, "a.edgefer @ 25W"; time goes on from run to run. Whether the run is valid
    is judged by all: one that is not makes the whole invalid, with its mode before the reason. What
    measuring costs is the most of any run. Bundles, versions, the machine and the reference kernel
    are those of the last.
    """
    modes, begun, records = measured_modes(document), 0.0, list[Record]()
    for run in document["runs"]:
        records.append(_placed(run["record"], run["mode"], begun))
        begun = _ended(records[-1]) + _GAP_S
    last = records[-1]
    threads = {number for one in records for number in one["settings"]["threads"]}
    known = [mode for mode in modes if mode is not None]
    return {
        **last,
        "machine": {**last["machine"], "power_mode": ", ".join(known) or None},
        "settings": {**last["settings"], "threads": sorted(threads)},
        "measuring_us": max(one["measuring_us"] for one in records),
        "telemetry": _telemetry(modes, [one["telemetry"] for one in records]),
        "results": _grouped([result for one in records for result in one["results"]]),
        **{name: list(chain.from_iterable(one[name] for one in records)) for name in _NAMED},
        "not_measured": list(_not_measured(document, last)),
    }


def _placed(record: Mapping[str, Any], mode: str | None, begun: float) -> Record:
    """The record with its mode in every name, and with `begun` seconds before its beginning."""

    def name(plain: str) -> str:
        return plain if mode is None else f"{plain} @ {mode}"

    def result(one: Mapping[str, Any]) -> Record:
        ratio = one["ratio"]
        later = [{**each, "begun_s": each["begun_s"] + begun} for each in one["windows"]]
        compared = ratio and {**ratio, "to": name(ratio["to"])}
        return {**one, "name": name(one["name"]), "ratio": compared, "windows": later}

    telemetry = record["telemetry"]
    times = [second + begun for second in telemetry["series"]["time_s"]]
    return {
        **record,
        "telemetry": {**telemetry, "series": {**telemetry["series"], "time_s": times}},
        "results": [result(one) for one in record["results"]],
        **{key: [{**one, "name": name(one["name"])} for one in record[key]] for key in _NAMED},
    }


def _ended(record: Record) -> float:
    windows = (window for result in record["results"] for window in result["windows"])
    ends = (window["begun_s"] + window["seconds"] for window in windows)
    return float(max(chain(ends, record["telemetry"]["series"]["time_s"])))


def _grouped(results: list[Record]) -> list[Record]:
    """Those that stand beside each other in a table after one another: of all modes."""
    heats = [(result["scenario"], result["threads"]) for result in results]
    place = {heat: number for number, heat in enumerate(dict.fromkeys(heats))}
    return sorted(results, key=lambda result: place[result["scenario"], result["threads"]])


def _telemetry(modes: Sequence[str | None], parts: Sequence[Record]) -> Record:
    last = parts[-1]
    valid = [part["valid"] for part in parts]
    costs = [part["cost"] for part in parts if part["cost"] is not None]
    series = {name: _series(name, parts) for name in last["series"]}
    reasons = zip(modes, (part["reasons"] for part in parts))
    return {
        **last,
        "cost": max(costs, default=None),
        "valid": False if False in valid else None if None in valid else True,
        "reasons": [
            f"{mode}: {text}" if mode else text for mode, texts in reasons for text in texts
        ],
        "unchecked": list(_said(modes, [part["unchecked"] for part in parts])),
        "series": series,
        "missing": {name: last["missing"][name] for name in series if series[name] is None},
    }


def _series(name: str, parts: Sequence[Record]) -> Any:
    """One after the other; None for the moments of a run that did not tell, or of all."""
    found = [part["series"][name] for part in parts]
    lengths = [len(part["series"]["time_s"]) for part in parts]
    if all(values is None for values in found):
        return None
    if name != "temperatures_c":
        return _joined(found, lengths)
    zones = dict.fromkeys(zone for values in found for zone in values or ())
    return {zone: _joined([(one or {}).get(zone) for one in found], lengths) for zone in zones}


def _joined(found: Sequence[list[Any] | None], lengths: Sequence[int]) -> list[Any]:
    parts = ([None] * n if values is None else values for values, n in zip(found, lengths))
    return list(chain.from_iterable(parts))


def _not_measured(document: Document, last: Record) -> Iterator[str]:
    """What the runs lack, and what the suite does not have."""
    yield from (f"power mode {mode}: no data: it was not set" for mode in document["left"])
    if last["machine"]["jetson"] is None:
        yield "power modes and rails: no data: this is no Jetson"
    given = ((bundle["network"], bundle["precision"]) for bundle in last["bundles"])
    for missing in missing_precisions(given):
        yield f"{missing}: no data: not among the bundles"
    modes = measured_modes(document)
    yield from _said(modes, [run["restless"] for run in document["runs"]])
    yield from _said(modes, [run["record"]["not_measured"] for run in document["runs"]])


def _said(modes: Sequence[str | None], lines: Sequence[Sequence[str]]) -> Iterator[str]:
    """What all runs say as it is, what some say with their modes: `WHAT @ MODE: WHY`."""
    by_all = set.intersection(*map(set, lines))
    said = (
        text if text in by_all else _named(text, mode)
        for mode, texts in zip(modes, lines)
        for text in texts
    )
    yield from dict.fromkeys(said)


def _named(text: str, mode: str | None) -> str:
    what, colon, why = text.partition(":")
    return f"{what} @ {mode}{colon}{why}"
