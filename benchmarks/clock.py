"""The time that a benchmark goes by; tests bring a clock of their own."""

from __future__ import annotations

import time
from typing import Protocol

# A sleep ends late by some tenths of a millisecond: the last piece is waited for busily.
_BUSY_NS = 1_000_000


class Clock(Protocol):
    """Nanoseconds that only rise."""

    def now(self) -> int:
        """The time."""

    def wait_until(self, moment: int) -> None:
        """Return at that time, or at once where it has passed."""


class RealClock:
    """The machine's."""

    now = staticmethod(time.perf_counter_ns)

    def wait_until(self, moment: int) -> None:
        """Sleep, and wait busily at the end."""
        left = moment - self.now()
        if left > _BUSY_NS:
            time.sleep((left - _BUSY_NS) / 1e9)
        while self.now() < moment:
            pass
