"""The networks by name. Light: torch is imported only when one is built."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from edgefer.choice import Choice
from edgefer.errors import InputError
from edgefer.imports import require
from edgefer.labels import ORDERS, Expression, parse_labels

if TYPE_CHECKING:
    from edgefer.zoo.network import FaceNetwork

DEFAULT_NETWORK = "fer-lite"

# Of the grey faces of FER+ train, in [0, 1].
GREY_MEAN, GREY_DEVIATION = 0.507, 0.254

# ITU-R BT.601 luma, what OpenCV's COLOR_RGB2GRAY uses.
_LUMA = (0.299, 0.587, 0.114)
_LARGEST = 512


class ScaleOrder(Choice):
    """The direction of MA-Net's second multi-scale pass: as the first, or against it."""

    FORWARD = "forward"
    BIDIRECTIONAL = "bidirectional"


@dataclass(frozen=True)
class PixelScale:
    """How RGB becomes the network's input: `weights` [channels, 3] times pixel, plus `bias`."""

    weights: tuple[tuple[float, float, float], ...]
    bias: tuple[float, ...]

    @classmethod
    def grey(cls, mean: float, std: float) -> PixelScale:
        """One channel of luma in [0, 1], less `mean`, over `std`."""
        red, green, blue = (part / 255 / std for part in _LUMA)
        return cls(((red, green, blue),), (-mean / std,))

    @classmethod
    def rgb(cls, mean: tuple[float, ...], std: tuple[float, ...]) -> PixelScale:
        """Each channel in [0, 1], less its `mean`, over its `std`."""
        red, green, blue = (1 / 255 / deviation for deviation in std)
        weights = ((red, 0.0, 0.0), (0.0, green, 0.0), (0.0, 0.0, blue))
        return cls(weights, tuple(-m / deviation for m, deviation in zip(mean, std)))


@dataclass(frozen=True)
class Choices:
    """What a user chooses of a network; None leaves it as the network, or its weights, have it."""

    labels: tuple[Expression, ...] | None = None
    size: int | None = None
    without: frozenset[str] | None = None
    scale_order: ScaleOrder | None = None

    def __str__(self) -> str:
        labels, without = (self.labels and ", ".join(self.labels), ", ".join(self.without or ()))
        said = {"labels": labels, "size": self.size, "without": without, "order": self.scale_order}
        return "; ".join(f"{what} {value}" for what, value in said.items() if value)

    @classmethod
    def from_json(cls, labels: object, variant: object) -> Choices:
        """From what `Network.variant` gave; ValueError where it is something else."""
        if not isinstance(variant, dict) or not set(variant) <= {"size", "without", "scale_order"}:
            msg = f"variant {variant!r:.80}"
            raise ValueError(msg)
        size, without, order = (variant.get(key) for key in ("size", "without", "scale_order"))
        if type(size) not in (int, type(None)) or not isinstance(without, (list, type(None))):
            msg = f"variant {variant!r:.80}"
            raise ValueError(msg)
        return cls(
            labels=parse_labels(labels),
            size=size,
            without=None if without is None else frozenset(map(str, without)),
            scale_order=None if order is None else ScaleOrder.parse(order),
        )


UNCHANGED = Choices()


@dataclass(frozen=True)
class Network:
    """One network: faces of `size` x `size` pixels in, an answer over `labels` out.

    `summary` says what it is to its paper: faithful to the code, or made from the abstract.
    `step` is what other sizes are multiples of; 0 where `size` is the only one. `parts` are what
    can be left out, `without` what is; `scale_order` is None for a network that has none.
    """

    name: str
    summary: str
    size: int
    labels: tuple[Expression, ...]
    scale: PixelScale
    module: str
    step: int = 0
    parts: tuple[str, ...] = ()
    without: frozenset[str] = frozenset()
    scale_order: ScaleOrder | None = None

    def build(self) -> FaceNetwork:
        """A new torch module for float32 [n, channels, size, size]."""
        require("torch", "torch")
        made: FaceNetwork = require(self.module, "torch").build(self)
        return made

    @property
    def variant(self) -> dict[str, Any]:
        """As JSON: whatever of this network can be chosen, beside its labels."""
        chosen: dict[str, Any] = {}
        if self.step:
            chosen["size"] = self.size
        if self.parts:
            chosen["without"] = sorted(self.without)
        if self.scale_order is not None:
            chosen["scale_order"] = str(self.scale_order)
        return chosen

    def varied(self, choices: Choices) -> Network:
        """This network with those choices; InputError names one that it does not have."""
        made = self if choices.labels is None else replace(self, labels=choices.labels)
        if choices.size is not None and choices.size != self.size:
            self._check_size(choices.size)
            made = replace(made, size=choices.size)
        if choices.without is not None:
            unknown = sorted(choices.without - set(self.parts))
            if unknown:
                parts = " or ".join(self.parts) or "nothing"
                msg = f"{self.name}: expected to leave out {parts}, found {', '.join(unknown)}"
                raise InputError(msg)
            made = replace(made, without=choices.without)
        if choices.scale_order is not None:
            if self.scale_order is None:
                msg = f"{self.name}: has no scale order to choose, found {choices.scale_order}"
                raise InputError(msg)
            made = replace(made, scale_order=choices.scale_order)
        return made

    def _check_size(self, size: int) -> None:
        if not self.step or size % self.step or not self.step <= size <= _LARGEST:
            wanted = f"{self.size} pixels"
            if self.step:
                wanted = f"a multiple of {self.step} pixels up to {_LARGEST}"
            msg = f"{self.name}: expected a size of {wanted}, found {size}"
            raise InputError(msg)


_IMAGENET = PixelScale.rgb(mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))

NETWORKS: dict[str, Network] = {
    network.name: network
    for network in (
        Network(
            name="fer-lite",
            summary="our own",
            size=48,
            labels=ORDERS["ferplus"],
            scale=PixelScale.grey(mean=GREY_MEAN, std=GREY_DEVIATION),
            module="edgefer.zoo.fer_lite",
        ),
        Network(
            name="resnet18",
            summary="baseline",
            size=224,
            labels=ORDERS["affectnet-7"],
            scale=_IMAGENET,
            module="edgefer.zoo.resnet18",
            step=16,
        ),
        Network(
            name="ma-net",
            summary="faithful",
            size=224,
            labels=ORDERS["affectnet-7"],
            scale=PixelScale.rgb(mean=(0, 0, 0), std=(1, 1, 1)),
            module="edgefer.zoo.ma_net",
            step=16,
            parts=("multi-scale", "attention", "regions"),
            scale_order=ScaleOrder.FORWARD,
        ),
        Network(
            name="aglf",
            summary="abstract",
            size=224,
            labels=ORDERS["affectnet-7"],
            scale=PixelScale.rgb(mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5)),
            module="edgefer.zoo.aglf",
            step=32,
            parts=("eca", "regions", "attention"),
        ),
        Network(
            name="lnl-attennet",
            summary="abstract",
            size=128,
            labels=ORDERS["affectnet-7"],
            scale=PixelScale.rgb(mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5)),
            module="edgefer.zoo.lnl_attennet",
            step=32,
            parts=("attention", "non-local"),
        ),
        Network(
            name="fer-vt",
            summary="abstract",
            size=224,
            labels=ORDERS["affectnet-7"],
            scale=_IMAGENET,
            module="edgefer.zoo.fer_vt",
            step=32,
            parts=("grid", "transformer", "pyramid"),
        ),
    )
}


def find_network(name: str) -> Network:
    """The network called `name`; InputError names those there are."""
    if name not in NETWORKS:
        hint = "; a file is given as --weights FILE" if "." in name else ""
        msg = f"network '{name}': expected one of {', '.join(NETWORKS)}{hint}"
        raise InputError(msg)
    return NETWORKS[name]
