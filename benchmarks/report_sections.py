"""The chapters of a report, in their order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from edgefer.benchmarks.report_blocks import Record, Section
from edgefer.benchmarks.report_checks import checks_section
from edgefer.benchmarks.report_confusion import confusion_section
from edgefer.benchmarks.report_environment import environment_section, not_measured_section
from edgefer.benchmarks.report_latency import latency_section
from edgefer.benchmarks.report_layers import layers_section
from edgefer.benchmarks.report_pareto import pareto_section
from edgefer.benchmarks.report_ranges import ranges_section
from edgefer.benchmarks.report_results import styles
from edgefer.benchmarks.report_start import start_section
from edgefer.benchmarks.report_summary import summary_section
from edgefer.benchmarks.report_time import time_section

_SECTIONS = (
    summary_section,
    latency_section,
    time_section,
    pareto_section,
    confusion_section,
    ranges_section,
    layers_section,
    start_section,
    checks_section,
    environment_section,
    not_measured_section,
)


@dataclass(frozen=True)
class Report:
    """A title, where and when in a line, and the chapters."""

    title: str
    about: str
    sections: Sequence[Section]


def make_report(record: Record) -> Report:
    """The report of a record as `check_record` takes it."""
    legible: Record = _legible(record)
    first, *others = styles(legible)
    against = f" and {len(others)} other{'s' if len(others) > 1 else ''}" if others else ""
    devices = dict.fromkeys(result["device"] for result in legible["results"])
    revision = f", revision {legible['revision']}" if legible["revision"] else ""
    return Report(
        title=f"{first}{against}",
        about=f"Measured on {', '.join(devices)}, {legible['when']}{revision}",
        sections=[section(legible) for section in _SECTIONS],
    )


def _legible(value: Any) -> Any:
    """The same with a question mark for what is no character to read: it could steer a viewer."""
    if isinstance(value, str):
        return "".join(c if c.isprintable() else "?" for c in value)
    if isinstance(value, Mapping):
        return {_legible(key): _legible(item) for key, item in value.items()}
    return [_legible(item) for item in value] if isinstance(value, (list, tuple)) else value
