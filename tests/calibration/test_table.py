"""The calibration table: exact round trip, and nothing but a table is taken for one."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgefer.calibration.table import CalibrationTable, Range
from edgefer.errors import InputError

LOWS = st.floats(max_value=0, allow_nan=False, allow_infinity=False)
HIGHS = st.floats(min_value=0, allow_nan=False, allow_infinity=False)


def table(ranges: dict[str, Range]) -> CalibrationTable:
    return CalibrationTable(
        graph="a" * 64,
        calibrator="percentile",
        data="ferplus@train",
        faces=512,
        data_sha256="b" * 64,
        drawn=False,
        ranges=ranges,
        beyond_fp16={"y": 70000.0},
        classes={"neutral": 300, "anger": 212},
        percentile=99.99,
        tried={"min-max": 0.002, "percentile": 0.001},
    )


@given(st.dictionaries(st.text(max_size=20), st.builds(Range, LOWS, HIGHS), max_size=5))
def test_round_trip(ranges: dict[str, Range]) -> None:
    written = table(ranges)
    assert CalibrationTable.from_json(written.to_json(), "t") == written


@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_anything_else_is_an_input_error(data: bytes) -> None:
    with pytest.raises(InputError, match=r"t\.json: expected a calibration table"):
        CalibrationTable.from_json(data, "t.json")


JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)


FIELDS = sorted(CalibrationTable.__dataclass_fields__)


@given(JSON, st.sampled_from([*FIELDS, "extra"]))
def test_a_changed_field_is_an_input_error_or_a_table(value: object, field: str) -> None:
    fields = {**json.loads(table({"x": Range(-1, 1)}).to_json()), field: value}
    with contextlib.suppress(InputError):
        read = CalibrationTable.from_json(json.dumps(fields).encode(), "t.json")
        assert set(read.ranges) <= {"x"}
        assert CalibrationTable.from_json(read.to_json(), "t.json") == read


@pytest.mark.parametrize("field", FIELDS)
def test_a_missing_field_is_an_input_error(field: str) -> None:
    fields = json.loads(table({"x": Range(-1, 1)}).to_json())
    del fields[field]
    with pytest.raises(InputError, match=r"t\.json: expected a calibration table"):
        CalibrationTable.from_json(json.dumps(fields).encode(), "t.json")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("faces", 1.5),
        ("faces", True),
        ("drawn", 1),
        ("graph", None),
        ("percentile", "99"),
        ("classes", {"neutral": 0.5}),
        ("tried", {"mse": "0"}),
        ("beyond_fp16", ["y"]),
        ("ranges", {"x": {"low": 1, "high": 2}}),
        ("ranges", {"x": {"low": -1, "high": 2, "mean": 0}}),
        ("ranges", {"x": {"low": -1}}),
    ],
)
def test_a_field_of_another_kind_is_an_input_error(field: str, value: object) -> None:
    fields = {**json.loads(table({"x": Range(-1, 1)}).to_json()), field: value}
    with pytest.raises(InputError, match=r"t\.json: expected a calibration table"):
        CalibrationTable.from_json(json.dumps(fields).encode(), "t.json")


@pytest.mark.parametrize(
    ("low", "high"), [(0.5, 1.0), (-1.0, -0.5), (float("nan"), 1.0), (0.0, float("inf"))]
)
def test_a_range_is_finite_and_holds_zero(low: float, high: float) -> None:
    with pytest.raises(InputError, match="expected"):
        Range(low, high)


def test_provenance_is_everything_but_the_ranges() -> None:
    provenance = table({"x": Range(-1, 1)}).provenance()
    assert "ranges" not in provenance
    assert provenance["faces"] == 512
