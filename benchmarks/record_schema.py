"""Whether a benchmark's record is one: by its published JSON Schema, without a library for it.

`edgefer/assets/benchmark-record.schema.json` is the one description; this file knows the few
words of JSON Schema (draft 2020-12) that are in it.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Mapping
from typing import Any

from edgefer.assets import read_asset
from edgefer.errors import InputError, MachineError

SCHEMA = 1
KIND = "measurement"
_ASSET = "benchmark-record.schema.json"

_KINDS: dict[str, type | tuple[type, ...]] = {
    "object": Mapping,
    "array": (list, tuple),
    "string": str,
    "boolean": bool,
    "integer": int,
    "number": (int, float),
    "null": type(None),
}


def read_schema() -> dict[str, Any]:
    """The published schema; MachineError where the installation lacks it."""
    text = read_asset(_ASSET)
    if text is None:
        msg = f"edgefer/assets/{_ASSET}: expected it in the installation; install edgefer again"
        raise MachineError(msg)
    schema: dict[str, Any] = json.loads(text)
    return schema


def check_record(record: Mapping[str, Any]) -> None:
    """Raise InputError with the place of the first fault, if there is one."""
    found = record.get("schema")
    if found != SCHEMA or record.get("kind") != KIND:
        msg = (
            f"record: expected a measurement of schema {SCHEMA}, found schema {found!r:.40} and "
            f"kind {record.get('kind')!r:.40}; give a file that `edgefer benchmark` wrote"
        )
        raise InputError(msg)
    schema = read_schema()
    _check(record, schema, "", schema["$defs"])


def _check(value: Any, rule: Mapping[str, Any], place: str, shared: Mapping[str, Any]) -> None:
    if "$ref" in rule:
        rule = shared[rule["$ref"].removeprefix("#/$defs/")]
    _check_value(value, rule, place)
    if isinstance(value, Mapping):
        _check_object(value, rule, place, shared)
    elif isinstance(value, (list, tuple)):
        least, most = rule.get("minItems", 0), rule.get("maxItems", math.inf)
        if not least <= len(value) <= most:
            wanted = f"{least} items{'' if least == most else ' or more'}"
            raise _fault(place, wanted, str(len(value)))
        for index, item in enumerate(value):
            _check(item, rule["items"], _below(place, str(index)), shared)


def _check_value(value: Any, rule: Mapping[str, Any], place: str) -> None:
    if "const" in rule and (value != rule["const"] or isinstance(value, bool)):
        raise _fault(place, repr(rule["const"]), _shown(value))
    if "enum" in rule and value not in rule["enum"]:
        raise _fault(place, f"one of {json.dumps(rule['enum'])}", _shown(value))
    kinds = rule.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if kinds and not any(_is_of(value, kind) for kind in kinds):
        raise _fault(place, " or ".join(kinds), _shown(value))
    if isinstance(value, (int, float)):
        low, high = rule.get("minimum", -math.inf), rule.get("maximum", math.inf)
        if not low <= value <= high:
            raise _fault(place, f"{low} to {high}", _shown(value))


def _is_of(value: Any, kind: str) -> bool:
    """JSON's kinds: true and false are no numbers, NaN and infinity are nothing at all.

    Nor is an integer that no float holds.
    """
    if isinstance(value, bool):
        return kind == "boolean"
    if isinstance(value, (int, float)) and not abs(value) <= sys.float_info.max:
        return False
    return isinstance(value, _KINDS[kind])


def _check_object(
    value: Mapping[str, Any], rule: Mapping[str, Any], place: str, shared: Mapping[str, Any]
) -> None:
    known, others = rule.get("properties", {}), rule["additionalProperties"]
    for name in rule.get("required", ()):
        if name not in value:
            raise _fault(_below(place, name), "a value", "nothing")
    for name, item in value.items():
        if name not in known and others is False:
            raise _fault(_below(place, name), "no such field", _shown(item))
        _check(item, known.get(name, others), _below(place, name), shared)


def _below(place: str, name: str) -> str:
    return f"{place}.{name}" if place else name


def _fault(place: str, expected: str, found: str) -> InputError:
    return InputError(f"record: {place}: expected {expected}, found {found}")


def _shown(value: Any) -> str:
    return f"{value!r:.80}"
