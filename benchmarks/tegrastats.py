"""tegrastats: its lines, and the program itself where the kernel's files are not readable.

What a line has differs by board and release. What is unknown in it is ignored.
"""

from __future__ import annotations

import os
import re
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TypeVar

from edgefer.benchmarks.jetson_rails import total_power
from edgefer.benchmarks.samples import Provider, Reading, Sample, no_data, unknown_sample
from edgefer.benchmarks.sysfs import temperature

# Our choices: how often it is asked to print, how long the first line may take, and how old the
# latest may be.
_INTERVAL_MS = 100
_FIRST_LINE_S = 3.0
_STALE_S = 2.0
_STOP_S = 2.0
_PROGRAM = "usr/bin/tegrastats"

# Digits are counted: Python refuses to read integers of thousands of them.
_NUMBER = r"\d{1,9}(?:\.\d{1,9})?"
# `35%`, `35%@1300` (JetPack 5 and 6), `0%@[1300,1300]` (7.2 on Orin), `@[314,314,314]` (Thor).
_GPU = re.compile(rf"\bGR3D_FREQ\s+(?:({_NUMBER})%)?(?:@(?:\[([^\]]*)\]|({_NUMBER})\b))?", re.ASCII)
# `CPU [2%@729,off]`, and `CPU [0%,5%,off]@2601` with one clock for all.
_CPU = re.compile(rf"\bCPU\s+\[([^\]]*)\](?:@({_NUMBER})\b)?", re.ASCII)
# `tj@43.0C`, `cpu@52.968C/52.968C` with its highest.
_ZONE = re.compile(rf"(?<!\S)([A-Za-z][\w-]*)@(-?{_NUMBER})C\b", re.ASCII)
# `VDD_IN 5520mW/5400mW`: now, mean and sometimes highest. A Thor's GPU at rest is below 0.
_RAIL = re.compile(r"(?<!\S)([A-Z][A-Z0-9_]*)\s+(-?\d{1,9})mW\b", re.ASCII)
_AT = re.compile(rf"@({_NUMBER})(?!\S)", re.ASCII)
_NOT_CONNECTED = "NC"

Value = TypeVar("Value")


@dataclass(frozen=True)
class Line:
    """What a line says: watts, MHz, degrees Celsius, and a load of 0 to 1; None where it does not.

    Of several clocks it is the highest; a GPU that is off has none.
    """

    rails: dict[str, float]
    gpu_load: float | None
    gpu_clock: float | None
    cpu_clock: float | None
    temperatures: dict[str, float]

    @property
    def says_something(self) -> bool:
        """Whether any of it is known."""
        numbers = (self.gpu_load, self.gpu_clock, self.cpu_clock)
        return bool(self.rails or self.temperatures) or any(one is not None for one in numbers)


def parse_line(text: str) -> Line:
    """Read a line of any release; never raises."""
    gpu, cpu = _GPU.search(text), _CPU.search(text)
    zones = {name: temperature(float(degrees)) for name, degrees in _ZONE.findall(text)}
    load = float(gpu[1]) / 100 if gpu and gpu[1] else None
    return Line(
        rails={
            name: int(milliwatts) / 1e3
            for name, milliwatts in _RAIL.findall(text)
            if name != _NOT_CONNECTED
        },
        gpu_load=load if load is not None and load <= 1 else None,
        gpu_clock=_highest([*(gpu[2] or "").split(","), gpu[3] or ""]) if gpu else None,
        cpu_clock=_highest([*_AT.findall(cpu[1].replace(",", " ")), cpu[2] or ""]) if cpu else None,
        temperatures={name: degrees for name, degrees in zones.items() if degrees is not None},
    )


def _highest(texts: list[str]) -> float | None:
    numbers = [float(text) for text in texts if re.fullmatch(rf"\s*{_NUMBER}\s*", text, re.ASCII)]
    return max((number for number in numbers if number > 0), default=None)


class TegrastatsProvider(Provider):
    """The latest line of a tegrastats that runs until it is closed."""

    name = "tegrastats"

    def __init__(self, program: Path, clock: Callable[[], float] = time.monotonic) -> None:
        """Raises OSError where the program does not start."""
        self._clock = clock
        self._latest: tuple[float, Line] | None = None
        self._first = threading.Event()
        self._process = subprocess.Popen(
            [program, "--interval", str(_INTERVAL_MS)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            errors="replace",
        )
        assert self._process.stdout is not None
        self._reader = threading.Thread(
            target=self._read, args=(self._process.stdout,), name="tegrastats", daemon=True
        )
        self._reader.start()

    def wait(self, seconds: float) -> bool:
        """Wait for a line that says something, at most so long; whether there is one."""
        self._first.wait(seconds)
        return self._latest is not None

    def sample(self) -> Sample:
        """What the latest line says."""
        now, latest = self._clock(), self._latest
        if latest is None:
            return unknown_sample(now, f"tegrastats has not printed a line{self._ended()}")
        printed, line = latest
        if now - printed > _STALE_S:
            reason = f"the latest line of tegrastats is {now - printed:.1f} s old{self._ended()}"
            return unknown_sample(now, reason)
        rails = {name: Reading(watts) for name, watts in line.rails.items()}
        return Sample(
            time=now,
            power=total_power(rails),
            rails=rails,
            gpu_clock=_or_missing(line.gpu_clock, "clock of a GPU that is on"),
            gpu_load=_or_missing(line.gpu_load, "load of the GPU"),
            temperatures=_or_missing(line.temperatures or None, "temperature"),
            cpu_clock=_or_missing(line.cpu_clock, "clock of the CPU"),
        )

    def close(self) -> None:
        """End the program."""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._reader.join(_STOP_S)

    def _ended(self) -> str:
        status = self._process.poll()
        return "" if status is None else f"; it ended with status {status}"

    def _read(self, output: IO[str]) -> None:
        with output:
            for text in output:
                line = parse_line(text)
                if line.says_something:
                    self._latest = (self._clock(), line)
                    self._first.set()
        self._first.set()  # no line will come any more


def find_tegrastats(
    root: Path, clock: Callable[[], float] = time.monotonic, patience: float = _FIRST_LINE_S
) -> Reading[TegrastatsProvider]:
    """The program under `root`, running, or why it does not tell anything."""
    program = root / _PROGRAM
    if not program.is_file() or not os.access(program, os.X_OK):
        return no_data(f"no program {program}")
    try:
        provider = TegrastatsProvider(program, clock)
    except OSError as error:
        return no_data(f"{program} does not start: {error.strerror or error}")
    if provider.wait(patience):
        return Reading(provider)
    reason = provider.sample().power.reason
    provider.close()
    return no_data(reason)


def _or_missing(value: Value | None, what: str) -> Reading[Value]:
    return no_data(f"no {what} in the line of tegrastats") if value is None else Reading(value)
