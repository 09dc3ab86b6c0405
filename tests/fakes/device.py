"""One fake GPU, which the fakes of cuda-python, pycuda and TensorRT share in a process.

DEVICE.counts["malloc"]                what was called how often
DEVICE.live                            what was made and not freed; empty when nothing leaks
DEVICE.fail("copy_in", after=2)        the third copy from now fails
DEVICE.name, .capability, ...          may be set
DEVICE.reset()                         as new; EDGEFER_FAKE_DEVICE is read again
"""

from __future__ import annotations

import json
import os
import threading
from typing import Any

from tests.fakes.faults import CudaError, locked
from tests.fakes.streams import (
    RELAXED,
    Capture,
    Event,
    Executable,
    Graph,
    Mark,
    Stream,
    Streams,
)


class Device(Streams):
    """The device: what it is, and its events and graphs."""

    def __init__(self) -> None:
        super().__init__()
        self.reset()

    @locked
    def reset(self) -> None:
        """Forget everything, and be an Orin again, or what EDGEFER_FAKE_DEVICE says in JSON."""
        Streams.__init__(self)
        self.name = "Orin"
        self.capability = (8, 7)
        self.integrated = True
        self.driver_version = 12060
        self.runtime_version = 12060
        self.total_memory = Streams.total_memory
        self.free_memory = Streams.free_memory
        # Why there is no GPU: "", "driver" (none is installed) or "device" (none is found).
        self.missing = ""
        stated: dict[str, Any] = json.loads(os.environ.get("EDGEFER_FAKE_DEVICE", "{}"))
        for key, value in stated.items():
            if not hasattr(self, key):
                msg = f"EDGEFER_FAKE_DEVICE: the fake device has no {key!r}"
                raise ValueError(msg)
            setattr(self, key, tuple(value) if isinstance(value, list) else value)

    @locked
    def event_create(self) -> int:
        """An event."""
        self.begin("event_create")
        return self._handle(Event())

    @locked
    def event_destroy(self, handle: int) -> None:
        """Free an event."""
        self._take(handle, Event)
        self.release("event_destroy")

    @locked
    def event_record(self, handle: int, stream_handle: int) -> None:
        """Mark the place that the stream has reached."""
        event, stream = self.find(handle, Event), self.find(stream_handle, Stream)
        self.begin("event_record")
        mark = event.mark = Mark(stream, stream.capture)
        if stream.capture is None:
            stream.queue.append(lambda: setattr(mark, "done", True))

    @locked
    def event_synchronize(self, handle: int) -> None:
        """Perform all that comes before the event."""
        mark = self.find(handle, Event).mark
        if mark is not None and mark.capture is not None:
            mark.capture.invalid = True
            raise CudaError(907)
        self.begin("synchronize")
        if mark is not None:
            self._run(mark.stream, mark)

    @locked
    def wait_event(self, stream_handle: int, handle: int) -> None:
        """Let the stream wait for the event as it stands now."""
        stream, mark = self.find(stream_handle, Stream), self.find(handle, Event).mark
        self.begin("wait_event")
        capture = stream.capture
        if mark is None or (mark.capture is not None and mark.capture is capture):
            return
        if capture is not None:
            capture.invalid = True
            raise CudaError(905)
        if mark.capture is not None:
            # CUDA would draw this stream into the capture.
            msg = "the fake device has no capture of several streams"
            raise NotImplementedError(msg)
        awaited = mark
        stream.queue.append(lambda: self._run(awaited.stream, awaited))

    @locked
    def begin_capture(self, handle: int, mode: int) -> None:
        """From now on the stream records."""
        stream = self.find(handle, Stream)
        if handle in (0, 1):
            raise CudaError(900)
        if stream.capture is not None:
            raise CudaError(401)
        self.begin("begin_capture")
        stream.capture = Capture(mode)

    @locked
    def end_capture(self, handle: int) -> int:
        """Stop recording; what was recorded becomes a graph."""
        stream = self.find(handle, Stream)
        capture = stream.capture
        if capture is None:
            raise CudaError(401)
        if capture.mode != RELAXED and capture.thread != threading.get_ident():
            raise CudaError(908)
        # Whatever comes of it, the stream records no longer.
        stream.capture = None
        self.begin("end_capture")
        if capture.invalid:
            raise CudaError(901)
        return self._handle(capture.graph)

    @locked
    def is_capturing(self, handle: int) -> bool:
        """Whether the stream records."""
        return self.find(handle, Stream).capture is not None

    @locked
    def invalidate(self, handle: int) -> None:
        """Spoil the capture of a stream, as a call does that a capture does not allow."""
        capture = self.find(handle, Stream).capture
        if capture is not None:
            capture.invalid = True

    @locked
    def graph_instantiate(self, handle: int) -> int:
        """A graph that can be launched."""
        graph = self.find(handle, Graph)
        self.begin("graph_instantiate")
        return self._handle(Executable(list(graph.operations)))

    @locked
    def graph_launch(self, handle: int, stream_handle: int) -> None:
        """Queue a graph."""
        executable, stream = self.find(handle, Executable), self.find(stream_handle, Stream)
        if stream.capture is not None:
            # CUDA would make it a node of the graph.
            msg = "the fake device has no graphs within graphs"
            raise NotImplementedError(msg)
        self._legacy(stream)
        self.begin("launch")
        stream.queue.extend(executable.operations)

    @locked
    def graph_destroy(self, handle: int) -> None:
        """Free a recorded graph."""
        self._take(handle, Graph)
        self.release("graph_destroy")

    @locked
    def executable_destroy(self, handle: int) -> None:
        """Free an instantiated graph."""
        self._take(handle, Executable)
        self.release("graph_destroy")


DEVICE = Device()
