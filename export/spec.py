"""The spec of a network that is not ours: what it takes and what it answers, in TOML.

    layout = "nchw"            # or "nhwc"
    colour = "grey"            # or "rgb" or "bgr"
    size = 64
    scale = 0.00784313725490196  # the network's input is x * scale + offset, for x of 0 to 255
    offset = -1.0
    answers = "probabilities"  # or "logits"
    labels = ["angry", "disgust", "fear", "happy", "sad", "surprise", "neutral"]

Instead of scale and offset there can be `mean`, `std` and `pixels` ("0..1" or "0..255"), what the
pixels are before the mean is taken off. `name` is the network's, `output` that of the output with
the answers, where there are several.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from edgefer.choice import Choice
from edgefer.data.drawn import SIZES
from edgefer.errors import InputError, reason
from edgefer.export.graph import NAME
from edgefer.files import read_bytes
from edgefer.imports import require
from edgefer.labels import Expression, parse_labels
from edgefer.zoo.registry import PixelScale

UNKNOWN = "?"
_LIMIT = 1 << 16
_GREATEST = 1e30  # far from where float32 ends
_BRIGHTEST = {"0..1": 255.0, "0..255": 1.0}


class Layout(Choice):
    """The order of the axes of the network's input."""

    NCHW = "nchw"
    NHWC = "nhwc"


class Colour(Choice):
    """What the channels are. A grey network of three channels gets the same thrice."""

    GREY = "grey"
    RGB = "rgb"
    BGR = "bgr"


class AnswerKind(Choice):
    """Whether softmax is inside the network or not."""

    PROBABILITIES = "probabilities"
    LOGITS = "logits"


_Choice = TypeVar("_Choice", Layout, Colour, AnswerKind)


@dataclass(frozen=True)
class Spec:
    """What a network takes: pixel * `scale` + `offset`, one number or one for each channel, in the
    order of its channels, for pixels of 0 to 255. And what it answers.

    `output` is None where there is one, `name` where the file's is taken. InputError names the
    field that cannot be.
    """

    layout: Layout
    colour: Colour
    size: int
    scale: tuple[float, ...]
    offset: tuple[float, ...]
    answers: AnswerKind
    labels: tuple[Expression, ...]
    output: str | None = None
    name: str | None = None

    def __post_init__(self) -> None:
        if type(self.size) is not int or self.size not in SIZES:
            _refuse("size", f"{SIZES[0]} to {SIZES[-1]} pixels", self.size)
        for key in ("scale", "offset"):
            numbers = getattr(self, key)
            if len(numbers) not in (1, 3) or not all(abs(n) < _GREATEST for n in numbers):
                _refuse(key, "one finite number or three", numbers)
        if 0 in self.scale:
            _refuse("scale", "numbers other than 0", self.scale)
        parse_labels(list(self.labels))
        if self.output is not None and not (self.output and self.output.isprintable()):
            _refuse("output", "the name of an output", self.output)
        if self.name is not None and not NAME.fullmatch(self.name):
            _refuse("name", "up to 64 letters, digits, '.', '_' and '-'", self.name)

    @property
    def channels(self) -> int:
        """How many the network takes, as far as the spec alone says."""
        grey = self.colour is Colour.GREY
        return max(len(self.scale), len(self.offset)) if grey else 3

    def pixel_scale(self, channels: int) -> PixelScale:
        """How RGB of 0 to 255 becomes the input of a network with so many channels.

        Raises InputError where the spec is for another number of them.
        """
        grey = self.colour is Colour.GREY
        if channels not in ({1, 3} if grey else {3}):
            _refuse("colour", f"what fits the network's channels, {channels}", str(self.colour))
        if not {*map(len, self._affine)} <= {1, channels}:
            numbers = max(map(len, self._affine))
            _refuse("scale and offset", "one number each, for one channel", numbers)
        if grey:  # the luma of pixels that stay 0 to 255
            rows = PixelScale.grey(mean=0, std=1 / 255).weights * channels
        else:
            rows = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
        if self.colour is Colour.BGR:
            rows = rows[::-1]
        scale, offset = (each * (channels // len(each)) for each in self._affine)
        weights = tuple((s * row[0], s * row[1], s * row[2]) for s, row in zip(scale, rows))
        return PixelScale(weights, offset)

    @property
    def _affine(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        return self.scale, self.offset

    def to_json(self) -> dict[str, Any]:
        """As a JSON object with the keys of the file."""
        fields: dict[str, Any] = {
            "name": self.name,
            "layout": str(self.layout),
            "colour": str(self.colour),
            "size": self.size,
            "scale": _shortest(self.scale),
            "offset": _shortest(self.offset),
            "output": self.output,
            "answers": str(self.answers),
            "labels": [str(label) for label in self.labels],
        }
        return {key: value for key, value in fields.items() if value is not None}

    def to_toml(self) -> str:
        """What `parse_spec` makes the same spec of."""
        return "".join(f"{toml_entry(key, value)}\n" for key, value in self.to_json().items())


def _refuse(key: str, expected: str, found: object, remedy: str = "") -> NoReturn:
    msg = f"{key}: expected {expected}, found {found!r:.80}{remedy}"
    raise InputError(msg)


def _shortest(numbers: tuple[float, ...]) -> float | list[float]:
    return numbers[0] if len(numbers) == 1 else list(numbers)


def toml_entry(key: str, value: object) -> str:
    """One line of TOML for a printable string, a number or a list of these: JSON has them alike."""
    return f"{key} = {json.dumps(value, ensure_ascii=False)}"


def read_spec(path: Path) -> Spec:
    """The spec in a file; InputError names file and key where there is something wrong."""
    data = read_bytes(path, "a spec in TOML", _LIMIT)
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        msg = f"{path}: expected a spec in TOML, found other bytes than UTF-8"
        raise InputError(msg) from error
    return parse_spec(text, str(path))


def parse_spec(text: str, name: str) -> Spec:
    """The spec that `text` is, of a file called `name`; InputError names it, and the key."""
    # Python 3.10 has none of its own
    toml = require("tomllib" if sys.version_info >= (3, 11) else "tomli", "export")
    try:
        fields: dict[str, Any] = toml.loads(text)
    except (ValueError, RecursionError) as error:
        msg = f"{name}: expected a spec in TOML ({reason(error, 200)})"
        raise InputError(msg) from error
    try:
        return _spec(fields)
    except InputError as error:
        msg = f"{name}: {reason(error, 300)}"
        raise InputError(msg) from error


def _spec(fields: dict[str, Any]) -> Spec:
    unknown = sorted(set(fields) - {*Spec.__dataclass_fields__, "mean", "std", "pixels"})
    if unknown:
        keys = ", ".join((*Spec.__dataclass_fields__, "mean", "std", "pixels"))
        _refuse("unknown key", keys, unknown[0])
    for key, value in fields.items():
        if UNKNOWN in (value if isinstance(value, list) else [value]):
            what = "what only the network's owner knows"
            _refuse(key, what, UNKNOWN, "; see how the network was trained")
    scale, offset = _affine(fields)
    return Spec(
        layout=_choice(fields, "layout", Layout),
        colour=_choice(fields, "colour", Colour),
        size=_required(fields, "size"),
        scale=scale,
        offset=offset,
        answers=_choice(fields, "answers", AnswerKind),
        labels=parse_labels(_required(fields, "labels")),
        output=_text(fields, "output"),
        name=_text(fields, "name"),
    )


def _affine(fields: dict[str, Any]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Scale and offset, given as such or as mean and std; not both, neither by half."""
    if not {"mean", "std", "pixels"} & set(fields):
        return _numbers(fields, "scale"), _numbers(fields, "offset")
    for key in ("scale", "offset"):
        if key in fields:
            _refuse(key, "scale and offset, or mean, std and pixels", "some of both")
    mean, std = _numbers(fields, "mean"), _numbers(fields, "std")
    pixels = _required(fields, "pixels")
    if not isinstance(pixels, str) or pixels not in _BRIGHTEST:
        _refuse("pixels", " or ".join(_BRIGHTEST), pixels)
    if not all(deviation > 0 for deviation in std):
        _refuse("std", "numbers above 0", std)
    both = max(len(mean), len(std))
    mean, std = (each * (both // len(each)) for each in (mean, std))
    scale = tuple(1 / _BRIGHTEST[pixels] / deviation for deviation in std)
    return scale, tuple(-m / deviation for m, deviation in zip(mean, std))


def _numbers(fields: dict[str, Any], key: str) -> tuple[float, ...]:
    """One number or several, all finite."""
    value = _required(fields, key)
    found = value if isinstance(value, list) else [value]
    usable = [type(n) in (int, float) and abs(n) < _GREATEST for n in found]
    if len(found) not in (1, 3) or not all(usable):
        _refuse(key, "one finite number or three", value)
    return tuple(map(float, found))


def _choice(fields: dict[str, Any], key: str, kind: type[_Choice]) -> _Choice:
    value = _required(fields, key)
    for choice in kind:
        if value == str(choice):
            return choice
    return _refuse(key, " or ".join(kind), value)


def _text(fields: dict[str, Any], key: str) -> str | None:
    value = fields.get(key)
    if not isinstance(value, (str, type(None))):
        _refuse(key, "a text", value)
    return value


def _required(fields: dict[str, Any], key: str) -> Any:
    if key not in fields:
        msg = f"{key}: expected in the spec, found nothing; edgefer inspect --suggest-spec has all"
        raise InputError(msg)
    return fields[key]
