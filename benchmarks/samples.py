"""What the machine did at one moment of a benchmark, and who can tell.

A value that is not known is never 0: it is "no data" with its reason.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

Value = TypeVar("Value", covariant=True)


@dataclass(frozen=True)
class Reading(Generic[Value]):
    """A value, or the reason why there is none: never both, never neither."""

    value: Value | None = None
    reason: str = ""

    def __post_init__(self) -> None:
        if (self.value is None) == (not self.reason):
            msg = f"reading: expected a value or a reason, found {self.value!r} and {self.reason!r}"
            raise ValueError(msg)

    @property
    def is_known(self) -> bool:
        """Whether there is a value."""
        return self.value is not None

    def __str__(self) -> str:
        return f"no data: {self.reason}" if self.value is None else str(self.value)


def no_data(reason: str) -> Reading[Any]:
    """A reading of any kind that is not known."""
    return Reading(reason=reason)


@dataclass(frozen=True)
class Power:
    """Watts, the rails they are the sum of, and in words what they cover."""

    watts: float
    rails: tuple[str, ...]
    covers: str


NOT_ASKED: Reading[Any] = no_data("this source does not tell")


@dataclass(frozen=True)
class Sample:
    """The machine at `time`, in monotonic seconds.

    Clocks are in MHz, the load is 0 to 1, temperatures are in degrees Celsius by zone.
    `rails` are all that there are, in watts, whether `power` is made of them or not.
    `counted` is a meter in joules that only rises; where there is none, power has to be integrated.
    `gpu_clock_max` is the highest that the power mode allows now.
    `slowed` is what the driver says holds the GPU's clock down; empty where nothing does.
    `alarms` are those that are on now, `events` count alarms since the machine started.
    """

    time: float
    power: Reading[Power] = NOT_ASKED
    counted: Reading[float] = NOT_ASKED
    rails: dict[str, Reading[float]] = field(default_factory=dict)
    gpu_clock: Reading[float] = NOT_ASKED
    gpu_clock_max: Reading[float] = NOT_ASKED
    gpu_load: Reading[float] = NOT_ASKED
    temperatures: Reading[dict[str, float]] = NOT_ASKED
    cpu_clock: Reading[float] = NOT_ASKED
    power_mode: Reading[str] = NOT_ASKED
    slowed: Reading[tuple[str, ...]] = NOT_ASKED
    alarms: Reading[tuple[str, ...]] = NOT_ASKED
    events: Reading[dict[str, int]] = NOT_ASKED


def unknown_sample(time: float, reason: str) -> Sample:
    """A sample in which nothing is known, all for the same reason."""
    nothing = no_data(reason)
    return Sample(
        time=time,
        power=nothing,
        counted=nothing,
        gpu_clock=nothing,
        gpu_clock_max=nothing,
        gpu_load=nothing,
        temperatures=nothing,
        cpu_clock=nothing,
        power_mode=nothing,
        slowed=nothing,
        alarms=nothing,
        events=nothing,
    )


class Provider(ABC):
    """One way to ask the machine. `sample` is cheap and does not raise; `close` may be repeated."""

    name: str

    @abstractmethod
    def sample(self) -> Sample:
        """The machine now."""

    def close(self) -> None:  # noqa: B027  # most hold nothing
        """Let go of what is held."""
