"""The calibration table: the range of every activation of one FP32 graph, and where it is from."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from edgefer.errors import InputError

SCHEMA = 1


@dataclass(frozen=True)
class Range:
    """The least and the greatest value that a tensor took; holds 0, as every integer grid does."""

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

    `data`, `faces` and `data_sha256` name the faces; `drawn` says that they are drawings.
    `beyond_fp16` are the activations, of all, that came near what FP16 holds, with the greatest
    absolute value of each.
    """

    graph: str
    calibrator: str
    data: str
    faces: int
    data_sha256: str
    drawn: bool
    ranges: Mapping[str, Range]
    beyond_fp16: Mapping[str, float] = field(default_factory=dict)
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
            fields = json.loads(data)
            if fields["schema"] != SCHEMA:
                msg = f"schema {fields['schema']}, expected {SCHEMA}"
                raise ValueError(msg)
            ranges = {
                tensor: Range(float(entry["low"]), float(entry["high"]))
                for tensor, entry in fields.pop("ranges").items()
            }
            return cls(ranges=ranges, **fields)
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
            msg = f"{name}: expected a calibration table ({error})"
            raise InputError(msg) from error
