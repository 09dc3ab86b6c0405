"""The calibration table: the range of every activation of one FP32 graph, and where it is from."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from edgefer.errors import InputError
from edgefer.manifest import json_object, number, typed

SCHEMA = 2


@dataclass(frozen=True)
class Range:
    """The least and the greatest value of a tensor; holds 0, as every integer grid does."""

    low: float
    high: float

    def __post_init__(self) -> None:
        if not (math.isfinite(self.low) and math.isfinite(self.high)):
            msg = f"range {self.low} to {self.high}: expected finite numbers"
            raise InputError(msg)
        if not self.low <= 0 <= self.high:
            msg = f"range {self.low} to {self.high}: expected 0 within it"
            raise InputError(msg)

    @property
    def limit(self) -> float:
        """The greatest absolute value."""
        return max(-self.low, self.high)


@dataclass(frozen=True)
class CalibrationTable:
    """`ranges` by tensor name. `graph` is the SHA-256 of the FP32 graph that they belong to.

    `data`, `faces` and `data_sha256` name the faces, `classes` says how many of them bear each
    label; `drawn` says that they are drawings. `beyond_fp16` are the tensors, weights among them,
    that came near what FP16 holds, with the greatest absolute value of each. `percentile` is None
    but for the calibrator of that name. `tried` is what auto chose from: by the calibrator, the
    mean KL divergence from FP32, in nats, of the flavour that is further off.
    """

    graph: str
    calibrator: str
    data: str
    faces: int
    data_sha256: str
    drawn: bool
    ranges: Mapping[str, Range]
    beyond_fp16: Mapping[str, float] = field(default_factory=dict)
    classes: Mapping[str, int] = field(default_factory=dict)
    percentile: float | None = None
    tried: Mapping[str, float] = field(default_factory=dict)
    schema: int = SCHEMA

    def provenance(self) -> dict[str, object]:
        """Everything but the ranges, for the manifest."""
        fields = asdict(self)
        del fields["ranges"]
        return fields

    def to_json(self) -> bytes:
        """Readable JSON; the same table always gives the same bytes."""
        return json.dumps(asdict(self), indent=1, sort_keys=True, allow_nan=False).encode() + b"\n"

    @classmethod
    def from_json(cls, data: bytes, name: str) -> CalibrationTable:
        """Parse what `to_json` wrote; InputError names the file where it is something else."""
        try:
            return _parse(json_object(data))
        except (
            InputError,
            KeyError,
            TypeError,
            ValueError,
            AttributeError,
            OverflowError,
        ) as error:
            msg = f"{name}: expected a calibration table ({error!s:.200})"
            raise InputError(msg) from error


def _parse(fields: dict[str, Any]) -> CalibrationTable:
    if fields["schema"] != SCHEMA:
        msg = f"schema {fields['schema']}, expected {SCHEMA}: calibrate again"
        raise ValueError(msg)
    expected = CalibrationTable.__dataclass_fields__.keys()
    if fields.keys() != expected:
        msg = f"expected the fields {', '.join(expected)}, found {', '.join(fields)}"
        raise ValueError(msg)
    percentile = fields["percentile"]
    return CalibrationTable(
        graph=typed(fields["graph"], str),
        calibrator=typed(fields["calibrator"], str),
        data=typed(fields["data"], str),
        faces=typed(fields["faces"], int),
        data_sha256=typed(fields["data_sha256"], str),
        drawn=typed(fields["drawn"], bool),
        ranges={
            tensor: Range(number(entry.pop("low")), number(entry.pop("high")), **entry)
            for tensor, entry in fields["ranges"].items()
        },
        beyond_fp16={tensor: number(most) for tensor, most in fields["beyond_fp16"].items()},
        classes={label: typed(count, int) for label, count in fields["classes"].items()},
        percentile=None if percentile is None else number(percentile),
        tried={calibrator: number(found) for calibrator, found in fields["tried"].items()},
    )
