"""Streams, events and graphs of the fake device.

Nothing that is queued happens before somebody waits for it, so that a missing wait shows.
"""

from __future__ import annotations

import ctypes
import itertools
import threading
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from tests.fakes.faults import CudaError, locked
from tests.fakes.memory import Memory

Operation = Callable[[], None]
_Kind = TypeVar("_Kind")

# Modes of a capture.
GLOBAL, THREAD_LOCAL, RELAXED = range(3)

# The sides that a copy goes from and to.
COPIES = {
    "copy_in": ("host", "device"),
    "copy_out": ("device", "host"),
    "copy_within": ("device", "device"),
}


@dataclass(eq=False)
class Graph:
    """What a capture recorded."""

    operations: list[Operation] = field(default_factory=list)


@dataclass(eq=False)
class Executable:
    """An instantiated graph, which lives on when the graph is destroyed."""

    operations: list[Operation]


@dataclass(eq=False)
class Capture:
    """A capture under way."""

    mode: int
    graph: Graph = field(default_factory=Graph)
    thread: int = field(default_factory=threading.get_ident)
    invalid: bool = False


@dataclass(eq=False)
class Stream:
    """A queue of operations that were not yet performed."""

    blocking: bool
    queue: deque[Operation] = field(default_factory=deque)
    capture: Capture | None = None


@dataclass(eq=False)
class Mark:
    """The place in a stream where an event was recorded."""

    stream: Stream
    capture: Capture | None
    done: bool = False


@dataclass(eq=False)
class Event:
    """An event, with the place where it was last recorded."""

    mark: Mark | None = None


class Streams(Memory):
    """Queues, events and graphs; handles are integers that name one object of one kind."""

    def __init__(self) -> None:
        super().__init__()
        # Nobody creates the default streams: 0 and 1 are the legacy one, 2 is the thread's own.
        legacy = Stream(blocking=True)
        self.handles: dict[int, Stream | Event | Graph | Executable] = {
            0: legacy,
            1: legacy,
            2: Stream(blocking=True),
        }
        self._orphans: list[Stream] = []
        self._next = itertools.count(0x5550_0000_1000, 0x10)

    @property
    def live(self) -> Counter[str]:
        """What was made and not freed, by kind; empty when nothing leaks."""
        kinds = {Stream: "streams", Event: "events", Graph: "graphs", Executable: "graphs"}
        found = Counter(region.kind for region in self.regions.values())
        found.update(kinds[type(thing)] for handle, thing in self.handles.items() if handle > 2)
        return found

    def refuse_while_capturing(self) -> None:
        """Raise where a capture of this thread, or a global one, forbids an unsafe call."""
        for capture in self._captures():
            mine = capture.thread == threading.get_ident()
            if capture.mode == GLOBAL or (capture.mode == THREAD_LOCAL and mine):
                capture.invalid = True
                raise CudaError(900)

    @locked
    def stream_create(self, *, blocking: bool) -> int:
        """A stream; `blocking`: one that waits for the default stream."""
        self.begin("stream_create")
        return self._handle(Stream(blocking))

    @locked
    def stream_destroy(self, handle: int) -> None:
        """Free a stream; as with CUDA, what is still queued is not lost."""
        stream = self._take(handle, Stream)
        if stream.queue:
            self._orphans.append(stream)
        self.release("stream_destroy")

    @locked
    def synchronize(self, handle: int) -> None:
        """Perform all that is queued on a stream."""
        stream = self.find(handle, Stream)
        if stream.capture is not None:
            stream.capture.invalid = True
            raise CudaError(900)
        self.begin("synchronize")
        self._run(stream)

    @locked
    def device_synchronize(self) -> None:
        """Perform all that is queued anywhere."""
        for capture in self._captures():
            capture.invalid = True
            raise CudaError(900)
        self.begin("synchronize")
        for stream in [*self._orphans, *self._streams()]:
            self._run(stream)
        self._orphans.clear()

    @locked
    def copy(self, operation: str, target: int, source: int, size: int, stream: int) -> None:
        """Queue a copy."""
        sides = COPIES[operation]
        if not (self.reaches(source, size, sides[0]) and self.reaches(target, size, sides[1])):
            self.sound()
            raise CudaError(1)

        def perform() -> None:
            if not (self.reaches(source, size, sides[0]) and self.reaches(target, size, sides[1])):
                raise self.broken(700)
            ctypes.memmove(target, source, size)

        self.queue(operation, stream, perform)

    @locked
    def copy_now(self, operation: str, target: int, source: int, size: int) -> None:
        """Copy and wait, which no capture allows."""
        self.refuse_while_capturing()
        self.copy(operation, target, source, size, 0)
        self._run(self.find(0, Stream))

    @locked
    def queue(self, operation: str, handle: int, perform: Operation) -> bool:
        """Queue something, or record it; returns whether it was recorded."""
        stream = self.find(handle, Stream)
        if stream.capture is None:
            self._legacy(stream)
            self.begin(operation)
            stream.queue.append(perform)
            return False
        self.sound()
        # A copy counts, or fails, whenever the graph runs; an execution can fail to be recorded,
        # and counts itself when it is performed.
        counted = operation in COPIES
        if not counted:
            try:
                self._raise_planned(operation)
            except CudaError:
                stream.capture.invalid = True
                raise

        def later() -> None:
            if counted:
                self.begin(operation)
            perform()

        stream.capture.graph.operations.append(later)
        return True

    def find(self, handle: int, kind: type[_Kind]) -> _Kind:
        """The object of that kind."""
        thing = self.handles.get(handle)
        if not isinstance(thing, kind):
            self.sound()
            raise CudaError(400)
        return thing

    def _handle(self, thing: Stream | Event | Graph | Executable) -> int:
        handle = next(self._next)
        self.handles[handle] = thing
        return handle

    def _take(self, handle: int, kind: type[_Kind]) -> _Kind:
        if handle <= 2:
            raise CudaError(400)
        thing = self.find(handle, kind)
        del self.handles[handle]
        return thing

    def _streams(self) -> list[Stream]:
        return [thing for thing in self.handles.values() if isinstance(thing, Stream)]

    def _captures(self) -> list[Capture]:
        return [stream.capture for stream in self._streams() if stream.capture is not None]

    def _legacy(self, stream: Stream) -> None:
        """Raise where work on the default stream would wait for a blocking stream's capture."""
        if stream is not self.handles[0]:
            return
        for other in self._streams():
            if other.blocking and other.capture is not None:
                other.capture.invalid = True
                raise CudaError(906)

    def _run(self, stream: Stream, until: Mark | None = None) -> None:
        """Perform what is queued, up to a mark."""
        while stream.queue and not (until is not None and until.done):
            self.sound()
            stream.queue.popleft()()
        self.sound()
