"""Pairs that are known to fail are known by version, device and precision."""

from __future__ import annotations

import pytest

from edgefer.manifest import Precision
from edgefer.runtime.known_faults import FAULTS, known_fault
from tests.runtime.engines import elsewhere


@pytest.mark.parametrize(
    ("version", "capability", "precision", "issue"),
    [
        ("10.16.2.10", "8.7", "int8", "#4832"),
        ("10.16.2.10", "8.7", "fp16", None),
        ("10.16.2.10", "11.0", "int8", None),
        ("10.13.3", "11.0", "fp16", "#4820"),
        ("10.3.0", "8.7", "fp32", None),
        ("10.30.1", "8.7", "fp32", None),
        ("11.4.1", "8.7", "int8", None),
    ],
)
def test_a_pair_is_known(version: str, capability: str, precision: str, issue: str | None) -> None:
    found = known_fault(elsewhere(version=version, capabilities=(capability,)), precision)
    assert (found is None) == (issue is None)
    assert issue is None or issue in str(found)


def test_a_fault_of_one_network_is_said_of_no_other() -> None:
    where = elsewhere(version="10.3.0", capabilities=("8.7",))
    assert "#4419" in str(known_fault(where, "fp32", "fer-vt"))
    assert known_fault(where, "fp32", "fer-lite") is None


def test_each_names_its_issue_and_what_to_do() -> None:
    for fault in FAULTS:
        assert "NVIDIA/TensorRT#" in fault.what
        assert "; " in fault.what
        assert fault.precisions <= frozenset(Precision)
