"""A sidecar comes back as it was written, or not at all, and says why an engine does not fit."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgefer.errors import BundleError
from edgefer.files import sha256
from edgefer.runtime.engine_sidecar import Sidecar
from tests.runtime.engines import PLAN, WHERE, elsewhere, sidecar_of

WRITTEN = sidecar_of().to_json()


def test_comes_back_as_it_was() -> None:
    assert Sidecar.from_json(WRITTEN) == sidecar_of()


def test_knows_its_engine() -> None:
    sidecar = sidecar_of()
    assert sidecar.is_of(PLAN)
    assert not sidecar.is_of(PLAN[:-1])
    assert not sidecar.is_of(PLAN[:-1] + b"x")


@given(st.integers(0, len(WRITTEN) * 8 - 1))
def test_a_flipped_bit_is_refused_or_changes_nothing(bit: int) -> None:
    damaged = bytearray(WRITTEN)
    damaged[bit // 8] ^= 1 << bit % 8
    with contextlib.suppress(BundleError):
        # it is read where a blank became another
        assert Sidecar.from_json(bytes(damaged)) == sidecar_of()


@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_anything_else_is_refused_in_one_line(data: bytes) -> None:
    with pytest.raises(BundleError, match="an engine's sidecar: expected one of schema 1"):
        Sidecar.from_json(data)


def test_a_field_that_was_changed_is_refused() -> None:
    body = json.loads(WRITTEN)
    body["where"]["device"] = "Thor"
    with pytest.raises(BundleError, match="its checksum is wrong"):
        Sidecar.from_json(json.dumps(body).encode())


@pytest.mark.parametrize(
    ("part", "field", "value"),
    [
        ("where", "capabilities", [86]),
        ("where", "device", 3),
        ("what", "profiles", []),
        ("what", "profiles", [[2, 1, 1]]),
        ("what", "dla", "0"),
        ("where", "version", None),
    ],
)
def test_a_field_of_another_kind_is_refused(part: str, field: str, value: object) -> None:
    body = json.loads(WRITTEN)
    body[part][field] = value
    del body["checksum"]
    body["checksum"] = sha256(json.dumps(body, indent=1, sort_keys=True).encode() + b"\n")
    with pytest.raises(BundleError, match="expected one of schema 1"):
        Sidecar.from_json(json.dumps(body).encode())


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"version": "10.16.2"}, "TensorRT was 10.3.0, here it is 10.16.2"),
        ({"capabilities": ("11.0",)}, "compute capability was 8.7, here it is 11.0"),
        ({"device": "Thor"}, "the device was Orin, here it is Thor"),
        ({"driver": "13.0"}, "CUDA of the driver was 12.6, here it is 13.0"),
        ({"system": "Windows"}, "the system was Linux, here it is Windows"),
        ({"architecture": "x86_64"}, "the architecture was aarch64, here it is x86_64"),
        ({"jetpack": "R39"}, r"JetPack was R36 (release), here it is R39"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_what_differs_is_named(change: dict[str, object], why: str) -> None:
    assert WHERE.unlike(elsewhere(**change)) == [why]


def test_an_engine_for_several_gpus_serves_each_and_any_driver() -> None:
    ahead = elsewhere(capabilities=("8.6", "8.9"), device=None, driver=None, jetpack=None)
    assert ahead.unlike(elsewhere(capabilities=("8.9",), driver="13.1")) == []
    assert ahead.unlike(elsewhere(capabilities=("12.0",))) == [
        "compute capability was 8.6, 8.9, here it is 12.0"
    ]
