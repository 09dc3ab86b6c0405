"""What varies the faces of a training, and how far. Needs no torch."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

from edgefer.choice import Choice
from edgefer.errors import InputError

Range = tuple[float, float]
_SHARES = {"share", "grey", "blurred", "shaken"}  # of the faces


class Preset(Choice):
    """The augmentations by name."""

    NONE = "none"
    STANDARD = "standard"
    PAPER = "paper"
    CABIN = "cabin"


@dataclass(frozen=True)
class _Limits:
    """Numbers or ranges, none of them negative or endless."""

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            low, high = value if isinstance(value, tuple) else (0.0, value)
            wanted = "0 to 1" if field.name in _SHARES else "0 or more, the lower first"
            if not 0 <= low <= high < math.inf or (field.name in _SHARES and high > 1):
                name = f"{type(self).__name__.lower()} {field.name}"
                msg = f"expected {name} of {wanted}, found {value}"
                raise InputError(msg)


@dataclass(frozen=True)
class Moves(_Limits):
    """Turned, scaled, shifted and mirrored. Our choice, for faces cropped but not aligned."""

    rotation: float = 15.0  # degrees
    scale: float = 0.15
    shift: float = 0.08  # of the width


@dataclass(frozen=True)
class Crop(_Limits):
    """A part of the face, resized to all of it, and mirrored: torchvision's RandomResizedCrop."""

    area: Range = (0.08, 1.0)
    ratio: Range = (3 / 4, 4 / 3)


@dataclass(frozen=True)
class Light(_Limits):
    """Contrast and brightness, the latter in deviations of the input. Our choice."""

    contrast: float = 0.3
    brightness: float = 0.3


@dataclass(frozen=True)
class Erasing(_Limits):
    """A rectangle of noise in a share of the faces, by its sides. Our choice of sizes."""

    share: float = 0.5
    side: Range = (0.15, 0.4)  # of the width


@dataclass(frozen=True)
class AreaErasing(_Limits):
    """The same with the sizes of random erasing's paper (Zhong et al., AAAI 2020)."""

    share: float = 0.5
    area: Range = (0.02, 0.4)
    ratio: Range = (0.3, 1 / 0.3)


@dataclass(frozen=True)
class Camera(_Limits):
    """What a camera in a car adds: no colour, too much or too little light, blur. Our choice."""

    grey: float = 0.5  # share of the faces
    gamma: Range = (0.5, 2.0)
    blurred: float = 0.3  # share
    softness: Range = (0.002, 0.02)  # deviation of the blur, of the width
    shaken: float = 0.3  # share
    streak: Range = (0.02, 0.08)  # of the width


@dataclass(frozen=True)
class Covers(_Limits):
    """A mask, a hand, dark glasses or a bar before a share of the faces. Our choice."""

    share: float = 0.4


@dataclass(frozen=True)
class Augmentation:
    """The parts in the order in which they are done; None leaves one out."""

    covers: Covers | None = None
    camera: Camera | None = None
    moves: Moves | None = None
    crop: Crop | None = None
    light: Light | None = None
    erasing: Erasing | AreaErasing | None = None


PRESETS = {
    Preset.NONE: Augmentation(),
    Preset.STANDARD: Augmentation(moves=Moves(), light=Light(), erasing=Erasing()),
    Preset.PAPER: Augmentation(crop=Crop(), erasing=AreaErasing()),
    Preset.CABIN: Augmentation(
        covers=Covers(), camera=Camera(), moves=Moves(), light=Light(), erasing=Erasing()
    ),
}
