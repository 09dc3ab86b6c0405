"""A manifest is what it says it is, or a BundleError."""

from __future__ import annotations

import json
import math
from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgefer.errors import BundleError, InputError
from edgefer.labels import ORDERS
from edgefer.manifest import (
    SCHEMA,
    Flavour,
    HigherPrecision,
    Manifest,
    Member,
    Parity,
    Precision,
)

MANIFEST = Manifest(
    network="tiny",
    size=8,
    labels=ORDERS["ferplus"],
    precision=Precision.INT8,
    outputs=("probabilities",),
    higher_precision=(HigherPrecision("cpu", "node", "Softmax", "fp32", "reason"),),
    weights={"source": "test", "nested": [{"a": None}]},
    calibration={"faces": 3},
    accuracy=None,
    parity=(Parity("cpu.onnx", 16, 0.01, 0.25, 1.0),),
    versions={"edgefer": "0"},
    files={"cpu.onnx": Member("00", 3)},
)
DOCUMENT: dict[str, Any] = json.loads(MANIFEST.to_json())

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def parses_or_bundle_error(data: bytes) -> None:
    """Whatever is taken can be written again, and means the same."""
    try:
        manifest = Manifest.from_json(data)
    except BundleError as error:
        message = str(error)
        one_short_line = len(message.splitlines()) == 1 and len(message) < 500
        if not one_short_line:
            raise
    else:
        assert Manifest.from_json(manifest.to_json()) == manifest


def test_reads_what_it_wrote() -> None:
    data = MANIFEST.to_json()
    assert Manifest.from_json(data) == MANIFEST
    assert Manifest.from_json(data).to_json() == data


@given(st.binary())
def test_any_bytes(data: bytes) -> None:
    parses_or_bundle_error(data)


@given(JSON)
def test_any_json(document: Any) -> None:
    parses_or_bundle_error(json.dumps(document).encode())


@given(st.sampled_from(sorted(DOCUMENT)), JSON)
def test_any_json_in_any_field(field: str, value: Any) -> None:
    parses_or_bundle_error(json.dumps({**DOCUMENT, field: value}).encode())


@given(st.integers(0, len(MANIFEST.to_json()) * 8 - 1))
def test_any_bit_flipped(bit: int) -> None:
    data = bytearray(MANIFEST.to_json())
    data[bit // 8] ^= 1 << bit % 8
    parses_or_bundle_error(bytes(data))


@pytest.mark.parametrize("field", [f.name for f in fields(Manifest) if f.name != "variant"])
def test_every_field_is_needed(field: str) -> None:
    document = {key: value for key, value in DOCUMENT.items() if key != field}
    with pytest.raises(BundleError, match=field):
        Manifest.from_json(json.dumps(document).encode())


def test_the_first_bundles_had_no_variant() -> None:
    document = {key: value for key, value in DOCUMENT.items() if key != "variant"}
    assert Manifest.from_json(json.dumps(document).encode()).variant == {}


@pytest.mark.parametrize(
    "change",
    [
        {"extra": 1},
        {"size": 0},
        {"size": True},
        {"size": 8.0},
        {"labels": ["neutral"]},
        {"labels": ["neutral", "neutral"]},
        {"labels": ["neutral", "hungry"]},
        {"labels": [[], {}]},
        {"precision": "int4"},
        {"outputs": "probabilities"},
        {"higher_precision": {}},
        {"higher_precision": [{"flavour": "cpu"}]},
        {"parity": ""},
        {"parity": [{**DOCUMENT["parity"][0], "limit": "1"}]},
        {"parity": [{**DOCUMENT["parity"][0], "limit": 10**400}]},
        {"parity": [{**DOCUMENT["parity"][0], "extra": 1}]},
        {"weights": None},
        {"accuracy": {"share": math.nan}},
        {"accuracy": {"share": math.inf}},
        {"versions": []},
        {"files": {"cpu.onnx": {"sha256": "00", "size": -1}}},
    ],
    ids=str,
)
def test_refuses(change: dict[str, Any]) -> None:
    with pytest.raises(BundleError):
        Manifest.from_json(json.dumps({**DOCUMENT, **change}).encode())


@pytest.mark.parametrize("number", ["1e999", "-1e999", "1" * 5000], ids=["inf", "-inf", "long"])
def test_refuses_numbers_that_python_cannot_keep(number: str) -> None:
    data = MANIFEST.to_json().replace(b'"faces": 3', f'"faces": {number}'.encode())
    assert data != MANIFEST.to_json()
    if number.isdigit():  # Python before 3.10.7 has no limit to the digits of a number
        parses_or_bundle_error(data)
    else:
        with pytest.raises(BundleError, match="finite"):
            Manifest.from_json(data)


@pytest.mark.parametrize("depth", [20, 500, 100_000])
def test_refuses_deep_nesting(depth: int) -> None:
    weights = '{"a":' * depth + "1" + "}" * depth
    data = json.dumps({**DOCUMENT, "weights": "HERE"}).replace('"HERE"', weights)
    with pytest.raises(BundleError):
        Manifest.from_json(data.encode())


def test_a_newer_schema_says_what_to_install() -> None:
    data = json.dumps({"schema": SCHEMA + 1, "anything": []}).encode()
    with pytest.raises(BundleError, match=f"schema {SCHEMA + 1}, this edgefer reads .* newer"):
        Manifest.from_json(data)


def test_writes_no_nan() -> None:
    with pytest.raises(ValueError, match="JSON"):
        replace(MANIFEST, weights={"x": math.nan}).to_json()


def test_a_parity_of_nan_does_not_hold() -> None:
    assert Parity("x", 1, 0.1, 0.1, 1.0).holds
    assert not Parity("x", 1, math.nan, 0.1, 1.0).holds


def test_precisions_by_name() -> None:
    assert Precision.parse("INT8") is Precision.INT8
    with pytest.raises(InputError, match="fp32, fp16, int8"):
        Precision.parse("int4")


def test_flavours_name_their_graph() -> None:
    assert [flavour.member for flavour in Flavour] == ["gpu.onnx", "cpu.onnx"]
