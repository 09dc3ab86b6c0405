"""`manifest.json`: what a bundle is, where it came from, what was measured. Strictly parsed."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, field
from typing import Any

from edgefer.choice import Choice
from edgefer.errors import BundleError
from edgefer.labels import Expression

SCHEMA = 1
# Deeper than any maker nests, and far from where Python's recursion ends.
_DEEPEST = 16


class Precision(Choice):
    """What the weights and activations of the GPU flavour are computed in."""

    FP32 = "fp32"
    FP16 = "fp16"
    INT8 = "int8"


class Flavour(Choice):
    """The two graphs of a bundle: for TensorRT, and for ONNX Runtime's CPU kernels."""

    GPU = "gpu"
    CPU = "cpu"

    @property
    def member(self) -> str:
        """The graph's name in the bundle."""
        return f"{self.value}.onnx"


@dataclass(frozen=True)
class HigherPrecision:
    """One node that does not run in the bundle's precision, and why."""

    flavour: str
    node: str
    operator: str
    precision: str
    reason: str


@dataclass(frozen=True)
class Parity:
    """How far `what` was from its reference on `faces` drawn faces.

    `difference` is the largest difference of a probability, `limit` what was allowed,
    `agreement` the share of faces with the same winner.
    """

    what: str
    faces: int
    difference: float
    limit: float
    agreement: float

    @property
    def holds(self) -> bool:
        """Whether the difference is within its limit (NaN is not)."""
        return self.difference <= self.limit


@dataclass(frozen=True)
class Member:
    """Hash and size in bytes of one file of the bundle."""

    sha256: str
    size: int


@dataclass(frozen=True)
class Manifest:
    """Everything that a bundle says of itself.

    `weights`, `calibration` and `accuracy` are JSON objects as their makers wrote them;
    `calibration` is None where no range was needed, `accuracy` None for "no data". `variant` is
    what was chosen of the network: its size, the parts left out, the order of its scales.
    """

    network: str
    size: int
    labels: tuple[Expression, ...]
    precision: Precision
    outputs: tuple[str, ...]
    higher_precision: tuple[HigherPrecision, ...]
    weights: dict[str, Any]
    calibration: dict[str, Any] | None
    accuracy: dict[str, Any] | None
    parity: tuple[Parity, ...]
    versions: dict[str, str]
    files: dict[str, Member]
    variant: dict[str, Any] = field(default_factory=dict)
    schema: int = SCHEMA

    @property
    def ranges(self) -> str:
        """Where the ranges are from, and how they and their repairs were made, in words."""
        if not self.calibration:
            return "none needed"
        kind = "drawn faces" if self.calibration["drawn"] else "faces"
        found = f"{self.calibration['faces']} {kind} of {self.calibration['data']}"
        repairs = self.calibration.get("repairs") or ()
        return ", ".join([found, self.calibration["calibrator"], *repairs])

    @classmethod
    def bare(cls, network: str, size: int, labels: tuple[Expression, ...]) -> Manifest:
        """One of FP32 with `probabilities` only, that says nothing of how it was made."""
        return cls(
            network=network,
            size=size,
            labels=labels,
            precision=Precision.FP32,
            outputs=("probabilities",),
            higher_precision=(),
            weights={},
            calibration=None,
            accuracy=None,
            parity=(),
            versions={},
            files={},
        )

    def to_json(self) -> bytes:
        """Canonical JSON: the same manifest always gives the same bytes."""
        return json.dumps(asdict(self), indent=1, sort_keys=True, allow_nan=False).encode() + b"\n"

    @classmethod
    def from_json(cls, data: bytes) -> Manifest:
        """Parse and check; BundleError says which field is wrong."""
        try:
            fields = json_object(data)
        except ValueError as error:
            msg = f"manifest.json: expected JSON ({error})"
            raise BundleError(msg) from error
        if type(fields.get("schema")) is not int:
            msg = "manifest.json: expected an object with a whole number 'schema'"
            raise BundleError(msg)
        if fields["schema"] != SCHEMA:
            msg = (
                f"manifest.json: schema {fields['schema']}, this edgefer reads schema {SCHEMA}; "
                "install the edgefer that wrote it, or a newer one"
            )
            raise BundleError(msg)
        try:
            return _parse(fields)
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            msg = f"manifest.json: not a valid manifest of schema {SCHEMA} ({error!r:.200})"
            raise BundleError(msg) from error


def json_object(data: str | bytes) -> dict[str, Any]:
    """A JSON object as a manifest takes it: finite numbers, not too deep; else ValueError."""
    try:
        fields = json.loads(data, parse_constant=_finite, parse_float=_finite)
    except RecursionError as error:
        msg = "nested too deep"
        raise ValueError(msg) from error
    if not isinstance(fields, dict):
        msg = f"expected an object, found {type(fields).__name__}"
        raise ValueError(msg)  # noqa: TRY004
    _check_depth(fields, _DEEPEST)
    return fields


def _parse(fields: dict[str, Any]) -> Manifest:
    unknown = set(fields) - set(Manifest.__dataclass_fields__)
    if unknown:
        msg = f"unknown fields {sorted(unknown)}"
        raise ValueError(msg)
    return Manifest(
        network=typed(fields["network"], str),
        size=_positive(fields["size"]),
        labels=_labels(fields["labels"]),
        precision=Precision(fields["precision"]),
        outputs=tuple(typed(name, str) for name in typed(fields["outputs"], list)),
        higher_precision=tuple(
            HigherPrecision(**{key: typed(value, str) for key, value in entry.items()})
            for entry in typed(fields["higher_precision"], list)
        ),
        weights=typed(fields["weights"], dict),
        calibration=_optional(fields["calibration"]),
        accuracy=_optional(fields["accuracy"]),
        parity=tuple(_parity(entry) for entry in typed(fields["parity"], list)),
        versions={key: typed(value, str) for key, value in fields["versions"].items()},
        files={
            name: Member(typed(entry["sha256"], str), _positive(entry["size"]))
            for name, entry in fields["files"].items()
        },
        # the first bundles had none
        variant=typed(fields.get("variant", {}), dict),
    )


def _finite(number: str) -> float:
    """JSON has no NaN and no infinity, and a manifest none that a number too large became."""
    value = float(number)
    if not math.isfinite(value):
        msg = f"expected finite numbers, found {number:.20}"
        raise ValueError(msg)
    return value


def _check_depth(value: Any, left: int) -> None:
    if left == 0:
        msg = f"nested more than {_DEEPEST} deep"
        raise ValueError(msg)
    if isinstance(value, (dict, list)):
        for child in value.values() if isinstance(value, dict) else value:
            _check_depth(child, left - 1)


def typed(value: Any, kind: type) -> Any:
    """`value`, which is of that type itself; TypeError says what was found."""
    if type(value) is not kind:
        msg = f"expected {kind.__name__}, found {value!r:.80}"
        raise TypeError(msg)
    return value


def _positive(value: Any) -> int:
    number: int = typed(value, int)
    if number < 1:
        msg = f"expected a number above 0, found {number}"
        raise ValueError(msg)
    return number


def number(value: Any) -> float:
    """A number of a JSON document; TypeError where it is something else, a boolean too."""
    return float(value if type(value) is int else typed(value, float))


def _optional(value: Any) -> dict[str, Any] | None:
    return None if value is None else dict(typed(value, dict))


def _labels(names: Any) -> tuple[Expression, ...]:
    labels = tuple(Expression(name) for name in typed(names, list))
    if len(labels) < 2 or len(set(labels)) != len(labels):
        msg = f"labels: expected two or more, all different, found {names}"
        raise ValueError(msg)
    return labels


def _parity(entry: dict[str, Any]) -> Parity:
    if set(entry) != set(Parity.__dataclass_fields__):
        msg = f"parity: expected {sorted(Parity.__dataclass_fields__)}, found {sorted(entry)}"
        raise ValueError(msg)
    numbers = {key: number(entry[key]) for key in ("difference", "limit", "agreement")}
    return Parity(what=typed(entry["what"], str), faces=_positive(entry["faces"]), **numbers)
