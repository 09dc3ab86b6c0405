"""How figures of a record are written: with their unit, and with as many digits as tell."""

from __future__ import annotations

_LONGEST = 34  # characters of a name beside a chart


def milliseconds(value: float) -> str:
    """Three decimals below 10 ms, microseconds below 0.01 ms."""
    if value < 0.01:
        return f"{value * 1e3:.2f} µs"
    return f"{value:.3f} ms" if value < 10 else f"{value:,.1f} ms"


def microseconds(value: float) -> str:
    """For what is short."""
    return f"{value:,.2f} µs" if value < 100 else f"{value:,.1f} µs"


def seconds(value: float) -> str:
    """Milliseconds below one second."""
    return milliseconds(value * 1e3) if value < 1 else f"{value:,.2f} s"


def size(value: int) -> str:
    """Bytes as MB of 1,000,000."""
    return f"{value / 1e6:,.2f} MB" if value >= 10_000 else f"{value:,} bytes"


def percent(value: float) -> str:
    """A share of 0 to 1, to a hundredth of a per cent."""
    return f"{value:.2%}"


def rate(value: float) -> str:
    """Faces a second."""
    return f"{value:,.0f}/s" if value >= 100 else f"{value:,.1f}/s"


def ratio(value: float) -> str:
    """A time over another."""
    return f"{value:.3f}"


def count(value: int) -> str:
    """A whole number."""
    return f"{value:,}"


def watts(value: float) -> str:
    """Power."""
    return f"{value:.2f} W"


def millijoules(value: float) -> str:
    """Energy of a query."""
    return f"{value:.2f} mJ"


def small(value: float) -> str:
    """A difference of probabilities, or an end of a range."""
    return f"{value or 0.0:.4g}"  # no -0


def yes_or_no(value: bool) -> str:
    """A thing that holds or does not."""
    return "yes" if value else "no"


def shortened(name: str) -> str:
    """A name beside a chart, with its end where it is long."""
    return name if len(name) <= _LONGEST else f"…{name[1 - _LONGEST :]}"
